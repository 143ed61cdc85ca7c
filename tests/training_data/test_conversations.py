"""Rows of samples in several turns: whole conversations for trainers, or the last answer alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run
from tests.support.training_results import PROMPT, RIGHT, WRONG, entry, mirror_task, write
from utilities.models.tools import PYTHON, SUBMITS

SCRIPT = "auxiliary_utilities/export_training_data.py"
Rows = list[dict[str, Any]]
LOOK = {"code": "train[0]['output']"}
OFFERED = [*PROMPT[:-1], {"role": "user", "content": "Find the rule. You may call python."}]


def call(name: str, given: dict[str, Any], call_id: str, **came: Any) -> dict[str, Any]:
    told = {"id": call_id, "name": name, "arguments": json.dumps(given)}
    return told | {"result": None, "status": "not_run", "duration_s": None} | came


def turn(text: str, *calls: dict[str, Any], thinking: str | None = None) -> dict[str, Any]:
    return {"text": text, "thinking": thinking, "tool_calls": list(calls), "cost_usd": 0.01}


LOOKED = turn(
    "I look.",
    call("python", LOOK, "c1", result="[[3, 2, 1]]\n", status="ok"),
    thinking="Let me look.",
)
HANDED_IN = turn(
    "<think>So that is it.</think>It mirrors.",
    call("submit", {"code": RIGHT}, "c2", status="submitted"),
    call("python", LOOK, "c3"),
)
WRITTEN = turn(f"It mirrors.\n```python\n{RIGHT}```")
MALFORMED = turn("", call("python", {}, "c1", result="`code` is missing", status="malformed"))
CUT_OFF = turn("", call("python", LOOK, "c1"))
DAMAGED = {"text": None, "tool_calls": ["no call", {"id": 3}]}
IN_BLOCKS = turn(
    "I look.\n```python run\ntrain\n```",
    call("python", {"code": "train\n"}, "block_1", result="[1]", status="ok"),
)


def results(folder: Path, *conversations: list[dict[str, Any]] | None) -> Path:
    codes: list[str | None] = [RIGHT + "\n" * number for number, _ in enumerate(conversations)]
    told = entry(
        "a",
        mirror_task(),
        codes,
        reasoning=["It mirrors." for _ in conversations],
        prompt_messages=[PROMPT if turns is None else OFFERED for turns in conversations],
        turns=list(conversations),
    )
    return write(folder / "results.jsonl", told)


def rows_of(run_script: Run, source: Path, form: str, *more: str) -> Rows:
    output = source.parent / f"{form}.jsonl"
    done = run_script(SCRIPT, source, "--format", form, "--output", output, *more)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_a_row_for_chat_templates_has_the_conversation_and_its_tools(
    run_script: Run, tmp_path: Path
) -> None:
    (row,) = rows_of(run_script, results(tmp_path, [LOOKED, HANDED_IN]), "tool_calls")
    looked, result, handed_in = row["messages"][2:]
    assert row["messages"][:2] == OFFERED
    assert looked["content"] == "I look."
    assert looked["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "python", "arguments": LOOK}}
    ]
    assert result == {
        "role": "tool",
        "tool_call_id": "c1",
        "name": "python",
        "content": "[[3, 2, 1]]\n",
    }
    (submit,) = handed_in["tool_calls"]
    assert submit["function"] == {"name": "submit", "arguments": {"code": RIGHT}}
    assert handed_in["content"] == "It mirrors.", "without the thinking"
    tools = [tool["function"] for tool in row["tools"]]
    assert tools == [PYTHON.to_json(), SUBMITS["program"].to_json()]
    assert row["provenance"]["verdict"] == "train_and_test"


def test_a_row_for_openai_has_arguments_as_text_and_nothing_else(
    run_script: Run, tmp_path: Path
) -> None:
    (row,) = rows_of(run_script, results(tmp_path, [LOOKED, WRITTEN]), "openai_tool_calls")
    assert set(row) == {"messages", "tools", "parallel_tool_calls"}
    _, _, looked, result, answer = row["messages"]
    assert json.loads(looked["tool_calls"][0]["function"]["arguments"]) == LOOK
    assert result == {"role": "tool", "tool_call_id": "c1", "content": "[[3, 2, 1]]\n"}
    assert set(looked) == {"role", "content", "tool_calls"}
    for called in looked["tool_calls"]:
        assert (set(called), called["type"]) == ({"id", "type", "function"}, "function")
        assert set(called["function"]) == {"name", "arguments"}
    for tool in row["tools"]:
        assert (set(tool), tool["type"]) == ({"type", "function"}, "function")
        assert set(tool["function"]) == {"name", "description", "parameters"}
    assert RIGHT in answer["content"] and "tool_calls" not in answer


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ((), ("", "I look."), ("", "It mirrors.")),
        (("--reasoning", "none"), ("", ""), ("", "")),
        (("--reasoning", "both"), ("Let me look.", "I look."), ("So that is it.", "It mirrors.")),
        (("--reasoning", "thinking"), ("Let me look.", ""), ("So that is it.", "")),
    ],
)
def test_turns_have_the_words_and_the_thinking_that_rows_shall_have(
    run_script: Run,
    tmp_path: Path,
    words: tuple[str, ...],
    first: tuple[str, str],
    last: tuple[str, str],
) -> None:
    source = results(tmp_path, [LOOKED, HANDED_IN])
    (row,) = rows_of(run_script, source, "tool_calls", *words)
    said = [
        (message.get("reasoning_content", ""), message["content"])
        for message in row["messages"]
        if message["role"] == "assistant"
    ]
    assert said == [first, last]


def test_all_other_formats_have_the_last_answer_after_a_prompt_without_tools(
    run_script: Run, tmp_path: Path
) -> None:
    (row,) = rows_of(run_script, results(tmp_path, [LOOKED, WRITTEN]), "messages")
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    assert "You may call python" not in row["messages"][1]["content"]
    assert row["messages"][2]["content"] == f"```python\n{RIGHT.rstrip()}\n```"


def test_blocks_are_run_by_messages_of_the_user(run_script: Run, tmp_path: Path) -> None:
    source = results(tmp_path, [IN_BLOCKS, WRITTEN])
    (row,) = rows_of(run_script, source, "tool_calls", "--reasoning", "none")
    assert row["tools"] == []
    looked, shown, _ = row["messages"][2:]
    assert looked == {"role": "assistant", "content": IN_BLOCKS["text"]}
    assert shown == {"role": "user", "content": "Result of block 1:\n\n```\n[1]\n```"}


def test_a_row_of_blocks_for_openai_has_messages_and_no_empty_list_of_tools(
    run_script: Run, tmp_path: Path
) -> None:
    (row,) = rows_of(run_script, results(tmp_path, [IN_BLOCKS, WRITTEN]), "openai_tool_calls")
    assert set(row) == {"messages"}
    assert all(set(message) == {"role", "content"} for message in row["messages"])


def test_conversations_that_teach_faults_are_left_out_and_told(
    run_script: Run, tmp_path: Path
) -> None:
    source = results(
        tmp_path,
        [LOOKED, WRITTEN],
        [MALFORMED, WRITTEN],
        [CUT_OFF, WRITTEN],
        [DAMAGED, WRITTEN],
        None,
    )
    rows = rows_of(run_script, source, "tool_calls", "--deduplicate", "none")
    assert [row["provenance"]["sample_index"] for row in rows] == [0]
    card = (tmp_path / "tool_calls_card.md").read_text()
    for reason in ("a malformed call", "a call without a result", "no turns with tools"):
        assert reason in card


def test_a_failed_program_is_no_conversation_to_learn_from(run_script: Run, tmp_path: Path) -> None:
    told = entry("a", mirror_task(), [WRONG, RIGHT], turns=[[LOOKED, HANDED_IN], [WRITTEN]])
    rows = rows_of(run_script, write(tmp_path / "results.jsonl", told), "tool_calls")
    assert [row["provenance"]["sample_index"] for row in rows] == [1]


def test_versions_of_a_conversation_are_refused(run_script: Run, tmp_path: Path) -> None:
    words = ("--format", "tool_calls", "--output", tmp_path / "rows.jsonl", "--augment", "2")
    done = run_script(SCRIPT, results(tmp_path, [LOOKED, HANDED_IN]), *words)
    assert done.returncode == 2 and "--augment" in done.stderr
