"""Rows in the shapes that trainers read, with thinking in its place, split as asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.reply_parsing import extract_grids, extract_reasoning, extract_thinking
from tests.support.entries import result_entry
from tests.support.scripts import Run
from tests.support.training_results import PROMPT, RIGHT, WRONG, entry, mirror_task, write

SCRIPT = "auxiliary_utilities/export_training_data.py"
Rows = list[dict[str, Any]]
Export = Callable[..., Rows]
ASKS_FOR_GRIDS = [{"role": "user", "content": "Find the rule.\n\nTest output 1:\n```\n0 1\n```"}]
THOUGHT = "Let me think. Mirror each row."


@pytest.fixture
def export(run_script: Run, tmp_path: Path) -> Export:
    """Export, and read the rows of the file."""

    def run(results: Path, form: str, *more: str) -> Rows:
        output = tmp_path / f"{form}.jsonl"
        done = run_script(SCRIPT, results, "--format", form, "--output", output, *more)
        assert done.returncode == 0, done.stderr
        return rows_of(output)

    return run


def rows_of(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text().splitlines()]


def thinking_results(folder: Path) -> Path:
    """Right programs with thinking and words, with thinking alone, with none; and a wrong one."""
    return write(
        folder / "results.jsonl",
        entry(
            "a",
            mirror_task(),
            [RIGHT, RIGHT + "# b\n", RIGHT + "# c\n", WRONG],
            reasoning=["It mirrors.", THOUGHT, "Rows turn.", "No idea."],
            thinking=[THOUGHT, f" {THOUGHT}\n", None, "Hm."],
        ),
    )


def direct_results(folder: Path) -> Path:
    """Answers of grids to one task: a right one, two wrong ones, one without a grid."""
    right = mirror_task()["test"][0]["output"]
    return write(
        folder / "direct.jsonl",
        result_entry(
            "a",
            run_id="run-1",
            model="maker:model",
            task_data=mirror_task(),
            status=["ok", "ok", "ok", "unparsable"],
            prompt_messages=[ASKS_FOR_GRIDS] * 4,
            reasoning=["I mirror.", "I turn.", None, "No."],
            python_code=[None] * 4,
            test_outputs=[[right], [right[::-1]], [[[1, 2]]], None],
        ),
    )


ALL_ROWS = ("--deduplicate", "none")


def said(row: dict[str, Any]) -> str:
    text = row["messages"][-1]["content"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("form", ["messages", "sharegpt", "prompt_completion", "preference"])
def test_thinking_is_never_visible_text_unless_it_is_asked_for(
    tmp_path: Path, export: Export, form: str
) -> None:
    rows = export(thinking_results(tmp_path), form, *ALL_ROWS)
    assert rows
    assert THOUGHT not in json.dumps(rows)
    assert "reasoning_content" not in json.dumps(rows)
    assert "It mirrors." in json.dumps(rows)


def test_thinking_goes_into_a_field_of_its_own_in_every_row(tmp_path: Path, export: Export) -> None:
    rows = export(thinking_results(tmp_path), "messages", "--reasoning", "both", *ALL_ROWS)
    answers = [row["messages"][-1] for row in rows]
    assert [answer["reasoning_content"] for answer in answers] == [THOUGHT, f" {THOUGHT}\n", ""]
    assert not any(THOUGHT in answer["content"] for answer in answers)
    assert "It mirrors." in said(rows[0])
    assert said(rows[1]).startswith("```python"), "it explained nothing but by its thinking"


@pytest.mark.parametrize(
    ("choice", "in_field", "in_text"),
    [("visible", False, True), ("thinking", True, False), ("both", True, True),
     ("none", False, False)],
)  # fmt: skip
def test_reasoning_says_what_stands_before_the_program(
    tmp_path: Path, export: Export, choice: str, in_field: bool, in_text: bool
) -> None:
    rows = export(thinking_results(tmp_path), "messages", "--reasoning", choice, *ALL_ROWS)
    assert (rows[0]["messages"][-1].get("reasoning_content") == THOUGHT) is in_field
    assert ("It mirrors." in said(rows[0])) is in_text
    assert "def solve_task" in said(rows[0])


@pytest.mark.parametrize("form", ["sharegpt", "prompt_completion_text", "sharegpt_preference"])
def test_rows_of_texts_have_thinking_in_tags(tmp_path: Path, export: Export, form: str) -> None:
    rows = export(thinking_results(tmp_path), form, "--reasoning", "both", *ALL_ROWS)
    assert f"<think>\\n{THOUGHT}\\n</think>" in json.dumps(rows[0])


def test_a_field_of_a_text_is_refused(tmp_path: Path, run_script: Run) -> None:
    done = run_script(
        SCRIPT, thinking_results(tmp_path), "--format", "sharegpt", "--output", tmp_path / "x",
        "--reasoning", "both", "--thinking_format", "field",
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "tags do" in done.stderr


def test_a_thinking_of_another_prompts_refinement_is_left_out(
    tmp_path: Path, export: Export
) -> None:
    results = write(
        tmp_path / "results.jsonl",
        entry("a", mirror_task(), [RIGHT], thinking=["The first program…"], refinement_round=[1]),
    )
    options = ("--reasoning", "both")
    recorded = export(results, "messages", *options)
    standard = export(results, "messages", *options, "--prompt", "standard")
    shown = [rows[0]["messages"][-1]["reasoning_content"] for rows in (recorded, standard)]
    assert shown == ["The first program…", ""]


def test_a_reply_without_words_of_its_own_has_its_thinking_as_reasoning_and_as_thinking() -> None:
    text = f"<think>{THOUGHT}</think>\n```python\n{RIGHT}```"
    assert extract_thinking(text, None) == extract_reasoning(text, None) == THOUGHT
    spoken = f"<think>{THOUGHT}</think>It mirrors.\n```python\n{RIGHT}```"
    assert (extract_thinking(spoken, None), extract_reasoning(spoken, None)) == (
        THOUGHT,
        "It mirrors.",
    )
    assert extract_thinking(RIGHT, None) is None
    assert extract_thinking(text, THOUGHT) == THOUGHT, "sent both ways, said once"
    shown = f"<reasoning>{THOUGHT}</reasoning>\n```python\n{RIGHT}```"
    assert extract_thinking(shown, THOUGHT) is None, "the answer itself says it"


def test_a_right_answer_of_grids_counts_as_verified(tmp_path: Path, export: Export) -> None:
    (row,) = export(direct_results(tmp_path), "messages")
    assert row["messages"][:-1] == ASKS_FOR_GRIDS
    assert row["provenance"]["verdict"] == "test"
    right = mirror_task()["test"][0]["output"]
    assert extract_grids(said(row), 1) == (right,)
    assert said(row).startswith("I mirror.")


def test_an_answer_of_grids_has_the_question_for_grids_in_the_standard_prompt(
    tmp_path: Path, export: Export
) -> None:
    (row,) = export(direct_results(tmp_path), "messages", "--prompt", "standard")
    assert "Test output 1:" in row["messages"][1]["content"]
    assert "solve_task" not in row["messages"][1]["content"]


def test_answers_of_unknown_test_outputs_are_not_verified(tmp_path: Path, run_script: Run) -> None:
    results = direct_results(tmp_path)
    lines = results.read_text().splitlines()
    content = json.loads(lines[0])
    del content["task_data"]["test"][0]["output"]
    results.write_text("\n".join([json.dumps(content), *lines[1:]]) + "\n")
    done = run_script(SCRIPT, results, "--format", "messages", "--output", tmp_path / "x.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not verified 3" in done.stderr


def test_answers_of_grids_are_preferred_to_answers_of_grids_only(
    tmp_path: Path, export: Export
) -> None:
    both = tmp_path / "both.jsonl"
    programs = write(tmp_path / "programs.jsonl", entry("a", mirror_task(), [RIGHT, WRONG]))
    both.write_text(direct_results(tmp_path).read_text() + programs.read_text())
    rows = export(both, "preference", "--verify_again")
    kinds = [
        tuple("solve_task" in row[name][0]["content"] for name in ("chosen", "rejected"))
        for row in rows
    ]
    assert sorted(kinds) == [(False, False), (False, False), (True, True)]


def test_preferences_for_llama_factory_are_turns(tmp_path: Path, export: Export) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [RIGHT, WRONG]))
    (row,) = export(results, "sharegpt_preference")
    assert [turn["from"] for turn in row["conversations"]] == ["system", "human"]
    assert [turn["value"] for turn in row["conversations"]] == [m["content"] for m in PROMPT]
    for name, program in (("chosen", "[::-1] for row"), ("rejected", "grid[::-1]")):
        assert list(row[name]) == ["from", "value"]
        assert row[name]["from"] == "gpt"
        assert program in row[name]["value"]

    said_of = json.loads((tmp_path / "sharegpt_preference_dataset_info.json").read_text())
    described = said_of["sharegpt_preference"]
    assert described["file_name"] == "sharegpt_preference.jsonl"
    assert (described["formatting"], described["ranking"]) == ("sharegpt", True)
    assert set(described["columns"].values()) <= set(row)


def test_preferences_for_openai_have_its_fields_and_no_other(
    tmp_path: Path, export: Export
) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [RIGHT, WRONG]))
    (row,) = export(
        results, "openai_preference", "--reasoning", "thinking", "--thinking_format", "tags"
    )
    assert set(row) == {"input", "preferred_output", "non_preferred_output"}
    assert row["input"] == {"messages": PROMPT, "tools": [], "parallel_tool_calls": True}
    for name in ("preferred_output", "non_preferred_output"):
        (message,) = row[name]
        assert set(message) == {"role", "content"}
        assert message["role"] == "assistant"


def test_turns_for_llama_factory_alternate_after_the_system_prompt(
    tmp_path: Path, export: Export
) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [RIGHT]))
    (row,) = export(results, "sharegpt")
    assert set(row) == {"conversations", "provenance"}
    assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt"]
    for turn in row["conversations"]:
        assert set(turn) == {"from", "value"}
        assert isinstance(turn["value"], str)
    described = json.loads((tmp_path / "sharegpt_dataset_info.json").read_text())["sharegpt"]
    assert described == {
        "file_name": "sharegpt.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
    }


def test_preferences_for_trl_are_lists_of_messages(tmp_path: Path, export: Export) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [RIGHT, WRONG]))
    (row,) = export(results, "preference")
    assert row["prompt"] == PROMPT
    for name in ("chosen", "rejected"):
        assert [set(message) for message in row[name]] == [{"role", "content"}]


@pytest.mark.parametrize("form", ["messages", "preference"])
def test_no_file_of_a_split_is_empty_and_shares_are_as_asked(
    tmp_path: Path, export: Export, run_script: Run, form: str
) -> None:
    results = write(
        tmp_path / "results.jsonl",
        *(entry(str(n), mirror_task(n), [RIGHT, WRONG]) for n in range(1, 10)),
        *(entry(f"b{n}", mirror_task_of_two(n), [RIGHT, WRONG]) for n in range(1, 12)),
    )
    whole = len({row["provenance"]["task_hash"] for row in export(results, form)})
    output = tmp_path / "split.jsonl"
    for shares in ("train=0.9,validation=0.1", "a=0.4,b=0.3,c=0.3", "train=0.99,test=0.01"):
        done = run_script(SCRIPT, results, "--format", form, "--output", output, "--split", shares)
        assert done.returncode == 0, done.stderr
        for part in shares.split(","):
            name, share = part.split("=")
            rows = rows_of(output.with_name(f"split_{name}.jsonl"))
            tasks = len({row["provenance"]["task_hash"] for row in rows})
            assert tasks >= 1
            assert abs(tasks - float(share) * whole) <= 1


def mirror_task_of_two(number: int) -> dict[str, Any]:
    """A task of its own for each number: other sizes than those of `mirror_task`."""
    pairs = [
        {"input": [[one] * number + [2, 3, one]], "output": [[one, 3, 2] + [one] * number]}
        for one in (4, 5, 6, 7)
    ]
    return {"train": pairs[:3], "test": pairs[3:]}


def test_a_split_of_one_task_is_refused_and_nothing_is_written(
    tmp_path: Path, run_script: Run
) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [RIGHT]))
    done = run_script(
        SCRIPT, results, "--format", "messages", "--output", tmp_path / "out" / "x.jsonl",
        "--split", "train=0.9,validation=0.1",
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "has 2 parts, and there are 1 different tasks" in done.stderr
    assert not list((tmp_path / "out").glob("*.jsonl"))
