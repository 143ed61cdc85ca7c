"""Calls of tools in the three dialects: how they are offered, read and sent back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types import MessageParam, ToolParam
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from openai.types.responses import FunctionToolParam, ResponseInputItemParam
from pydantic import TypeAdapter

from tests.support.tool_server import DIALECTS, JSON, Said, python, says, seal
from utilities.config import find_model
from utilities.errors import UsageError
from utilities.files.json_lines import encode_line
from utilities.models.api_client import APIClient
from utilities.models.factory import CLIENTS
from utilities.models.interface import Message, Reply, Sampling
from utilities.models.tool_calls import CallPieces, arguments_object, arguments_sent_back
from utilities.models.tools import PYTHON, SUBMITS

PATHS = {"chat": "/chat/completions", "messages": "/messages", "responses": "/responses"}
LISTS = {"chat": "messages", "messages": "messages", "responses": "input"}
TOOLS = (PYTHON, SUBMITS["program"], SUBMITS["grids"])
TWO_CALLS = says("Let me see.", python("1 + 1"), python("2 + 2"), thought="Hm, é")
PROMPT: list[Message] = [
    {"role": "system", "content": "You solve grids."},
    {"role": "user", "content": "Go."},
]


def client_of(api: str) -> APIClient:
    entry = replace(find_model("GPT"), api=api, base_url="http://localhost:9/v1", thinking=True)
    return CLIENTS[api](entry, "sk-test-123456")


def read_whole(api: str, said: Said) -> Reply:
    return client_of(api).read(json.dumps(DIALECTS[PATHS[api]].reply(said, 0)))


def read_stream(api: str, said: Said) -> Reply:
    dialect = DIALECTS[PATHS[api]]
    events = dialect.events(dialect.reply(said, 0))
    return client_of(api).read("".join(f"data: {json.dumps(one)}\n\n" for one in events))


def conversation(reply: Reply, *, replayed: bool = True) -> list[Message]:
    """The prompt, the reply, and what came of its calls."""
    said: Message = {"role": "assistant", "content": reply.text, "tool_calls": reply.tool_calls}
    if replayed and reply.replay is not None:
        said["replay"] = reply.replay
    results = [
        Message(role="tool", content=f"result {place}", tool_call_id=call["id"])
        for place, call in enumerate(reply.tool_calls)
    ]
    return [*PROMPT, said, *results]


def sent(api: str, messages: list[Message]) -> list[JSON]:
    body = client_of(api).body(messages, Sampling())
    return json.loads(json.dumps(body[LISTS[api]]))  # type: ignore[no-any-return]


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("read", [read_whole, read_stream])
def test_calls_are_read_from_a_reply_whole_or_streamed(api: str, read: Any) -> None:
    reply = read(api, TWO_CALLS)
    assert [call["name"] for call in reply.tool_calls] == ["python", "python"]
    codes = [json.loads(call["arguments"])["code"] for call in reply.tool_calls]
    assert codes == ["1 + 1", "2 + 2"]
    assert len({call["id"] for call in reply.tool_calls}) == 2
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Let me see.", "Hm, é", "stop")


@pytest.mark.parametrize("api", PATHS)
def test_a_reply_of_calls_alone_is_a_reply(api: str) -> None:
    said = says("", python("1"))
    document = DIALECTS[PATHS[api]].reply(said, 0) | {"usage": {}}
    assert client_of(api).read(json.dumps(document)).text == ""


@pytest.mark.parametrize("api", PATHS)
def test_what_is_sent_back_is_the_same_whether_it_was_streamed(api: str) -> None:
    whole, streamed = (conversation(read(api, TWO_CALLS)) for read in (read_whole, read_stream))
    assert sent(api, whole) == sent(api, streamed)


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("replayed", [True, False])
def test_requests_have_the_forms_of_the_sdks_types(api: str, replayed: bool) -> None:
    types: dict[str, Any] = {
        "chat": (ChatCompletionFunctionToolParam, ChatCompletionMessageParam),
        "messages": (ToolParam, MessageParam),
        "responses": (FunctionToolParam, ResponseInputItemParam),
    }
    tool_type, message_type = types[api]
    tools = json.loads(json.dumps(client_of(api).tool_fields(TOOLS)["tools"]))
    for tool in tools:
        assert TypeAdapter(tool_type).validate_python(tool) == tool
    known = {"reasoning_content"}  # a field of servers that OpenAI's type does not know
    for message in sent(api, conversation(read_stream(api, TWO_CALLS), replayed=replayed)):
        standard = {name: value for name, value in message.items() if name not in known}
        assert TypeAdapter(message_type).validate_python(standard)


def test_anthropic_gets_all_blocks_back_in_order_and_results_in_one_message() -> None:
    _, said, results = sent("messages", conversation(read_stream("messages", TWO_CALLS)))
    kinds = [block["type"] for block in said["content"]]
    assert kinds == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    assert said["content"][0]["signature"] == seal("Hm, é")
    assert said["content"][1]["data"] == "c2VjcmV0"
    assert said["content"][3]["input"] == {"code": "1 + 1"}
    assert [block["tool_use_id"] for block in results["content"]] == ["toolu_0_0", "toolu_0_1"]
    assert [block["content"] for block in results["content"]] == ["result 0", "result 1"]


def test_responses_get_their_items_back_unchanged() -> None:
    items = DIALECTS["/responses"].reply(TWO_CALLS, 0)["output"]
    told = sent("responses", conversation(read_stream("responses", TWO_CALLS)))
    assert told[2:6] == items
    assert [one["type"] for one in told[6:]] == ["function_call_output"] * 2
    assert client_of("responses").body(PROMPT, Sampling())["store"] is False


def test_chat_servers_get_reasoning_and_signatures_back_beside_the_calls() -> None:
    message = DIALECTS["/chat/completions"].reply(TWO_CALLS, 0)["choices"][0]["message"]
    assert sent("chat", conversation(read_stream("chat", TWO_CALLS)))[2] == message


def test_reasoning_details_of_a_stream_are_joined_and_sent_back() -> None:
    text = {"type": "reasoning.text", "index": 0, "format": "f"}
    sealed = {"type": "reasoning.encrypted", "index": 1, "data": "c2Vj"}
    deltas = [
        {"reasoning_details": [{**text, "text": "I "}], "reasoning": "I "},
        {"reasoning_details": [{**text, "text": "see"}], "reasoning": "see"},
        {"reasoning_details": [{**text, "signature": "s"}, sealed]},
        {"tool_calls": [{"index": 0, "id": "c", "function": python("1")}]},
    ]
    events = [{"choices": [{"delta": delta}]} for delta in deltas]
    events.append({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    reply = client_of("chat").read("".join(f"data: {json.dumps(one)}\n\n" for one in events))
    assert reply.replay is not None
    assert reply.replay[0]["reasoning_details"] == [
        {**text, "text": "I see", "signature": "s"},
        sealed,
    ]
    assert reply.reasoning == "I see"


def chat_reply(*calls: Any) -> Reply:
    message = {"content": None, "tool_calls": list(calls)}
    document = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    return client_of("chat").read(json.dumps(document))


@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("a", "a"), ("a", None)])
def test_missing_and_equal_ids_are_replaced(ids: tuple[Any, Any]) -> None:
    reply = chat_reply(*({"id": one, "function": python("1")} for one in ids))
    first, second = (call["id"] for call in reply.tool_calls)
    assert first
    assert second
    assert first != second
    told = sent("chat", conversation(reply))
    assert [call["id"] for call in told[2]["tool_calls"]] == [first, second]
    assert [one["tool_call_id"] for one in told[3:]] == [first, second]


def test_arguments_may_come_as_an_object() -> None:
    reply = chat_reply({"id": "a", "function": {"name": "python", "arguments": {"code": "é"}}})
    assert reply.tool_calls[0]["arguments"] == '{"code": "é"}'


@pytest.mark.parametrize("text", ["{'code': 1}", '{"code": "1', "[1]", "17", "print(1)", '"x"'])
def test_arguments_that_are_no_object_go_back_in_one(text: str) -> None:
    assert arguments_object(text) is None
    assert json.loads(arguments_sent_back(text)) == {"INVALID_JSON": text}
    said = says("", {"name": "python", "arguments": text})
    for api in ("chat", "messages"):
        reply = read_stream(api, said)
        assert reply.tool_calls[0]["arguments"] == text
        told = sent(api, conversation(reply))
        assert "INVALID_JSON" in json.dumps(told)


def test_line_ends_within_strings_are_taken_and_sent_back_as_json() -> None:
    text = '{"code": "a = 1\nprint(a)"}'
    assert arguments_object(text) == {"code": "a = 1\nprint(a)"}
    assert json.loads(arguments_sent_back(text)) == {"code": "a = 1\nprint(a)"}


def test_arguments_that_are_json_go_back_as_they_came() -> None:
    text = '{ "code" :  "1" }'
    assert arguments_sent_back(text) == text


def pieces(*deltas: JSON) -> list[JSON]:
    together = CallPieces()
    for delta in deltas:
        together.take(delta)
    return [{**call["function"], "id": call["id"]} for call in together.calls]


def test_pieces_of_calls_are_put_together_by_index() -> None:
    assert pieces(
        {"index": 0, "id": "a", "function": {"name": "python", "arguments": ""}},
        {"index": 1, "id": "b", "function": {"name": "submit", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 1, "function": {"arguments": "{}"}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ) == [
        {"id": "a", "name": "python", "arguments": '{"x": 1}'},
        {"id": "b", "name": "submit", "arguments": "{}"},
    ]


@pytest.mark.parametrize("index", [{"index": 0}, {}, {"index": None}])
@pytest.mark.parametrize("ids", [("a", "b"), ("", "")])
def test_whole_calls_without_a_count_are_told_apart(index: JSON, ids: tuple[str, str]) -> None:
    both = [{**index, "id": one, "function": {"name": "python", "arguments": "{}"}} for one in ids]
    assert [call["id"] for call in pieces(*both)] == list(ids)


def test_a_name_and_an_id_in_each_piece_do_not_begin_a_call() -> None:
    parts = ['{"code"', ': "1"', "}"]
    made = pieces(
        *(
            {"index": 0, "id": "a", "function": {"name": "python", "arguments": one}}
            for one in parts
        )
    )
    assert made == [{"id": "a", "name": "python", "arguments": '{"code": "1"}'}]


@pytest.mark.parametrize(
    "odd",
    [None, 3, "x", {}, {"function": None}, {"function": []}, {"function": {"name": 3}}],
)
def test_odd_calls_break_nothing(odd: Any) -> None:
    reply = chat_reply(odd, {"id": "a", "function": python("1")})
    assert reply.tool_calls[-1]["name"] == "python"
    CallPieces().take(odd)


@pytest.mark.parametrize("made_by", PATHS)
@pytest.mark.parametrize("sent_to", PATHS)
def test_a_conversation_goes_on_in_another_dialect(made_by: str, sent_to: str) -> None:
    """As after a change of the base URL, or with a seed, which the Responses API does not take."""
    reply = read_whole(made_by, TWO_CALLS)
    told = DIALECTS[PATHS[sent_to]].messages({LISTS[sent_to]: sent(sent_to, conversation(reply))})
    ids = [call["id"] for call in reply.tool_calls]
    said = next(one for one in told if one["role"] == "assistant")
    assert said["calls"] == ids
    assert [one["results"] for one in told if one.get("results")] == [ids]


def test_a_reply_with_calls_is_the_same_after_a_journal() -> None:
    reply = read_whole("messages", TWO_CALLS)
    again = Reply.from_json(json.loads(encode_line({"reply": reply}))["reply"])
    assert (again.tool_calls, again.replay) == (reply.tool_calls, reply.replay)


def test_an_api_without_tools_says_what_to_use() -> None:
    class Toy(CLIENTS["chat"]):  # type: ignore[misc]
        tool_fields = APIClient.tool_fields

    with pytest.raises(UsageError, match="python_text"):
        Toy(find_model("GPT"), "k").tool_fields(TOOLS)
