"""Requests with pictures, against the types of the providers' own SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import ImageBlockParam, TextBlockParam
from openai.types.chat import (
    ChatCompletionContentPartImageParam,
    ChatCompletionContentPartTextParam,
)
from openai.types.responses import ResponseInputImageParam, ResponseInputTextParam
from pydantic import TypeAdapter

from agents.prompts.building import Showing, prompt_messages
from utilities.config import find_model
from utilities.models.anthropic_messages import message_body
from utilities.models.chat_completions import chat_body
from utilities.models.content import responses_content
from utilities.models.interface import Sampling, system_in_user
from utilities.tasks.task import Pair, Task
from utilities.views.pictures import Pictures

TASK = Task("t", (Pair([[1, 2]], [[3]]),), (Pair([[4]], None),))
MESSAGES = prompt_messages("direct_answer", TASK, Showing(pictures=Pictures("pairs")), "grids")


def check_all(parts: list[dict[str, Any]], types: dict[str, Any]) -> None:
    """Each part has the form of its type, without further fields, and each type occurs."""
    for part in parts:
        kind = types[part["type"]]
        assert TypeAdapter(kind).validate_python(part, strict=True) == part
        assert part.keys() <= kind.__annotations__.keys()
    assert {part["type"] for part in parts} == types.keys()


def test_chat_completions_take_the_parts() -> None:
    body = chat_body(find_model("GPT"), MESSAGES, Sampling())
    types = {
        "text": ChatCompletionContentPartTextParam,
        "image_url": ChatCompletionContentPartImageParam,
    }
    check_all(body["messages"][1]["content"], types)
    assert isinstance(body["messages"][0]["content"], str)


def test_messages_take_the_parts() -> None:
    body = message_body(find_model("CLAUDE_OPUS"), MESSAGES, Sampling())
    check_all(body["messages"][0]["content"], {"text": TextBlockParam, "image": ImageBlockParam})
    assert isinstance(body["system"], str)


def test_responses_take_the_parts() -> None:
    types = {"input_text": ResponseInputTextParam, "input_image": ResponseInputImageParam}
    check_all(responses_content(MESSAGES[1]["content"]), types)


def test_the_system_text_can_stand_before_pictures_in_the_users_message() -> None:
    (message,) = system_in_user(MESSAGES)
    assert isinstance(message["content"], list)
    first = message["content"][0]
    assert first["type"] == "text"
    assert first["text"] == MESSAGES[0]["content"]


@pytest.mark.parametrize("content", ["text", "", "with\nlines"])
def test_a_text_is_sent_as_it_is(content: str) -> None:
    messages = [{"role": "user", "content": content}]
    assert chat_body(find_model("GPT"), messages, Sampling())["messages"] == messages  # type: ignore[arg-type]
    body = message_body(find_model("CLAUDE_OPUS"), messages, Sampling())  # type: ignore[arg-type]
    assert body["messages"] == messages
