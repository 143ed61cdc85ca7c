"""Calls of tools as servers write them: put together, told apart, and made fit to be sent back."""

import json
from collections.abc import Iterable, Sequence

from utilities.files.hashing import hash_of
from utilities.models.interface import ToolCall
from utilities.models.json_fields import JSONObject, encode_json, object_at, parse_json, text_at

_ID_LENGTH = 9
"""Mistral takes no other."""
_NO_JSON = "INVALID_JSON"
"""The name that Anthropic gives what is no JSON."""
_OF_CHAT = frozenset({"index", "id", "type", "function"})


def told_apart(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """The calls of a reply, each with an id of its own: servers leave ids out, or repeat them."""
    apart: list[ToolCall] = []
    for place, call in enumerate(calls):
        if not call["id"] or any(call["id"] == other["id"] for other in apart):
            made = hash_of([place, call["id"], call["name"], call["arguments"]])[:_ID_LENGTH]
            apart.append(ToolCall(id=made, name=call["name"], arguments=call["arguments"]))
        else:
            apart.append(call)
    return tuple(apart)


def arguments_text(value: object) -> str:
    """What a tool was given, as text: some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def arguments_object(text: str) -> JSONObject | None:
    """The object that a tool was given; None if the text is no JSON object.

    Line ends within strings, which JSON forbids, are taken.
    """
    try:
        found = json.loads(text or "{}", strict=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def arguments_sent_back(text: str) -> str:
    """The same as JSON of an object in any case: servers refuse a conversation that holds another.

    What is that already stays as it came.
    """
    try:
        if isinstance(parse_json(text), dict):
            return text
    except (ValueError, RecursionError):
        pass
    found = arguments_object(text)
    return encode_json({_NO_JSON: text} if found is None else found).decode("utf-8")


def chat_calls(found: Sequence[object]) -> list[JSONObject]:
    """The calls in a chat completion's message, in the form in which they are sent back.

    Fields of a provider's own stay as they are: Gemini's `extra_content` holds the signatures of
    thoughts that it wants back.
    """
    calls = [one for one in found if isinstance(one, dict) and object_at(one, "function")]
    plain = [plain_call(one) for one in calls]
    return [
        {
            **{name: value for name, value in call.items() if name not in _OF_CHAT},
            "id": apart["id"],
            "type": "function",
            "function": {"name": apart["name"], "arguments": apart["arguments"]},
        }
        for call, apart in zip(calls, told_apart(plain), strict=True)
    ]


def plain_call(call: JSONObject) -> ToolCall:
    """A call of a chat completion, without what only its provider knows."""
    function = object_at(call, "function")
    return ToolCall(
        id=text_at(call, "id"),
        name=text_at(function, "name"),
        arguments=arguments_text(function.get("arguments")),
    )


def sent_back(call: JSONObject) -> JSONObject:
    """A call of a chat completion with arguments that each server can parse."""
    function = call["function"]
    return {
        **call,
        "function": {**function, "arguments": arguments_sent_back(function["arguments"])},
    }


class CallPieces:
    """Puts the calls of a chat completion together from the deltas of its stream."""

    def __init__(self) -> None:
        """No call has begun."""
        self.calls: list[JSONObject] = []
        """In the form of a whole message."""
        self._open: dict[object, JSONObject] = {}

    def take(self, delta: object) -> str:
        """Take one piece of a call; returns its text.

        A piece belongs to the last call of its `index`. It begins another one if its id differs,
        or if it brings a name once the arguments are whole: not all servers count.
        """
        if not isinstance(delta, dict):
            return ""
        place, piece = delta.get("index"), object_at(delta, "function")
        place = place if isinstance(place, int) else None
        call_id, name = text_at(delta, "id"), text_at(piece, "name")
        call = self._open.get(place)
        if call is None or _begins_another(call, call_id, name):
            call = {"id": "", "function": {"name": "", "arguments": ""}}
            self._open[place] = call
            self.calls.append(call)
        call |= {key: value for key, value in delta.items() if key not in _OF_CHAT and value}
        call["id"] = call["id"] or call_id
        text = arguments_text(piece.get("arguments"))
        call["function"]["name"] = call["function"]["name"] or name
        call["function"]["arguments"] += text
        return text


def _begins_another(call: JSONObject, call_id: str, name: str) -> bool:
    if call_id and call["id"]:
        return bool(call_id != call["id"])
    given = call["function"]["arguments"]
    return bool(name and given) and arguments_object(given) is not None
