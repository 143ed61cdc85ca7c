"""Exporting rows to train on: what becomes one, in each format, and what it says of itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run
from tests.support.training_results import (
    CRASHES,
    HARDCODED,
    PROMPT,
    RIGHT,
    RIGHT_BY_ANOTHER_NAME,
    RIGHT_LAID_OUT,
    RIGHT_OTHERWISE,
    TRAIN_ONLY,
    WRONG,
    entry,
    evaluation_task,
    mirror_task,
    write,
)
from utilities.training_data.rows import FORMATS

SCRIPT = "auxiliary_utilities/export_training_data.py"
Rows = list[dict[str, Any]]
Export = Callable[..., Rows]


@pytest.fixture
def export(run_script: Run, tmp_path: Path) -> Export:
    """Export, and read the rows of the file."""

    def run(results: Path, form: str, *more: str) -> Rows:
        output = tmp_path / f"{form}.jsonl"
        done = run_script(SCRIPT, results, "--format", form, "--output", output, *more)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return rows_of(output)

    return run


def rows_of(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def programs_of(rows: Rows) -> list[str]:
    return [row["messages"][-1]["content"].split("```python\n")[1][:-4] + "\n" for row in rows]


CODES = [RIGHT, RIGHT_LAID_OUT, WRONG, CRASHES, TRAIN_ONLY, HARDCODED, None]


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Results as `verify_generated_code.py` writes them."""
    folder = tmp_path_factory.mktemp("verified")
    source = write(folder / "results.jsonl", entry("a", mirror_task(), CODES))
    verifying = ScriptProcess("synthetic_data_generators/verify_generated_code.py", source)
    assert verifying.wait() == 0
    return (folder / "results_verified.jsonl").read_bytes()


@pytest.fixture
def results(tmp_path: Path, verified: bytes) -> Path:
    path = tmp_path / "results.jsonl"
    path.write_bytes(verified)
    return path


def test_programs_that_nobody_judged_are_judged_and_the_right_ones_become_rows(
    tmp_path: Path, export: Export
) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), CODES))
    (row,) = export(results, "messages")

    assert programs_of([row]) == [RIGHT]
    assert row["provenance"]["judged_by"] == "export"
    assert "seccomp" in row["provenance"]["sandbox"]


def test_each_filter_can_be_widened(results: Path, export: Export) -> None:
    counts = {
        (): 1,
        ("--deduplicate", "none"): 2,
        ("--allow_hardcoded",): 2,
        ("--verified", "train"): 2,
        ("--verified", "any"): 4,
        ("--verified", "any", "--status", "ok,no_code"): 5,
        ("--verified", "any", "--deduplicate", "none", "--max_per_task", "4"): 4,
        ("--verified", "any", "--max_length", "85"): 3,
    }
    assert {more: len(export(results, "messages", *more)) for more in counts} == counts


LETTERS = "list({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})"


def test_a_program_whose_outputs_vary_is_no_row(tmp_path: Path, export: Export) -> None:
    first = subprocess.run(
        [sys.executable, "-c", f"print({LETTERS})"],
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    varies = (
        f"def solve_task(grid):\n    if {LETTERS} != {first}:\n        return grid\n"
        "    return [row[::-1] for row in grid]\n"
    )
    results = write(tmp_path / "r.jsonl", entry("a", mirror_task(), [varies, RIGHT_OTHERWISE]))

    assert programs_of(export(results, "messages")) == [RIGHT_OTHERWISE]
    assert programs_of(export(results, "messages", "--allow_nondeterministic")) == [
        varies,
        RIGHT_OTHERWISE,
    ]


def claimed_right(task: dict[str, Any]) -> dict[str, Any]:
    """The fields by which an entry says that its one program is right."""
    outputs = {part: [pair["output"] for pair in task[part]] for part in ("train", "test")}
    return {
        "execution_status": ["ok"],
        "train_passed": [[True] * len(outputs["train"])],
        "test_passed": [[True] * len(outputs["test"])],
        "train_outputs": [outputs["train"]],
        "test_outputs": [outputs["test"]],
        "deterministic": [True],
        "hardcoded": [False],
    }


@pytest.mark.parametrize(
    "contradiction",
    [
        {"train_outputs": [[[[0]]] * 3]},
        {"test_outputs": [[None]]},
        {"train_passed": [[True, True, None]]},
    ],
)
def test_a_verdict_that_its_own_outputs_contradict_is_not_believed(
    tmp_path: Path, run_script: Run, contradiction: dict[str, Any]
) -> None:
    told = entry("a", mirror_task(), [WRONG], **claimed_right(mirror_task()) | contradiction)
    results = write(tmp_path / "results.jsonl", told)
    done = run_script(SCRIPT, results, "--format", "messages", "--output", tmp_path / "rows.jsonl")
    assert done.returncode == 2
    assert "fails train 1" in done.stderr


def test_a_prompt_that_no_answer_can_follow_gives_way_to_the_standard_one(
    tmp_path: Path, export: Export
) -> None:
    ends_in_an_answer = [*PROMPT, {"role": "assistant", "content": "I see."}]
    unknown_role = [{"role": "robot", "content": "Beep."}]
    task = entry("a", mirror_task(), [RIGHT, RIGHT_OTHERWISE])
    task["prompt_messages"] = [ends_in_an_answer, unknown_role]
    rows = export(write(tmp_path / "results.jsonl", task), "messages")
    assert [[message["role"] for message in row["messages"]] for row in rows] == [
        ["system", "user", "assistant"]
    ] * 2


def test_a_refinements_reasoning_stands_behind_its_own_prompt_only(
    tmp_path: Path, export: Export
) -> None:
    task = entry("a", mirror_task(), [WRONG, RIGHT], refinement_round=[0, 1])
    task["prompt_messages"] = [PROMPT, [{"role": "user", "content": "Mend program 1."}]]
    task["reasoning"] = ["Upside down.", "Program 1 turns the wrong way."]
    results = write(tmp_path / "results.jsonl", task)
    (own,) = export(results, "messages")
    assert "Program 1 turns" in own["messages"][-1]["content"]
    (standard,) = export(results, "messages", "--prompt", "standard")
    (pair,) = export(results, "preference")
    (repair,) = export(results, "repair")
    for answer in (standard["messages"][-1], pair["chosen"][0], repair["messages"][-1]):
        assert "Program 1" not in answer["content"]
        assert "def solve_task" in answer["content"]


def test_a_verdict_that_results_tell_is_taken_and_judged_again_on_request(
    tmp_path: Path, export: Export
) -> None:
    verified = {"entry_type": "metadata", "script": "verify_generated_code", "sandbox": "all of it"}
    told = entry("a", mirror_task(), [WRONG], **claimed_right(mirror_task()))
    results = write(tmp_path / "results.jsonl", told, verified)
    (row,) = export(results, "messages")
    again = export(results, "messages", "--verify_again", "--verified", "any")

    assert (row["provenance"]["judged_by"], row["provenance"]["sandbox"]) == (
        "results",
        "all of it",
    )
    assert (again[0]["provenance"]["judged_by"], again[0]["provenance"]["verdict"]) == (
        "export",
        "failed",
    )


def test_each_row_names_where_it_comes_from(results: Path, export: Export) -> None:
    (row,) = export(results, "messages")
    told = row["provenance"]

    assert {name: told[name] for name in ("task_id", "source", "run_id", "model")} == {
        "task_id": "a",
        "source": "results.jsonl",
        "run_id": "run-1",
        "model": "maker:model",
    }
    assert told["sample_index"] == 0
    assert told["prompt_hash"] == "hash-of-the-prompt"
    assert told["dataset_hash"] == "hash-of-the-dataset"
    assert (told["verdict"], told["train_passed"]) == ("train_and_test", [True] * 3)
    assert (told["deterministic"], told["hardcoded"]) == (True, False)
    assert "seccomp" in told["sandbox"]


def test_messages_hold_the_prompt_that_was_sent_and_an_answer_in_its_form(
    results: Path, export: Export
) -> None:
    (row,) = export(results, "messages")
    system, user, answer = row["messages"]

    assert (system["role"], user["content"]) == ("system", "Find the rule.")
    assert answer == {
        "role": "assistant",
        "content": "<reasoning>\nReasoning 0 of a.\n</reasoning>\n\n"
        f"```python\n{RIGHT.rstrip()}\n```",
    }


def test_the_standard_prompt_shows_the_task_and_no_test_output(
    results: Path, export: Export
) -> None:
    (row,) = export(results, "messages", "--prompt", "standard")
    question = row["messages"][1]["content"]

    assert "Input (2 rows × 3 columns):\n1 2 3\n4 5 6" in question
    assert "## Test input 1" in question
    assert "5 0 1\n0 5 2" in question
    assert "1 0 5\n2 5 0" not in question
    assert row["provenance"]["prompt_hash"] != "hash-of-the-prompt"


def test_sharegpt_and_prompt_completion_say_the_same_as_messages(
    results: Path, export: Export
) -> None:
    (row,) = export(results, "messages")
    (turns,) = export(results, "sharegpt")
    (text,) = export(results, "prompt_completion_text")
    (two,) = export(results, "prompt_completion")
    contents = [message["content"] for message in row["messages"]]

    assert [turn["from"] for turn in turns["conversations"]] == ["system", "human", "gpt"]
    assert [turn["value"] for turn in turns["conversations"]] == contents
    assert text["prompt"] == "\n\n".join([*contents[:2], ""]), "trainers add no separator"
    assert text["completion"] == contents[2]
    assert [*two["prompt"], *two["completion"]] == row["messages"]
    assert [message["role"] for message in two["completion"]] == ["assistant"]
    assert text["provenance"] == turns["provenance"] == row["provenance"]


def test_a_preference_pair_is_a_verified_and_a_failed_program_of_the_same_task(
    tmp_path: Path, export: Export
) -> None:
    results = write(
        tmp_path / "results.jsonl",
        entry("a", mirror_task(), [WRONG, RIGHT, CRASHES, RIGHT_OTHERWISE, TRAIN_ONLY]),
        entry("b", mirror_task(7), [WRONG]),
    )
    rows = export(results, "preference")

    assert [row["provenance"]["rejected"]["sample_index"] for row in rows] == [0, 2, 4]
    assert [row["provenance"]["sample_index"] for row in rows] == [1, 3, 1]
    assert all(row["provenance"]["task_id"] == "a" for row in rows)
    assert RIGHT.strip() in rows[0]["chosen"][0]["content"]
    assert WRONG.strip() in rows[0]["rejected"][0]["content"]
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]


def test_a_repair_row_shows_what_is_wrong_and_keeps_test_outputs_secret(
    results: Path, export: Export
) -> None:
    rows = export(results, "repair")
    questions = [row["messages"][1]["content"] for row in rows]

    assert [row["provenance"]["failed"]["sample_index"] for row in rows] == [2, 3]
    assert WRONG.strip() in questions[0]
    assert "It is right on 0 of 3 train pairs." in questions[0]
    assert "Train pair 1: 6 cells are wrong (got→expected): row 1, column 1: 4→3" in questions[0]
    assert "it gives no grid: exception" in questions[1]
    assert all("1 0 5\n2 5 0" not in question for question in questions)
    assert all(RIGHT.strip() in row["messages"][2]["content"] for row in rows)


def test_a_program_that_fails_on_test_alone_is_never_repaired(
    tmp_path: Path, run_script: Run
) -> None:
    results = write(tmp_path / "r.jsonl", entry("a", mirror_task(), [RIGHT, TRAIN_ONLY]))
    done = run_script(SCRIPT, results, "--format", "repair", "--output", tmp_path / "rows.jsonl")

    assert done.returncode == 2
    assert "none of 2 samples becomes a row" in done.stderr


def test_without_a_row_one_line_says_so_in_every_format(tmp_path: Path, run_script: Run) -> None:
    results = write(tmp_path / "r.jsonl", entry("a", mirror_task(), [WRONG]))
    for form in sorted(FORMATS.keys() - {"kto"}):  # which takes failed ones
        done = run_script(SCRIPT, results, "--format", form, "--output", tmp_path / form)
        assert done.returncode == 2
        assert done.stderr.startswith("error: none of 1 samples becomes a row (")
        assert len(done.stderr.splitlines()) == 1
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [results]


def test_versions_are_verified_again_and_say_what_was_done(tmp_path: Path, export: Export) -> None:
    recursive = (
        "def solve_task(grid):\n"
        "    # solve_task calls itself\n"
        "    return [grid[0][::-1]] + (solve_task(grid[1:]) if len(grid) > 1 else [])\n"
    )
    codes = [recursive, RIGHT_BY_ANOTHER_NAME]
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), codes))
    rows = export(results, "messages", "--augment", "8", "--verify_again")
    versions = [row for row in rows if row["provenance"]["augmentation"]]

    assert len(rows) == 18
    assert len(versions) == 16
    assert all(row["provenance"]["verdict"] == "train_and_test" for row in versions)
    assert len({row["provenance"]["task_hash"] for row in rows}) == 1
    assert len({str(row["provenance"]["augmentation"]) for row in versions}) == 16
    assert not any("Reasoning" in row["messages"][-1]["content"] for row in versions)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_versions(
    results: Path, run_script: Run, tmp_path: Path
) -> None:
    contents = []
    for number, seed in enumerate((1, 1, 2)):
        output = tmp_path / f"{number}.jsonl"
        run_script(
            SCRIPT, results, "--format", "messages", "--output", output, "--augment", "2",
            "--seed", seed,
        )  # fmt: skip
        contents.append(output.read_bytes())

    assert contents[0] == contents[1] != contents[2]


def test_new_grids_of_an_evaluation_tasks_rule_are_left_out_by_their_id(
    tmp_path: Path, run_script: Run
) -> None:
    """As ARC-GEN and ARC-TGI name them; the content is that of no evaluation task."""
    given = [entry(name, mirror_task(), [RIGHT]) for name in ("a", "task070dd51e/x7K")]
    results = write(tmp_path / "results.jsonl", *given)
    output = tmp_path / "rows.jsonl"
    done = run_script(SCRIPT, results, "--format", "messages", "--output", output)
    assert "task070dd51e/x7K (that is 070dd51e of arc1_evaluation)" in done.stdout + done.stderr
    assert len(rows_of(output)) == 1


def test_an_evaluation_task_is_left_out_and_named_whatever_its_id_and_colours(
    tmp_path: Path, run_script: Run
) -> None:
    given = [entry("mine", evaluation_task(), [RIGHT]), entry("a", mirror_task(), [RIGHT])]
    results = write(tmp_path / "results.jsonl", *given)

    def run(*more: str) -> tuple[int, str, int]:
        output = tmp_path / "rows.jsonl"
        output.unlink(missing_ok=True)
        command = ["--format", "messages", "--output", output, "--verified", "any", *more]
        done = run_script(SCRIPT, results, *command)
        return done.returncode, done.stdout + done.stderr, output.exists() and len(rows_of(output))

    code, out, rows = run()
    assert (code, rows) == (0, 1)
    assert "mine (that is 070dd51e of arc1_evaluation)" in out
    code, out, rows = run("--evaluation_tasks", "refuse")
    assert (code, rows) == (2, 0)
    assert "mine (that is 070dd51e of arc1_evaluation)" in out
    assert run("--evaluation_tasks", "allow")[::2] == (0, 2)


def test_results_that_cannot_be_used_leave_the_old_export(tmp_path: Path, run_script: Run) -> None:
    results, output = tmp_path / "results.jsonl", tmp_path / "rows.jsonl"
    output.write_text("old")
    results.write_text('{"task_id": "a"')
    torn = run_script(SCRIPT, results, "--format", "messages", "--output", output)
    results.write_text('{"task_id": "a"\n')
    broken = run_script(SCRIPT, results, "--format", "messages", "--output", output)

    assert (torn.returncode, broken.returncode) == (2, 2)
    assert broken.stderr.count("\n") == 1
    assert output.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"results.jsonl", "rows.jsonl"}


@pytest.mark.parametrize(
    "more",
    [
        ("--format", "parquet", "--output", "rows.parquet"),
        ("--format", "repair", "--output", "x", "--augment", "2"),
        ("--format", "preference", "--output", "x", "--verified", "any"),
        ("--format", "messages", "--output", "x", "--split", "train=0.9,validation=0.2"),
        ("--format", "messages", "--output", "x", "--split", "../x=1"),
        ("--format", "messages", "--output", "x", "--augment", "1", "--augment_with", "noise"),
        ("--format", "messages", "--output", "results.jsonl"),
        ("--format", "messages", "--output", "x", "--min_length", "9", "--max_length", "8"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(
    more: tuple[str, ...], results: Path, run_script: Run
) -> None:
    done = run_script(SCRIPT, results, *more)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_card_tells_counts_sources_filters_and_hashes(
    results: Path, export: Export, tmp_path: Path
) -> None:
    export(results, "messages", "--max_length", "5000")
    card = (tmp_path / "messages_card.md").read_text()
    rows = hashlib.sha256((tmp_path / "messages.jsonl").read_bytes()).hexdigest()
    source = hashlib.sha256(results.read_bytes()).hexdigest()

    assert f"| all | messages.jsonl | 1 | 1 | `{rows}` |" in card
    assert f"| results.jsonl | `{source}` |" in card
    assert "| maker:model | 1 |" in card
    assert "- max_length: `5000`" in card
    assert "| hardcoded | 1 |" in card
    assert "Apache-2.0" in card
    assert str(tmp_path) not in card


def test_hostile_texts_stay_text_in_rows_card_and_terminal(tmp_path: Path, run_script: Run) -> None:
    nasty = "</script>\x1b[2J\u202e|`\ud800"
    long = nasty + "x" * 10_000_000
    given = entry(nasty, mirror_task(), [RIGHT], reasoning=[long], model=nasty, status=["ok"])
    results = write(tmp_path / "r.jsonl", given, entry("b", mirror_task(3), [None], status=[nasty]))
    done = run_script(SCRIPT, results, "--format", "messages", "--output", tmp_path / "rows.jsonl")

    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    (row,) = rows_of(tmp_path / "rows.jsonl")
    assert long.replace("\ud800", "?") in row["messages"][-1]["content"]
    card = (tmp_path / "rows_card.md").read_text()
    assert "\x1b" not in card
    assert "</script>" not in card


PASSED = ("train_passed", "test_passed")
"""Lists, which may be empty."""


def types_of(value: Any) -> Any:
    """The shape of a row: the names of its fields and the types of what they hold."""
    if isinstance(value, dict):
        return {name: types_of(it) for name, it in value.items()}
    if isinstance(value, list):
        return [types_of(value[0])] if value else []
    return type(value)


def test_rows_of_every_kind_have_one_schema_without_nulls(tmp_path: Path, export: Export) -> None:
    task = mirror_task()
    plain = write(tmp_path / "plain.jsonl", entry("a", task, [RIGHT]))
    rows = [*export(plain, "messages"), *export(plain, "messages", "--augment", "2")]
    known = [row["provenance"] for row in rows]
    assert len({row["augmentation"] != "" for row in known}) == 2
    shapes = [
        {name: it for name, it in types_of(row).items() if name not in PASSED} for row in known
    ]
    assert all(shape == shapes[0] for shape in shapes)
    assert type(None) not in shapes[0].values()
    assert all(flag in (True, False) for row in known for name in PASSED for flag in row[name])
