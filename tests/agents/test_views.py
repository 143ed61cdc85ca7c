"""Samples that see views of a task: what they answer is judged as if they had seen it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.code_generating_agent import CodeGeneratingAgent
from agents.prompts.building import Showing, prompt_messages
from agents.strategies.rounds import Rounds
from agents.strategies.strategy import Limits
from agents.viewed_agent import ViewedRefiningAgent, Views, viewed
from tests.agents.test_agents import ScriptedClient, model_of
from tests.support.batch_runs import arguments, replies_of
from tests.support.batch_server import BatchServer
from tests.support.knowing_model import shown_task
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import Run, arc1_training, entries
from tests.views.test_changes import some_kinds, tasks
from utilities.models.interface import Reply
from utilities.tasks.grids import describe_shape, grid_to_text
from utilities.tasks.task import Grid, Pair, Task
from utilities.traces.store import read_store
from utilities.verification.verifier import LocalVerifier, VerifierSettings
from utilities.views.changes import KINDS, Kind, is_turned
from utilities.views.formats import FORMATS

DIRECT = "benchmark/run_direct_benchmark.py"
CODE = "benchmark/run_code_benchmark.py"
VARIED = ("--vary", ",".join(KINDS), "--best_of", "3")
TASKS = list(arc1_training().items())[:14]
FIELDS = ("attempts", "solved", "outputs_solved", "test_outputs", "status")


def run_on_tasks(
    run_script: Run,
    script: str,
    folder: Path,
    maker: str,
    *options: str,
    tasks: Sequence[tuple[str, Any]] = TASKS,
) -> list[dict[str, Any]]:
    """The entries of a run, in the order of the tasks."""
    folder.mkdir(exist_ok=True)
    (folder / "tasks.json").write_text(json.dumps(dict(tasks)))
    with LoopbackServer(then=reply(maker=maker)) as server:
        done = run_script(
            script, "--dataset_directory", folder / "tasks.json", "--output_directory", folder,
            "--model_identifier", "local:m", "--base_url", server.openai_url, "--quiet", *options,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {entry["task_id"]: entry for entry in entries(results_in(folder))}
    return [found[task_id] for task_id, _ in tasks]


def results_in(folder: Path) -> Path:
    (path,) = (one for one in folder.glob("*_results.jsonl") if "partial" not in one.name)
    return path


REAL = st.sampled_from(TASKS).map(lambda item: Task.from_json(*item))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(some=tasks | REAL, index=st.integers(0, 20), kinds=some_kinds, more=st.booleans())
def test_undoing_what_any_view_and_format_shows_gives_the_task(
    name: str, some: Task, index: int, kinds: tuple[Kind, ...], more: bool
) -> None:
    task = some.without_test_outputs()
    change = Views(kinds, 7).of(task, index)
    formats = (name, *(other for other in FORMATS if more and other != name))
    showing = Showing(grid_formats=formats)
    system, user = prompt_messages("direct_answer", change.of(task), showing, "grids")
    read, found = shown_task(f"{system['content']}\n{user['content']}")
    assert found == name
    back = change.undone.of(read)
    assert (back.train, back.test) == (task.train, task.test)


@pytest.mark.parametrize(
    ("script", "maker"), [(DIRECT, "knowing_grids"), (CODE, "knowing_program")]
)
def test_answers_given_in_a_views_frame_score_as_in_the_plain_frame(
    script: str, maker: str, run_script: Run, tmp_path: Path
) -> None:
    plain = run_on_tasks(run_script, script, tmp_path / "a", maker, "--best_of", "3")
    varied = run_on_tasks(run_script, script, tmp_path / "b", maker, *VARIED)
    assert {entry["solved"] for entry in plain} == {True, False}
    for one, other in zip(plain, varied, strict=True):
        assert [one[name] for name in FIELDS] == [other[name] for name in FIELDS], one["task_id"]
        assert one.get("train_passed") == other.get("train_passed")
        assert not is_turned(other["view"][0])
        assert len({json.dumps(view) for view in other["view"]}) == 3
        assert "view" not in one


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "rows"])
def test_answers_in_every_format_score_as_in_rows(
    name: str, run_script: Run, tmp_path: Path
) -> None:
    few = TASKS[:6]
    plain = run_on_tasks(run_script, DIRECT, tmp_path / "a", "knowing_grids", tasks=few)
    other = run_on_tasks(
        run_script, DIRECT, tmp_path / "b", "knowing_grids", "--grid_format", name,
        "--vary", "symmetry", tasks=few,
    )  # fmt: skip
    for one, also in zip(plain, other, strict=True):
        assert [one[name] for name in FIELDS] == [also[name] for name in FIELDS]


def test_a_run_with_views_takes_up_the_plain_run_and_its_own_and_is_reparsed(
    run_script: Run, tmp_path: Path
) -> None:
    few = TASKS[:3]
    (tmp_path / "tasks.json").write_text(json.dumps(dict(few)))
    asked = []
    with LoopbackServer(then=reply(maker="knowing_grids")) as server:
        for options in ((), VARIED, VARIED, (*VARIED, "--reparse")):
            done = run_script(
                DIRECT, "--dataset_directory", tmp_path / "tasks.json", "--output_directory",
                tmp_path / "out", "--model_identifier", "local:m", "--base_url",
                server.openai_url, *options,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            asked.append(len(server.ledger()))
    assert asked == [3, 9, 9, 9], "sample 0 is the plain run's"
    found = entries(results_in(tmp_path / "out"))
    assert len(found) == 6
    (plain, varied) = (
        one["configuration"] for one in entries(results_in(tmp_path / "out"), "metadata")[:2]
    )
    assert "vary" not in plain
    assert varied["vary"] == {"kinds": list(KINDS), "seed": 0}


def test_programs_of_turned_views_are_verified_as_they_are_exported(
    run_script: Run, tmp_path: Path
) -> None:
    code = "synthetic_data_generators/generate_code_data.py"
    run_on_tasks(run_script, code, tmp_path, "knowing_program", *VARIED, tasks=TASKS[:4])
    results = results_in(tmp_path)
    done = run_script("synthetic_data_generators/verify_generated_code.py", results)
    assert done.returncode == 0, done.stderr
    verified = results.with_name(f"{results.stem}_verified.jsonl")
    for entry in entries(verified):
        assert all(all(passed) for passed in entry["train_passed"])
        assert "solve_plain_task" in entry["python_code"][1]
    rows = tmp_path / "rows.jsonl"
    done = run_script(
        "auxiliary_utilities/export_training_data.py", verified, "--format", "messages",
        "--output", rows, "--verified", "train", "--allow_hardcoded",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in rows.read_text().splitlines():
        row = json.loads(line)
        turned = row["provenance"]["sample_index"] > 0
        assert ("I know it" in line) is not turned


def test_reasoning_of_turned_views_is_merged_only_if_asked_for_and_says_so(
    run_script: Run, tmp_path: Path
) -> None:
    reasoning = "synthetic_data_generators/generate_reasoning_data.py"
    run_on_tasks(run_script, reasoning, tmp_path, "knowing_program", *VARIED, tasks=TASKS[:2])
    results = results_in(tmp_path)
    journal = results.with_name(results.name.replace("_results", "_partial_results"))
    store = tmp_path / "store.json"
    for source in (results, journal):
        merge = ("auxiliary_utilities/merge_reasoning.py", source, "--traces_path", store)
        done = run_script(*merge)
        assert "of a turned view 4" in done.stdout, (done.stdout, done.stderr)
    assert all("view" not in trace for traces in read_store(store).values() for trace in traces)
    done = run_script(*merge[:1], results, *merge[2:], "--include_views")
    assert done.returncode == 0
    assert "turned view" not in done.stdout


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_views_formats_and_pictures_work_in_batches(
    api: str, run_script: Run, tmp_path: Path
) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps(dict(TASKS[:3])))
    with BatchServer(maker="knowing_program") as server:
        given = arguments(server, api, tmp_path / "out", tmp_path / "tasks.json")
        done = run_script(CODE, *given, *VARIED, "--images", "sheet")
        assert done.returncode == 0, done.stderr
        assert [len(batch.requests) for batch in server.batches] == [9]
        again = run_script(CODE, *given, *VARIED, "--images", "sheet", "--reparse")
        assert again.returncode == 0, again.stderr
        assert set(server.bought.values()) == {1}
    found = entries(tmp_path / "out" / "code_benchmark_results.jsonl")
    assert len(found) == 3
    for entry in found:
        assert all(all(passed) for passed in entry["train_passed"])
        assert [is_turned(view) for view in entry["view"]] == [False, True, True]
    journalled = replies_of(tmp_path / "out", "code_benchmark")
    assert sum(is_turned(line.get("view")) for line in journalled) == 6


RANKED = """
from agents.base import Agent
from utilities.results.entry import Sample

class Ranked:
    samples_are_ranked = True
    def identity(self):
        return {}
    async def sample(self, task, index):
        answers = tuple([[place]] for place, _ in enumerate(task.test))
        return Sample(task.task_id, index, [], "ok", reasoning=f"rank {index}", answers=answers)
"""


def test_an_own_agent_sees_views_too_and_a_ranking_begins_anew_in_each(
    run_script: Run, tmp_path: Path
) -> None:
    (tmp_path / "ranked.py").write_text(RANKED)
    several = [(name, task) for name, task in arc1_training().items() if len(task["test"]) == 2][:3]
    (tmp_path / "tasks.json").write_text(json.dumps(dict(several)))
    done = run_script(
        DIRECT, "--agent", f"{tmp_path / 'ranked.py'}:Ranked", "--vary", "symmetry,pairs",
        "--best_of", "6", "--dataset_directory", tmp_path / "tasks.json", "--output_directory",
        tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = entries(tmp_path / "out" / "direct_benchmark_results.jsonl")
    for entry in found:
        assert entry["reasoning"] == ["rank 0"] * 6
        for answers, view in zip(entry["test_outputs"], entry["view"], strict=True):
            assert [grid[0][0] for grid in answers] == [
                view["test_order"].index(at) for at in (0, 1)
            ]
    assert any(view["test_order"] == [1, 0] for entry in found for view in entry["view"])


MIRROR = Task(
    "mirror",
    (
        Pair([[1, 2, 0], [3, 4, 0]], [[0, 2, 1], [0, 4, 3]]),
        Pair([[5, 6], [7, 0]], [[6, 5], [0, 7]]),
    ),
    (Pair([[8, 9, 0, 1]], None),),
)
ALMOST = "```python\ndef solve_task(grid):\n    return [row[::-1] for row in grid[::-1]]\n```"


async def test_a_refinement_sees_programs_outputs_and_pairs_in_its_own_frame(
    tmp_path: Path,
) -> None:
    client = ScriptedClient(*[Reply(ALMOST) for _ in range(12)])
    async with (
        model_of(tmp_path, client) as model,
        LocalVerifier(VerifierSettings(), labels=False) as verifier,
    ):
        agent = viewed(CodeGeneratingAgent(model), Views(KINDS, 3))
        assert isinstance(agent, ViewedRefiningAgent)
        strategy = Rounds(agent, verifier.judge, Limits(best_of=4, refine=2))
        await strategy.all_samples(MIRROR)
    refinements = [asked[1]["content"] for asked in client.asked[4:]]
    assert len(refinements) == 8
    shown = 0
    for prompt in refinements:
        task, _ = shown_task(prompt)
        for part in prompt.split("\n## Earlier program")[1:]:
            (code,) = re.findall(r"```python\n(.*?)\n```", part, re.DOTALL)
            names: dict[str, Any] = {}
            exec(code, names)
            for number, pair in enumerate(task.train, start=1):
                told = part.partition(f"Train pair {number}: ")[2].split("\n\n")[0].strip()
                gave = names["solve_task"]([list(row) for row in pair.input])
                assert told == told_of(gave, pair.output), (told, gave)
                shown += 1
    assert shown > 20


def told_of(gave: Grid, expected: Grid) -> str:
    """What feedback says of an output."""
    if gave == expected:
        return "right."
    if (len(gave), len(gave[0])) != (len(expected), len(expected[0])):
        return (
            f"wrong: it gave {describe_shape(gave)} where {describe_shape(expected)} are expected. "
            f"Its output:\n{grid_to_text(gave)}"
        )
    rows = [list(zip(*both, strict=True)) for both in zip(gave, expected, strict=True)]
    cells = [a == b for row in rows for a, b in row]
    text = "\n".join(" ".join(str(a) if a == b else f"{a}→{b}" for a, b in row) for row in rows)
    return (
        f"wrong: the shape is right, {cells.count(False)} of {len(cells)} cells are not "
        f"(got→expected):\n{text}"
    )
