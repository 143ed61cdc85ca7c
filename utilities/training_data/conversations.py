"""Conversations with calls of tools, as rows have them."""

from typing import Any

from utilities.models.tool_calls import arguments_object
from utilities.models.tools import PYTHON, SUBMITS, results_in_text
from utilities.training_data.samples import TrainingSample

Turn = dict[str, Any]
_BLOCK = "block_"
"""So begin the ids of calls that stood as blocks in the text of a reply."""


def shown_turns(sample: TrainingSample, *, words: bool, thinking: bool) -> list[Turn] | None:
    """The turns with words and thinking apart, and each of them empty if rows shall not have it.

    Blocks that are to be run stand among the words, so words with blocks stay.
    """
    if sample.turns is None:
        return None
    keeps_words = words or _has_blocks(sample)
    shown = []
    for turn in sample.turns:
        said, thought = str(turn.get("text") or ""), str(turn.get("thinking") or "")
        if "</think>" in said:
            inline, _, said = said.rpartition("</think>")
            thought = thought or inline.replace("<think>", "")
        kept = {"text": said.strip() * keeps_words, "thinking": thought.strip() * thinking}
        shown.append({**kept, "tool_calls": _calls(turn)})
    return shown


def _calls(turn: Turn) -> list[Turn]:
    """The calls of a turn, every field a text; the result None if there is none."""
    found = turn.get("tool_calls")
    return [
        {
            **{name: str(call.get(name) or "") for name in ("id", "name", "arguments", "status")},
            "result": call["result"] if isinstance(call.get("result"), str) else None,
        }
        for call in (found if isinstance(found, list) else [])
        if isinstance(call, dict)
    ]


def lacks_conversation(sample: TrainingSample) -> str | None:
    """Why a sample has no conversation that is fit for training; None if it has one."""
    if not sample.turns:
        return "no turns with tools"
    calls = [call for turn in sample.turns for call in _calls(turn)]
    if any(call["status"] == "malformed" for call in calls):
        return "a malformed call"
    answered = (call["result"] is not None for turn in sample.turns[:-1] for call in _calls(turn))
    return None if all(answered) else "a call without a result"


def tools_of(sample: TrainingSample) -> list[Turn]:
    """The tools that were offered, as chat APIs and chat templates take them."""
    if _has_blocks(sample):
        return []
    submit = SUBMITS["grids" if sample.python_code is None else "program"]
    return [{"type": "function", "function": tool.to_json()} for tool in (PYTHON, submit)]


def _has_blocks(sample: TrainingSample) -> bool:
    calls = [call for turn in sample.turns or () for call in _calls(turn)]
    return any(call["id"].startswith(_BLOCK) for call in calls)


def conversation(
    sample: TrainingSample, answer: Turn, *, as_objects: bool, thinking_field: bool
) -> list[Turn]:
    """The messages after the prompt, up to the answer.

    Arguments of calls are objects if `as_objects`, else JSON as text. The last turn hands in by a
    call, or else is `answer`.
    """
    turns, messages = sample.turns or [], list[Turn]()
    for turn in turns[:-1]:
        calls, said = turn["tool_calls"], _said(turn, thinking_field=thinking_field)
        results = [call["result"] for call in calls]
        if _has_blocks(sample):
            messages += [said, {"role": "user", "content": results_in_text(results)}]
            continue
        said["tool_calls"] = [_call(call, as_objects=as_objects) for call in calls]
        messages.append(said)
        messages += [
            {
                "role": "tool",
                "tool_call_id": call["id"],
                "name": call["name"],
                "content": call["result"],
            }
            for call in calls
        ]
    handed_in = [call for call in turns[-1]["tool_calls"] if call.get("status") == "submitted"]
    if not handed_in:
        return [*messages, answer]
    said = _said(turns[-1], thinking_field=thinking_field)
    said["tool_calls"] = [_call(call, as_objects=as_objects) for call in handed_in]
    return [*messages, said]


def _said(turn: Turn, *, thinking_field: bool) -> Turn:
    words, thinking = turn["text"], turn["thinking"]
    if thinking_field:
        return {"role": "assistant", "reasoning_content": thinking, "content": words}
    if thinking:
        words = f"<think>\n{thinking}\n</think>\n\n{words}".rstrip()
    return {"role": "assistant", "content": words}


def _call(call: Turn, *, as_objects: bool) -> Turn:
    arguments = call["arguments"]
    given = arguments_object(arguments) if as_objects else arguments
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": call["name"], "arguments": given},
    }
