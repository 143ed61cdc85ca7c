"""What a verification is made of: the verifier, its output file, and its counts."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any, Self

import pytest

from tests.verification.test_verify_generated_code import RIGHT, SLEEPING, TASK_DATA, result
from utilities.command_line.terminal import Progress
from utilities.sandbox.execution import Limits
from utilities.tasks.task import Task
from utilities.verification.results_pass import (
    CodeVerification,
    Percentiles,
    VerificationCounts,
    summary_lines,
)
from utilities.verification.verdict import Verdict
from utilities.verification.verified_file import VerifiedFile
from utilities.verification.verifier import LocalVerifier, VerifierSettings

TASK = Task.from_json("a", TASK_DATA)
METADATA = {"entry_type": "metadata"}


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_percentiles_are_within_one_percent(percent: int) -> None:
    chance = random.Random(percent)
    durations = [chance.lognormvariate(-5, 2) for _ in range(5000)]
    counted = Percentiles()
    for duration_s in durations:
        counted.add(duration_s)
    exact = sorted(durations)[percent * 50 - 1]
    assert counted.at(percent) == pytest.approx(exact, rel=0.011)


def test_percentiles_of_nothing_and_of_one() -> None:
    counted = Percentiles()
    assert counted.at(50) is None
    counted.add(2.0)
    assert counted.at(1) == counted.at(99) == pytest.approx(2.0, rel=0.011)


def judged(task_id: str, **more: Any) -> dict[str, Any]:
    entry = {
        "entry_type": "result",
        "task_id": task_id,
        "execution_status": ["ok", None, "timeout"],
        "execution_duration_s": [0.5, None, None],
        "train_passed": [[True, True], None, [True, False]],
        "test_passed": [[True], None, [False]],
        "deterministic": [False, None, None],
        "hardcoded": [True, None, None],
        "execution_message": [
            None,
            None,
            "ModuleNotFoundError: No module named 'cv2.data'",
        ],
        "uses_numpy_without_import": [True, None, False],
    }
    return {**entry, **more}


def test_entries_are_counted_by_their_fields() -> None:
    counts = VerificationCounts()
    counts.add(judged("a"), resumed=False)
    counts.add(judged("b", test_passed=[[None], None, [False]]), resumed=True)
    counts.add({"entry_type": "result", "not_judged": "no task"}, resumed=False)
    counts.add(METADATA, resumed=True)
    found = counts.to_json()
    assert (found["entries"], found["entries_resumed"], found["programs"]) == (2, 1, 4)
    assert found["execution_statuses"] == {"ok": 2, "timeout": 2}
    assert found["execution_duration_s"]["p99"] == pytest.approx(0.5, rel=0.011)
    assert (found["passed_train"], found["passed_train_and_test"]) == (2, 1)
    assert found["verified_task_ids"] == ["a"]
    assert found["labels"] == {
        "deterministic": 0,
        "hardcoded": 2,
        "uses_numpy_without_import": 2,
        "not_deterministic": 2,
    }
    assert found["entries_not_judged"] == ["no task"]
    assert found["missing_modules"] == {"cv2": 2}
    assert summary_lines(counts, "full", {})[-1].endswith("not to be had: cv2 (2)")


def test_programs_that_pass_but_have_no_label_are_told() -> None:
    counts = VerificationCounts()
    counts.add(judged("a"), resumed=False)
    assert not any("not known" in line for line in summary_lines(counts, "full", {}))
    counts.add(judged("b", hardcoded=[None, None, None]), resumed=False)
    assert counts.to_json()["hardcoded_unknown"] == 1
    assert any("hard-coded   1, whose" in line for line in summary_lines(counts, "full", {}))


def test_only_the_first_reasons_are_kept() -> None:
    counts = VerificationCounts()
    for n in range(1000):
        counts.add({"entry_type": "result", "not_judged": f"reason {n}"}, resumed=False)
    assert counts.skipped_count == 1000
    assert counts.skipped == [f"reason {n}" for n in range(100)]


async def write(path: Path, *keys: str, finish: bool = False) -> list[str]:
    """Write or take over an entry for each key; returns the keys that had to be written."""
    written = []
    async with VerifiedFile(path) as output:
        for key in keys:
            place = output.find(key)
            if place is None:
                written.append(key)
                await output.append(key, {"name": f"entry {key}"})
            else:
                assert output.read(place)["name"] == f"entry {key}"
                output.record(place)
        if finish:
            await output.finish(METADATA)
    return written


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("earlier", "now", "written"),
    [
        ("", "abc", "abc"),
        ("ab", "abc", "c"),
        ("abc", "abc", ""),
        ("abc", "ac", ""),
        ("abc", "bca", ""),
        ("abc", "axbc", "x"),
        ("abc", "xyz", "xyz"),
        ("abc", "aabbc", "a"),
        ("abcd", "dxaycz", "xyz"),
    ],
)
async def test_what_was_written_is_found_in_whatever_order(
    tmp_path: Path, earlier: str, now: str, written: str
) -> None:
    path = tmp_path / "v.jsonl"
    assert await write(path, *earlier) == list(earlier)
    assert await write(path, *now, finish=True) == list(written)
    *entries, metadata = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["verification_key"] for entry in entries] == list(now)
    assert metadata == METADATA
    assert names_in(tmp_path) == ["v.jsonl"]


async def test_a_run_killed_before_its_last_rename_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    await write(path, *"ab", finish=True)
    path.rename(tmp_path / "v.jsonl.partial")
    assert await write(path, *"abc", finish=True) == ["c"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("verification_key") for line in lines] == ["a", "b", "c", None]


async def test_a_torn_last_line_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    await write(path, *"abc")
    partial = tmp_path / "v.jsonl.partial"
    partial.write_bytes(partial.read_bytes()[:-3])
    assert await write(path, *"abc", finish=True) == ["c"]


async def test_equal_programs_run_once_also_across_entries() -> None:
    async with LocalVerifier(VerifierSettings(), workers=1) as verifier:
        first = await verifier.judge(TASK, [RIGHT, None, RIGHT])
        (second,) = await verifier.judge(Task.from_json("b", TASK_DATA), [RIGHT])
        other = json.loads(json.dumps(TASK_DATA).replace("3", "5"))
        (third,) = await verifier.judge(Task.from_json("a", other), [RIGHT])
    assert first[0] is first[2] is second
    assert first[1] is None
    assert third is not first[0]


TURNING = "return [row[::-1] for row in grid]"
ASKS_ITS_DOCSTRING = (
    f"def solve_task(grid):\n    '%s'\n    if solve_task.__doc__ == 'R': {TURNING}\n"
)
ASKS_ITS_LINE = (
    f"%sdef solve_task(grid):\n    if (lambda: 0).__code__.co_firstlineno == 3: {TURNING}\n"
)


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [(ASKS_ITS_DOCSTRING, "R", "W"), (ASKS_ITS_LINE, "\n", "\n\n")],
)
async def test_a_program_that_reads_its_own_source_gets_no_twins_verdict(
    source: str, right: str, wrong: str
) -> None:
    codes = [source % right, source % wrong]
    async with LocalVerifier(VerifierSettings(), workers=1) as verifier:
        verdicts = await verifier.judge(TASK, codes)
        verdicts += await verifier.judge(TASK, codes[::-1])
    assert [verdict and verdict.passed_train for verdict in verdicts] == [True, False, False, True]


async def test_what_is_remembered_is_bounded() -> None:
    grid = [[n % 10 for n in range(30)]] * 30
    content = {"train": [{"input": grid, "output": grid}] * 10, "test": [{"input": grid}] * 10}
    task = Task.from_json("large", content)
    async with LocalVerifier(VerifierSettings(), workers=2) as verifier:
        codes = [f"def solve_task(grid):\n    return grid\nN = {n}\n" for n in range(60)]
        verdicts = await verifier.judge(task, codes)
        again = await verifier.judge(task, [codes[0], codes[-1]])
    assert all(verdict is not None and verdict.passed_train for verdict in verdicts)
    assert again[0] is not verdicts[0]
    assert again[1] is verdicts[-1]


async def test_without_labels_a_program_that_passes_runs_once() -> None:
    async with LocalVerifier(VerifierSettings(), labels=False) as verifier:
        (plain, broken, same) = await verifier.judge(TASK, [RIGHT, "not python(", "not python("])
    assert plain is not None
    assert plain.passed_all
    assert (plain.deterministic, plain.hardcoded) == (None, None)
    assert broken is same


async def test_a_sandbox_that_opens_late_starts_with_the_first_program() -> None:
    async with LocalVerifier(VerifierSettings(), opens_late=True) as verifier:
        assert verifier.layers == ""
        await asyncio.gather(*(verifier.judge(TASK, [RIGHT, None]) for _ in range(3)))
        assert "rlimits" in verifier.layers
        assert verifier.programs == 3


@pytest.mark.parametrize("mode", ["strict", "batch"])
async def test_both_modes_give_the_same_verdicts(mode: Any) -> None:
    settings = VerifierSettings(limits=Limits(wall_s=1.0), mode=mode)
    codes = [RIGHT, "def solve_task(g):\n    return g\n", "def solve_task(g", SLEEPING, None]
    async with LocalVerifier(settings, workers=2) as verifier:
        verdicts = await verifier.judge(TASK, [*codes, *[f"{RIGHT}N = {n}\n" for n in range(40)]])
    found = [verdict and (verdict.execution_status, verdict.passed_all) for verdict in verdicts]
    expected = [("ok", True), ("ok", False), ("syntax_error", False), ("timeout", False), None]
    assert found == [*expected, *[("ok", True)] * 40]


class ScriptedVerifier:
    """Answers when it is told to; remembers how many programs it had at hand."""

    layers = "none"

    def __init__(self, programs_ahead: int) -> None:
        self.programs_ahead = programs_ahead
        self.at_hand = self.most_at_hand = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def judge(self, task: Task, codes: Any) -> list[Verdict | None]:
        self.at_hand += len(codes)
        self.most_at_hand = max(self.most_at_hand, self.at_hand)
        await asyncio.sleep(0.001 * (hash(task.task_id) % 5))
        self.at_hand -= len(codes)
        return [None for _ in codes]


@pytest.mark.parametrize("programs_ahead", [1, 8, 50])
async def test_no_more_is_read_than_the_verifier_likes(tmp_path: Path, programs_ahead: int) -> None:
    verifier = ScriptedVerifier(programs_ahead)
    entries = [result(f"t{n}", RIGHT, RIGHT) for n in range(100)]
    async with VerifiedFile(tmp_path / "v.jsonl") as output:
        verification = CodeVerification(verifier, output, {})
        progress = Progress(None, unit="entries", quiet=True)
        await verification.judge_all(iter(entries), progress)
        await output.finish(METADATA)
    lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [line["task_id"] for line in lines[:-1]] == [f"t{n}" for n in range(100)]
    assert verifier.most_at_hand <= programs_ahead + 2
