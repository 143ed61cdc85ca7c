"""The entry for ARC Prize's community leaderboard."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.scripts import Run
from utilities.errors import UsageError
from utilities.scoring.leaderboard import faults, write_entry
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.public_sets import read_part
from utilities.tasks.task import Task

VALIDATOR = Path(os.environ.get("ARC_LEADERBOARD_VALIDATOR", "no file"))
"""`.github/scripts/validate_submission.py` of arcprize/ARC-AGI-Community-Leaderboard."""
ABOUT = {
    "name": "Mine",
    "authors": [{"name": "A", "url": "https://a.example"}],
    "description": "It votes.",
    "code_url": "https://github.com/a/b",
}


def tasks_of(name: str) -> list[Task]:
    return [Task.from_json(key, task) for key, task in read_part(name).items()]


def run_of(folder: Path, name: str = "arc2_evaluation", solved: int = 12, **more: Any) -> ScoredRun:
    """A run that solves the first tasks; `tasks` are scored in place of the whole set."""
    tasks = tasks_of(name)
    answers = {
        task.task_id: [
            {"attempt_1": pair.output if at < solved else [[0]], "attempt_2": [[0]]}
            for pair in task.test
        ]
        for at, task in enumerate(tasks)
    }
    path = folder / "m1.json"
    path.write_text(json.dumps(answers))
    (run,) = read_scored_runs([path], tasks=more.get("tasks", tasks), dataset=name)
    return run


def filled_in(path: Path) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **ABOUT}))


def test_an_entry_has_the_score_in_percent_and_says_what_is_to_be_filled_in(
    tmp_path: Path,
) -> None:
    path = tmp_path / "submission.yaml"
    to_do = write_entry(path, [run_of(tmp_path)])
    (version,) = yaml.safe_load(path.read_text())["versions"]
    assert version["models"] == [{"name": "m1"}]
    assert version["scores"] == [{"benchmark": "arc-agi-2", "score": 10.0, "set": "public"}]
    assert [line.partition(":")[0] for line in to_do] == [
        f"folder {tmp_path.name}", "name", "description", "code_url", "authors[0].name",
    ]  # fmt: skip


def test_a_later_run_is_a_further_version_and_what_the_user_wrote_stays(tmp_path: Path) -> None:
    folder = tmp_path / "my-method"
    folder.mkdir()
    path = folder / "submission.yaml"
    write_entry(path, [run_of(tmp_path, "arc1_evaluation", 4)])
    filled_in(path)
    assert write_entry(path, [run_of(tmp_path)]) == []
    assert write_entry(path, [run_of(tmp_path)]) == []  # the same scores are no third version
    entry = yaml.safe_load(path.read_text())
    assert {key: entry[key] for key in ABOUT} == ABOUT
    told = [(one["version"], one["scores"][0]["benchmark"]) for one in entry["versions"]]
    assert told == [("1.0", "arc-agi-1"), ("2.0", "arc-agi-2")]


def test_missing_tasks_count_0_and_a_part_of_a_set_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    answers = json.loads((tmp_path / "m1.json").read_text())
    some = dict(list(answers.items())[:60])
    (tmp_path / "m1.json").write_text(json.dumps(some))
    tasks = tasks_of("arc2_evaluation")
    (run,) = read_scored_runs([tmp_path / "m1.json"], tasks=tasks, dataset="x")
    write_entry(tmp_path / "e.yaml", [run])
    (version,) = yaml.safe_load((tmp_path / "e.yaml").read_text())["versions"]
    assert version["scores"][0]["score"] == 10.0
    part = run_of(tmp_path, tasks=tasks[:60])
    with pytest.raises(UsageError, match="its 60 tasks are not those of arc1_evaluation or arc2"):
        write_entry(tmp_path / "e.yaml", [part])


def test_more_attempts_than_two_are_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.configuration = {"attempts": 3}
    with pytest.raises(UsageError, match="3 attempts; 2 are allowed"):
        write_entry(tmp_path / "e.yaml", [run])


@pytest.mark.parametrize("content", ["[1, 2]", "versions: 3", "a: [", "- x", "\0"])
def test_a_file_that_is_no_entry_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "submission.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"--leaderboard_entry .*submission\.yaml"):
        write_entry(path, [run_of(tmp_path)])
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": " "}, "name: fill it in"),
        ({"authors": []}, "authors: fill it in"),
        ({"authors": [{"name": "A"}]}, "authors[0]: give one of url, twitter"),
        ({"authors": [{"name": "A", "github": "me"}]}, "authors[0].github: give an address"),
        ({"authors": ["A"]}, "authors[0].name"),
        ({"code_url": "github.com/a"}, "code_url: give an address"),
        ({"paper_url": "x"}, "paper_url: give an address"),
        ({"versions": []}, "versions: fill it in"),
        ({"versions": [{"version": "1", "date": "2026-01-01", "models": [{"name": "m"}],
                        "scores": [{"benchmark": "arc-agi-1", "score": 101}]}]},
         "versions[0].scores[0].score"),
        ({"versions": [{"version": "1", "scores": [{"score": 1}]}]}, "versions[0].date"),
    ],
)  # fmt: skip
def test_what_the_leaderboard_refuses_is_told(change: dict[str, Any], fault: str) -> None:
    score = {"benchmark": "arc-agi-1", "score": 7.5, "set": "public"}
    version = {"version": "1.0", "date": "2026-01-01", "models": [{"name": "m"}], "scores": [score]}
    good = {**ABOUT, "versions": [version]}
    assert list(faults(good, "my-method")) == []
    assert any(line.startswith(fault) for line in faults({**good, **change}, "my-method"))


def test_the_script_writes_an_entry(tmp_path: Path, run_script: Run) -> None:
    run_of(tmp_path)
    entry, tasks = tmp_path / "submission.yaml", tmp_path / "tasks.json"
    tasks.write_text(json.dumps(read_part("arc2_evaluation")))
    done = run_script(
        "benchmark/score_results.py", tmp_path / "m1.json", "--dataset_directory", tasks,
        "--leaderboard_entry", entry,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"wrote {entry}\n  to do: " in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not VALIDATOR.is_file(), reason="ARC_LEADERBOARD_VALIDATOR names no file")
def test_the_leaderboards_own_checks_take_the_entry(tmp_path: Path) -> None:
    """Without its look at links, which needs a network."""
    folder = tmp_path / "my-method"
    folder.mkdir()
    path = folder / "submission.yaml"
    write_entry(path, [run_of(tmp_path), run_of(tmp_path, "arc1_evaluation")])
    program = (
        "import sys, types, runpy; requests = types.ModuleType('requests'); "
        "sys.modules['requests'] = requests; checks = runpy.run_path(sys.argv[1]); "
        "checks['validate_submission'].__globals__['check_url_resolves'] = lambda *_: []; "
        "print(*checks['validate_submission'](sys.argv[2]), sep='\\n')"
    )

    def their_faults() -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, VALIDATOR, path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    assert "name" in their_faults()
    filled_in(path)
    assert their_faults() == ""
