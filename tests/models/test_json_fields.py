from __future__ import annotations

import json
import math

import pytest

from utilities.errors import FailedAttempt
from utilities.files.json_lines import encode_line
from utilities.models.interface import Reply
from utilities.models.json_fields import encode_json, parse_json


@pytest.mark.parametrize("text", [r'["\ud800"]', "[1e400, 5]", "[" * 900 + "]" * 900])
def test_an_answer_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


def test_numbers_that_are_none_are_no_reason_to_lose_a_reply() -> None:
    assert math.isnan(parse_json(b"[NaN]")[0])


def test_what_is_no_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        parse_json(b"<html>")


def test_a_prompt_with_half_a_character_is_sent() -> None:
    assert json.loads(encode_json({"content": "\ud800"})) == {"content": "\ud800"}


@pytest.mark.parametrize("text", ["plain", "half a character: \ud800"])
def test_a_reply_is_written_with_all_its_fields_whatever_its_text(text: str) -> None:
    reply = Reply(text, failed_attempts=(FailedAttempt("rate_limited", 429, 0.5),))
    read = Reply.from_json(json.loads(encode_line({"reply": reply}))["reply"])
    assert read == Reply(text.replace("\ud800", "?"), failed_attempts=reply.failed_attempts)
