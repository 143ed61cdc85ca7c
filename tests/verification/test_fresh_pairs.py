"""Programs that pass train run on further pairs of their task's rule."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run

VERIFY = "synthetic_data_generators/verify_generated_code.py"
EXPORT = "auxiliary_utilities/export_training_data.py"
TASK_DATA = {
    "train": [{"input": [[1, 2]], "output": [[2, 1]]}],
    "test": [{"input": [[3, 4]], "output": [[4, 3]]}],
}
RIGHT = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
BY_ACCIDENT = "def solve_task(grid):\n    return [row[1:] + row[:1] for row in grid]\n"
"""Right wherever a row has two cells."""
FOR_THE_TASK = (
    "def solve_task(grid):\n"
    "    if len(grid[0]) > 2:\n        raise ValueError\n"
    "    return [row[::-1] for row in grid]\n"
)
SLOW_ELSEWHERE = (
    "def solve_task(grid):\n"
    "    while len(grid[0]) > 2:\n        pass\n"
    "    return [row[::-1] for row in grid]\n"
)
FAILING = "def solve_task(grid):\n    return grid\n"


def fresh_pair(number: int, width: int) -> dict[str, Any]:
    row = [number // 10**place % 10 for place in range(width)]
    return {"input": [row, row], "output": [row[::-1], row[::-1]]}


def pairs_of(narrow: int, wide: int) -> list[dict[str, Any]]:
    some = [fresh_pair(number, 2) for number in range(10, 10 + narrow)]
    return [*some, *(fresh_pair(number, 3) for number in range(120, 120 + wide))]


def results_of(folder: Path, *codes: str | None, task_id: str = "00d62c1b") -> Path:
    entry = {
        "entry_type": "result",
        "task_id": task_id,
        "task_data": TASK_DATA,
        "python_code": list(codes),
        "status": ["ok"] * len(codes),
        "attempts": [[[[4, 3]]]],
    }
    path = folder / "some_results.jsonl"
    path.write_text(json.dumps(entry) + "\n")
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    folder = tmp_path / "re_arc" / "tasks"
    folder.mkdir(parents=True)
    (folder / "00d62c1b.json").write_text(json.dumps(pairs_of(narrow=10, wide=20)))
    return tmp_path / "re_arc"


def verified(run_script: Run, results: Path, *options: Any) -> tuple[dict[str, Any], str]:
    done = run_script(VERIFY, results, *options)
    assert done.returncode == 0, done.stderr
    lines = results.with_name("some_results_verified.jsonl").read_text().splitlines()
    return json.loads(lines[0]), done.stdout


def test_a_program_that_fits_by_accident_is_found_out(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, RIGHT, BY_ACCIDENT, FOR_THE_TASK, FAILING, None)
    entry, said = verified(run_script, results, "--fresh_pairs", fresh)
    assert [list(filter(None, one or [])) for one in entry["test_passed"]] == [[True]] * 3 + [
        []
    ] * 2
    assert entry["fresh_pairs"] == [30, 30, 30, None, None]
    assert entry["generalises"] == [True, False, False, None, None]
    assert entry["fresh_passed"] == [1, 0.3333, 0.3333, None, None]
    assert "3: 1 of 3 (33.3%) generalise" in said


def test_a_program_that_hangs_on_a_fresh_pair_is_not_run_on_all(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, SLOW_ELSEWHERE)
    options = ("--fresh_pairs", fresh, "--cpu_s", 0.2, "--quiet")
    entry, _ = verified(run_script, results, *options)
    assert entry["generalises"] == [False]
    assert entry["fresh_passed"][0] < 1 / 3


def test_fewer_than_20_fresh_pairs_say_nothing(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, RIGHT)
    entry, said = verified(run_script, results, "--fresh_pairs", fresh, "--fresh_per_task", 19)
    assert (entry["fresh_passed"], entry["generalises"]) == ([1], [None])
    assert "1 had fewer than 20 fresh pairs" in said


def test_a_threshold_lets_a_program_miss_some(run_script: Run, tmp_path: Path, fresh: Path) -> None:
    results = results_of(tmp_path, FOR_THE_TASK)
    options = ("--fresh_pairs", fresh, "--fresh_threshold")
    assert verified(run_script, results, *options, 0.33)[0]["generalises"] == [True]
    assert verified(run_script, results, *options, 0.34)[0]["generalises"] == [False]


def test_pairs_come_from_folders_zips_and_objects_alike(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    pairs = pairs_of(narrow=10, wide=20)
    archive = tmp_path / "re_arc.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(fresh / "tasks" / "00d62c1b.json", "re_arc/tasks/00d62c1b.json")
    other = tmp_path / "arc_gen"
    other.mkdir()
    parts = {"train": pairs[:2], "test": pairs[2:4], "arc-gen": pairs[4:]}
    (other / "00d62c1b.json").write_text(json.dumps(parts))
    results = results_of(tmp_path, RIGHT, BY_ACCIDENT)
    entries = [
        verified(run_script, results, "--fresh_pairs", source)[0]
        for source in (fresh, archive, other)
    ]
    told = [(one["fresh_passed"], one["generalises"]) for one in entries]
    assert told == [told[0]] * 3
    assert told[0][1] == [True, False]


def test_pairs_of_the_task_itself_do_not_count(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    own = [*TASK_DATA["train"], *TASK_DATA["test"], *pairs_of(narrow=0, wide=25)]
    (fresh / "tasks" / "00d62c1b.json").write_text(json.dumps(own))
    entry, _ = verified(run_script, results_of(tmp_path, RIGHT), "--fresh_pairs", fresh)
    assert entry["fresh_pairs"] == [25]


def test_a_task_without_fresh_pairs_is_judged_as_ever(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, RIGHT, task_id="ffffffff")
    entry, _ = verified(run_script, results, "--fresh_pairs", fresh)
    assert entry["test_passed"] == [[True]]
    assert (entry["fresh_passed"], entry["generalises"]) == ([None], [None])


def test_other_fresh_pairs_make_a_stopped_run_judge_anew(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, BY_ACCIDENT)
    entry, _ = verified(run_script, results, "--fresh_pairs", fresh)
    output = results.with_name("some_results_verified.jsonl")
    output.rename(output.with_name(output.name + ".partial"))  # as if it had been stopped
    (fresh / "tasks" / "00d62c1b.json").write_text(json.dumps(pairs_of(narrow=25, wide=0)))
    again, _ = verified(run_script, results, "--fresh_pairs", fresh)
    assert (entry["generalises"], again["generalises"]) == ([False], [True])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2]", "none of its pairs is one of two grids"),
        ('[{"input": [[11]], "output": [[1]]}]', "none of its pairs is one of two grids"),
        ("[", "broken JSON"),
    ],
)
def test_damaged_fresh_pairs_are_one_line(
    run_script: Run, tmp_path: Path, fresh: Path, content: str, said: str
) -> None:
    (fresh / "tasks" / "00d62c1b.json").write_text(content)
    done = run_script(VERIFY, results_of(tmp_path, RIGHT), "--fresh_pairs", fresh)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", ["missing", "empty", "no zip"])
def test_what_is_no_source_of_pairs_is_refused(run_script: Run, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "pairs"
    if kind == "empty":
        source.mkdir()
    if kind == "no zip":
        source.write_text("nothing")
    done = run_script(VERIFY, results_of(tmp_path, RIGHT), "--fresh_pairs", source)
    assert done.returncode == 2
    assert f"--fresh_pairs {source}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_export_can_keep_only_what_generalises(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, RIGHT, BY_ACCIDENT)
    verified(run_script, results, "--fresh_pairs", fresh)
    source, output = results.with_name("some_results_verified.jsonl"), tmp_path / "rows.jsonl"
    options = ("--format", "messages", "--output", output, "--generalising")
    done = run_script(EXPORT, source, *options)
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, output.read_text().splitlines())
    assert "row[::-1]" in row["messages"][-1]["content"]
    told = row["provenance"]
    assert (told["fresh_pairs"], told["fresh_passed"], told["generalises"]) == (30, 1.0, True)
    assert "fails fresh pairs" in done.stdout


def test_scores_say_how_much_of_what_fits_train_holds(
    run_script: Run, tmp_path: Path, fresh: Path
) -> None:
    results = results_of(tmp_path, RIGHT, BY_ACCIDENT, FAILING)
    verified(run_script, results, "--fresh_pairs", fresh)
    scored = run_script(
        "benchmark/score_results.py", results.with_name("some_results_verified.jsonl")
    )
    assert scored.returncode == 0, scored.stderr
    assert "1 of 2 train fits hold on fresh pairs" in scored.stdout
