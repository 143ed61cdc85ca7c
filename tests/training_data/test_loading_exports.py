"""Every format as `datasets` and pandas read it, and what provenance and filters say of a row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run
from tests.support.training_results import RIGHT, WRONG, entry, mirror_task, write
from tests.training_data.test_conversations import HANDED_IN, LOOK, LOOKED, OFFERED
from tests.training_data.test_trainers import THOUGHT, direct_results
from utilities.training_data.rows import FORMATS

SCRIPT = "auxiliary_utilities/export_training_data.py"
USAGE = {"input_tokens": 900, "output_tokens": 80, "reasoning_tokens": 50}


def results(folder: Path) -> Path:
    """Three tasks: with figures, without them, and with a conversation."""
    figures: dict[str, Any] = {
        "confidence": [0.75, 0.1],
        "cost_usd": [0.02, None],
        "usage": [USAGE, None],
        "thinking": [THOUGHT, None],
        "verdict": ["found", "guess"],
        "rule_form": ["idea", "table"],
    }
    judged: dict[str, Any] = {"fresh_passed": [0.96, None], "fresh_pairs": [50, None]}
    return write(
        folder / "results.jsonl",
        entry("a", mirror_task(), [RIGHT, WRONG], **figures, **judged, generalises=[False, None]),
        entry("b", mirror_task(1), [RIGHT, WRONG]),
        entry("c", mirror_task(2), [RIGHT], prompt_messages=[OFFERED], turns=[[LOOKED, HANDED_IN]]),
    )


def exported(run_script: Run, source: Path, form: str, *more: str) -> Path:
    """The folder that the export is in, its card as README.md."""
    folder = source.parent / f"of_{form}"
    output = folder if FORMATS[form].is_folder else folder / "rows.jsonl"
    folder.mkdir()
    done = run_script(SCRIPT, source, "--format", form, "--output", output, *more)
    assert done.returncode == 0, done.stderr
    if not FORMATS[form].is_folder:
        shutil.move(folder / "rows_card.md", folder / "README.md")
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_provenance_tells_confidence_cost_tokens_and_lengths_or_minus_one(
    run_script: Run, tmp_path: Path
) -> None:
    folder = exported(run_script, results(tmp_path), "messages", "--reasoning", "both")
    by_task = {row["provenance"]["task_id"]: row for row in rows_of(folder)}
    first, second = by_task["a"], by_task["b"]
    told = first["provenance"]
    assert (told["confidence"], told["cost_usd"], told["verdict"]) == (0.75, 0.02, "train_and_test")
    assert {name: told[name] for name in USAGE} == USAGE
    prompt, answer = first["messages"][:-1], first["messages"][-1]
    assert told["prompt_characters"] == sum(len(message["content"]) for message in prompt)
    assert told["completion_characters"] == len(answer["content"])
    assert told["thinking_characters"] == len(THOUGHT)
    assert told["reasoning_characters"] == len("Reasoning 0 of a.")
    unknown = second["provenance"]
    assert {unknown[name] for name in ("confidence", "cost_usd", *USAGE)} == {-1}


def test_a_version_of_a_row_cost_nothing_and_has_no_tokens(run_script: Run, tmp_path: Path) -> None:
    folder = exported(run_script, results(tmp_path), "messages", "--augment", "1")
    made = [row["provenance"] for row in rows_of(folder) if row["provenance"]["augmentation"]]
    assert {(row["cost_usd"], row["input_tokens"]) for row in made} == {(0.0, 0)}


def test_lengths_of_a_repair_are_those_of_its_own_prompt(run_script: Run, tmp_path: Path) -> None:
    folder = exported(run_script, results(tmp_path), "repair")
    row, *_ = rows_of(folder)
    prompt = sum(len(message["content"]) for message in row["messages"][:-1])
    assert row["provenance"]["prompt_characters"] == prompt


@pytest.mark.parametrize(
    ("options", "tasks", "why"),
    [
        (("--min_confidence", "0.5"), {"a"}, "no confidence stated 3, confidence below 0.5 1"),
        (("--agent_verdict", "found"), {"a"}, "not called found 4"),
        (("--rule_form", "table", "--verified", "any"), {"a"}, "rule_form not said 3"),
        (("--verified", "any"), {"a", "b", "c"}, "rule_form table 1"),
        (("--min_fresh_passed", "0.95"), {"a"}, "not run on fresh pairs 2"),
        (
            ("--min_fresh_passed", "0.97", "--verified", "any", "--rule_form", "any"),
            {"a", "b"},
            "under 0.97 of its",
        ),
    ],
)
def test_rows_are_filtered_by_the_figures_that_provenance_names(
    run_script: Run, tmp_path: Path, options: tuple[str, ...], tasks: set[str], why: str
) -> None:
    output = tmp_path / "rows.jsonl"
    done = run_script(
        SCRIPT, results(tmp_path), "--format", "messages", "--output", output, *options
    )
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert {row["provenance"]["task_id"] for row in rows} == tasks
    assert why in done.stdout


def test_a_share_beyond_1_is_one_line(run_script: Run, tmp_path: Path) -> None:
    done = run_script(
        SCRIPT, results(tmp_path), "--format", "messages", "--output", tmp_path / "x",
        "--min_confidence", "95",
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--min_confidence 95 is no share" in done.stderr


def test_parquet_holds_the_conversation_with_its_calls_as_structs(
    run_script: Run, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = exported(run_script, results(tmp_path), "parquet")
    rows = parquet.read_table(folder / "data").to_pylist()
    alone, whole = (next(row for row in rows if row["task_id"] == name) for name in "ac")
    assert (alone["conversation"], json.loads(alone["tools"])) == ([], [])
    assert [turn["content"] for turn in whole["conversation"][:2]] == [
        message["content"] for message in OFFERED
    ]
    looked, result, handed_in = whole["conversation"][2:]
    (call,) = looked["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == LOOK
    assert (result["role"], result["tool_call_id"]) == ("tool", call["id"])
    assert handed_in["tool_calls"][0]["function"]["name"] == "submit"
    assert [tool["function"]["name"] for tool in json.loads(whole["tools"])] == ["python", "submit"]
    assert whole["messages"][-1]["content"].endswith(f"```python\n{RIGHT}```")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "thinking"),
    [(form, ()) for form in FORMATS]
    + [(form, ("--reasoning", "both")) for form in ("messages", "parquet", "preference")],
)
def test_datasets_loads_every_format_by_its_card(
    run_script: Run, tmp_path: Path, form: str, thinking: tuple[str, ...]
) -> None:
    datasets = pytest.importorskip("datasets")
    source = direct_results(tmp_path) if form == "grids" else results(tmp_path)
    folder = exported(run_script, source, form, *thinking)
    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    files = list(folder.rglob("*.parquet")) or list(folder.glob("rows.jsonl"))
    assert len(files) == 1
    if not FORMATS[form].is_folder:
        written = rows_of(folder)
        assert len(rows) == len(written)
        if "tool_calls" not in form:  # optional fields of turns come back as nulls
            assert [dict(row) for row in rows] == written
    assert len(rows) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if form.is_folder])
def test_pandas_reads_every_parquet_format_with_its_columns(
    run_script: Run, tmp_path: Path, form: str
) -> None:
    pandas = pytest.importorskip("pandas")
    folder = exported(run_script, results(tmp_path), form)
    frame = pandas.read_parquet(folder / "data")
    assert len(frame) == 3
    assert set(frame["task_id"]) == {"a", "b", "c"}
    if form == "parquet":
        frame = frame.sort_values("task_id")
        assert list(frame["cost_usd"]) == [0.02, -1.0, -1.0]
        assert [len(turns) for turns in frame["conversation"]] == [0, 0, 5]
