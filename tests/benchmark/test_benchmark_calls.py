"""One call of a benchmark: several models and datasets, a run started again, tasks unscored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.test_benchmarks import CODE, DIRECT, FLIP, FLIPS, KEEPS, TURN, marker
from tests.support.loopback_server import Behaviour, LoopbackServer, reply, status
from tests.support.scripts import Run, arc1_training, entries

SCRIPTED = {marker(FLIP): [FLIPS], marker(TURN): [KEEPS]}
RESULTS = "code_benchmark_results.jsonl"


def folder_of(tmp_path: Path, **datasets: tuple[str, ...]) -> Path:
    """A folder with a dataset file for each name, of these ARC tasks."""
    tasks, folder = arc1_training(), tmp_path / "sets"
    folder.mkdir(exist_ok=True)
    for name, task_ids in datasets.items():
        chosen = {task_id: tasks[task_id] for task_id in task_ids}
        (folder / f"{name}.json").write_text(json.dumps(chosen))
    return folder


def asked(server: LoopbackServer) -> list[tuple[str, str]]:
    return [(request.body["model"], str(request.body["messages"])) for request in server.ledger()]


def metadata_of(folder: Path) -> list[dict[str, Any]]:
    return entries(folder / RESULTS, "metadata")


def test_several_models_and_datasets_are_run_told_apart_and_scored_each_for_itself(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, easy=(FLIP,), both=(FLIP, TURN))
    with LoopbackServer(prompts=SCRIPTED) as server:
        done = run_script(
            CODE, "--model_identifier", "local:a,PROGRAM_SEARCH,local:b", "--base_url",
            server.openai_url, "--dataset_directory", folder, "--dataset", "easy,both",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        models = [model for model, _ in asked(server)]
    assert sorted(models) == ["a"] * 2 + ["b"] * 2, "FLIP's reply serves both datasets"
    runs = metadata_of(tmp_path / "out")
    assert [(run["model_identifier"], run["configuration"]["dataset"]) for run in runs] == [
        (model, name)
        for model in ("local:a", "PROGRAM_SEARCH", "local:b")
        for name in ("easy", "both")
    ]
    assert [run["scores"]["strict"] for run in runs] == [1, 0.5, 1, 1, 1, 0.5]
    assert [run["call"] for run in runs] == [
        {"id": runs[0]["run_id"], "part": part, "parts": 6} for part in range(1, 7)
    ]
    assert len({run["run_id"] for run in runs}) == len({r["configuration_hash"] for r in runs}) == 6
    for entry in entries(tmp_path / "out" / RESULTS):
        (run,) = (run for run in runs if run["run_id"] == entry["run_id"])
        assert entry["model_identifier"] == run["model_identifier"]
        assert entry["configuration_hash"] == run["configuration_hash"]
        assert entry["dataset"] == run["configuration"]["dataset"]
        assert entry["dataset_hash"] == run["dataset_hash"]
    table = done.stdout.splitlines()[-6:]
    assert table[0].split() == ["local:a", "on", "easy", "1", "100.00%", "100.00%", "100.00%"]
    assert table[5].split()[:4] == ["local:b", "on", "both", "2"]


def test_the_budget_is_shared_and_what_it_does_not_reach_is_said(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, easy=(FLIP,))
    with LoopbackServer(then=FLIPS) as server:
        done = run_script(
            CODE, "--model_identifier", "openrouter:a,openrouter:b,openrouter:c",
            "--base_url", server.openai_url, "--dataset_directory", folder, "--dataset", "easy",
            "--price", "100,1000", "--max_tokens", "2000", "--max_cost_usd", "2.4",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        models = [model for model, _ in asked(server)]
    # 2 USD for the reply and 0.2 for the prompt are reserved for each; 1000 tokens in and
    # 200 out cost 0.3 USD, and the second reservation does not fit any more.
    assert done.returncode == 3, done.stderr
    runs = metadata_of(tmp_path / "out")
    assert models == ["a"]
    assert [run["spent_usd"] for run in runs] == [pytest.approx(0.3), 0.0]
    assert runs[-1]["status"] == "budget_exhausted"
    assert "openrouter:c on" in done.stdout
    assert "not begun" in done.stdout


def test_the_table_of_a_call_counts_tasks_without_an_entry_as_not_solved(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, both=(FLIP, TURN))
    with LoopbackServer(then=FLIPS) as server:
        done = run_script(
            CODE, "--model_identifier", "openrouter:a,openrouter:b", "--base_url",
            server.openai_url, "--dataset_directory", folder, "--dataset", "both",
            "--price", "100,1000", "--max_tokens", "2000", "--max_cost_usd", "2.4",
            "--max_concurrent_tasks", "1", "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert len(asked(server)) == 1
    assert done.returncode == 3, done.stderr
    (run,) = metadata_of(tmp_path / "out")
    assert (run["missing_tasks"], run["scores"]["macro"]) in [({FLIP: 1}, 0), ({TURN: 1}, 0.5)]
    share = f"{run['scores']['macro']:.2%}"
    table = done.stdout.splitlines()[-2:]
    assert table[0].split() == ["openrouter:a", "on", "both", "2", share, share, share]
    assert table[1].split() == ["openrouter:b", "on", "both", "not", "begun"]


def test_what_was_done_is_shown_and_submitted_when_a_later_model_cannot_be_asked(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, easy=(FLIP,))
    with LoopbackServer(first=[FLIPS], then=status(401)) as server:
        done = run_script(
            CODE, "--model_identifier", "local:a,local:b,local:c", "--base_url",
            server.openai_url, "--dataset_directory", folder, "--dataset", "easy",
            "--output_directory", tmp_path / "out", "--submission", tmp_path / "submission.json",
        )  # fmt: skip
    assert (done.returncode, done.stderr.count("error:")) == (2, 1), done.stderr
    table = [line.split()[3:5] for line in done.stdout.splitlines()[-4:-1]]
    assert table == [["1", "100.00%"], ["failed"], ["not", "begun"]]
    assert list(json.loads((tmp_path / "submission.json").read_text())) == [FLIP]


def test_a_dry_run_of_several_models_names_each_and_says_what_refinements_may_add(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, both=(FLIP, TURN))
    done = run_script(
        CODE, "--model_identifier", "local:a,local:b", "--dataset_directory", folder,
        "--dataset", "both", "--best_of", "3", "--refine", "2", "--max_tokens", "100",
        "--dry_run", "--submission", tmp_path / "submission.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("local:")] == [
        "local:a on both:", "local:b on both:"
    ]  # fmt: skip
    assert "6 to make" in done.stdout
    assert done.stdout.count("at most 12 requests more, 1,200 tokens") == 2
    assert "not scored" not in done.stdout
    assert not (tmp_path / "submission.json").exists()


def test_tasks_of_unknown_outputs_are_in_no_figure_also_where_they_were_not_reached(
    tmp_path: Path, run_script: Run
) -> None:
    tasks = {name: arc1_training()[name] for name in (FLIP, TURN)}
    for task in tasks.values():
        task["test"] = [{"input": pair["input"]} for pair in task["test"]]
    path = tmp_path / "blind.json"
    path.write_text(json.dumps(tasks))
    done = run_script(
        CODE, "--model_identifier", "openrouter:a", "--base_url", "http://127.0.0.1:9/v1",
        "--dataset_directory", path, "--price", "1000,1000", "--max_cost_usd", "0.01",
        "--output_directory", tmp_path / "out", "--submission", tmp_path / "submission.json",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    (run,) = metadata_of(tmp_path / "out")
    assert run["scores"] is None
    assert run["missing_tasks"] == {FLIP: 1, TURN: 1}
    again = run_script("benchmark/score_results.py", tmp_path / "out" / RESULTS)
    said = f"not scored, test outputs unknown: 2 tasks ({TURN}, {FLIP}); 2 of them without an entry"
    for printed in (done.stdout, again.stdout):
        assert said in printed
        assert "%" not in printed
    assert set(json.loads((tmp_path / "submission.json").read_text())) == {FLIP, TURN}


def test_a_name_that_is_missing_between_commas_is_an_error(tmp_path: Path, run_script: Run) -> None:
    done = run_script(CODE, "--model_identifier", "PROGRAM_SEARCH,", "--max_tasks", "1")
    assert done.returncode == 2
    assert "empty name" in done.stderr


def test_an_unknown_dataset_among_several_is_found_before_anything_is_asked(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, easy=(FLIP,))
    with LoopbackServer(then=FLIPS) as server:
        done = run_script(
            DIRECT, "--model_identifier", "local:a", "--base_url", server.openai_url,
            "--dataset_directory", folder, "--dataset", "easy,eazy",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert server.ledger() == []
    assert done.returncode == 2
    assert "eazy" in done.stderr


@pytest.mark.parametrize(
    ("script", "said", "attempt"),
    [(CODE, FLIPS, None), (DIRECT, reply("```\n1 2\n3 4\n```"), [[1, 2], [3, 4]])],
)
def test_tasks_without_test_outputs_get_attempts_and_no_score(
    script: str, said: Behaviour, attempt: Any, tmp_path: Path, run_script: Run
) -> None:
    task = arc1_training()[FLIP]
    inputs = [{"input": pair["input"]} for pair in task["test"]]
    path = tmp_path / "kaggle" / "arc-agi_test_challenges.json"
    path.parent.mkdir()
    path.write_text(json.dumps({FLIP: {"train": task["train"], "test": inputs}}))
    with LoopbackServer(then=said) as server:
        done = run_script(
            script, "--model_identifier", "local:a", "--base_url", server.openai_url,
            "--dataset_directory", path.parent, "--output_directory", tmp_path / "out",
            "--attempts", "3",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (results,) = (tmp_path / "out").glob("*benchmark_results.jsonl")
    (entry,) = entries(results)
    assert entry["attempts"] == [[attempt or task["test"][0]["output"], None, None]]
    assert entry["solved"] is None
    assert entry["outputs_solved"] == [None]
    (metadata,) = entries(results, "metadata")
    assert metadata["scores"] is None
    assert metadata["unscored_tasks"] == 1
    assert "not scored, test outputs unknown: 1 task" in done.stdout
    assert "%" not in done.stdout


def first_run(run_script: Run, url: str, dataset: Path, folder: Path) -> Path:
    done = run_script(
        CODE, "--model_identifier", "local:a", "--base_url", url, "--dataset_directory", dataset,
        "--best_of", "2", "--refine", "1", "--attempts", "3", "--price", "1,2", "--max_tasks", "2",
        "--output_directory", folder, "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / RESULTS


def test_a_run_started_again_from_its_metadata_asks_and_scores_the_same(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(prompts=SCRIPTED) as server:
        results = first_run(run_script, server.openai_url, dataset(FLIP, TURN), tmp_path / "out")
        once = asked(server)
        again = run_script(
            CODE, "--from_metadata", results, "--output_directory", tmp_path / "again"
        )
        assert again.returncode == 0, again.stderr
        assert sorted(asked(server)[len(once) :]) == sorted(once)
        resumed = run_script(CODE, "--from_metadata", results)
        assert len(asked(server)) == 2 * len(once), resumed.stderr
    (first, *_), (second,) = metadata_of(tmp_path / "out"), metadata_of(tmp_path / "again")
    assert second["configuration"] == first["configuration"]
    assert second["scores"] == first["scores"]
    own = {"from_metadata", "output_directory", "quiet"}
    assert {k: v for k, v in second["options"].items() if k not in own} == {
        k: v for k, v in first["options"].items() if k not in own
    }
    assert second["repeats"]["run_id"] == first["run_id"]
    assert [line for line in second["repeats"]["differences"] if "git_dirty" not in line] == []


def test_what_differs_from_the_run_that_is_started_again_is_said(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(prompts=SCRIPTED) as server:
        results = first_run(run_script, server.openai_url, dataset(FLIP, TURN), tmp_path / "out")
        (before,) = metadata_of(tmp_path / "out")
        text = results.read_text()
        text = text.replace(before["configuration"]["prompt_hash"], "0" * 32)
        text = text.replace('"search_budget":null', '"search_budget":9')  # it had no effect
        results.write_text(text.replace(before["git_commit"], "1" * 40))
        dataset(TURN, FLIP)
        again = run_script(CODE, "--from_metadata", results, "--best_of", "1", "--max_tasks", "1")
    assert again.returncode == 0, again.stderr
    metadata = metadata_of(tmp_path / "out")[-1]
    assert metadata["counts"]["tasks"] == 1
    assert metadata["configuration"]["best_of"] == 1
    lines = metadata["repeats"]["differences"]
    assert f"dataset_hash: {before['dataset_hash']} then, {metadata['dataset_hash']} now" in lines
    assert "configuration.best_of: 2 then, 1 now" in lines
    assert "options.max_tasks: 2 then, 1 now" in lines
    names = {line.partition(":")[0] for line in lines} - {"git_dirty"}
    assert names == {
        "dataset_hash", "configuration.prompt_hash", "configuration.best_of", "git_commit",
        "options.max_tasks", "options.search_budget",
    }  # fmt: skip
    for line in lines:
        assert line in again.stderr


def test_a_call_of_several_models_is_started_again_as_a_whole(
    tmp_path: Path, run_script: Run
) -> None:
    folder = folder_of(tmp_path, easy=(FLIP,), hard=(TURN,))
    with LoopbackServer(then=FLIPS) as server:
        for more in (
            ("--model_identifier", "local:a,local:b", "--base_url", server.openai_url,
             "--dataset_directory", folder, "--dataset", "easy,hard"),
            ("--from_metadata", tmp_path / "out" / RESULTS),
        ):  # fmt: skip
            done = run_script(CODE, *more, "--output_directory", tmp_path / "out")
            assert done.returncode == 0, done.stderr
        assert len(asked(server)) == 4
    runs = metadata_of(tmp_path / "out")
    assert len(runs) == 8
    assert [run["repeats"]["run_id"] for run in runs[4:]] == [run["run_id"] for run in runs[:4]]
    for run in runs[4:]:
        assert [line for line in run["repeats"]["differences"] if "git_dirty" not in line] == []


def test_a_run_that_resumed_nothing_can_be_started_again_to_reparse(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=FLIPS) as server:
        first = run_script(
            CODE, "--model_identifier", "local:a", "--base_url", server.openai_url, "--no_resume",
            "--dataset_directory", dataset(FLIP), "--output_directory", tmp_path / "out",
        )  # fmt: skip
        again = run_script(CODE, "--from_metadata", tmp_path / "out" / RESULTS, "--reparse")
        assert len(asked(server)) == 1
    assert (first.returncode, again.returncode) == (0, 0), again.stderr
    assert [run["scores"]["macro"] for run in metadata_of(tmp_path / "out")] == [1, 1]


def test_a_file_without_metadata_of_this_script_cannot_be_started_again(
    tmp_path: Path, run_script: Run
) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"entry_type": "metadata", "script": "code_data", "options": {}}\n')
    done = run_script(CODE, "--from_metadata", path)
    assert done.returncode == 2
    assert "no metadata of a code_benchmark run" in done.stderr


def test_the_embedded_agent_says_that_it_has_nothing_to_refine(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        CODE, "--dataset_directory", dataset(FLIP), "--refine", "2", "--output_directory",
        tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nothing to refine" in done.stderr
    (entry,) = entries(tmp_path / "out" / RESULTS)
    assert entry["refinement_round"] == [0]
    assert metadata_of(tmp_path / "out")[0]["configuration"]["refine"] == 0


def test_models_and_program_search_side_by_side_run_without_the_options_of_the_other(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        CODE, "--model_identifier", "CLAUDE_OPUS,PROGRAM_SEARCH", "--batch", "--dry_run",
        "--search_budget", "1000",
        "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "PROGRAM_SEARCH asks no model" in done.stdout
