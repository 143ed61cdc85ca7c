"""Agents that make new tasks: what they are shown, what is composed without one, and sources."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.grid_makers import MAKERS
from agents.reply_parsing import extract_code
from agents.task_composing import around, composed
from agents.task_making import MakingTasks, NewTaskAgent
from agents.task_sources import (
    Source,
    Sources,
    sources_from_nothing,
    sources_of_descriptions,
    sources_of_programs,
    sources_of_tasks,
)
from tests.support.scripts import arc1_training
from tests.support.task_programs import GENERATOR, GOOD, MIRROR
from tests.support.training_results import entry, mirror_task, write
from utilities.errors import UsageError
from utilities.models.interface import Message, Reply, Usage
from utilities.results.entry import Sample, SampleStatus
from utilities.tasks.datasets import EVERYTHING, open_tasks
from utilities.tasks.grids import check_grid
from utilities.tasks.selection import Selection
from utilities.tasks.task import Draw, Task
from utilities.training_data.generators import halves_of
from utilities.training_data.known_tasks import KnownTasks
from utilities.training_data.new_tasks import TaskMaker
from utilities.verification.verifier import LocalVerifier, VerifierSettings

TASK_ID, OTHER_ID = "6150a2bd", "d4a91cb9"


def tasks_in(folder: Path, *task_ids: str, **others: Any) -> Any:
    known = arc1_training()
    path = folder / "tasks.json"
    path.write_text(json.dumps({name: known[name] for name in task_ids} | others))
    return open_tasks(dataset_directory=path)


def of_tasks(tasks: Any, **settings: Any) -> Sources:
    return sources_of_tasks(
        tasks, **{"in_twos": False, "seed": 0, "allow_evaluation": True} | settings
    )


class Recorder:
    """A model that keeps what it is asked, and answers with a program."""

    def __init__(self) -> None:
        self.asked: list[list[Message]] = []

    async def ask(self, _: Task, __: int, messages: list[Message], **___: Any) -> Reply:
        self.asked.append(messages)
        return Reply(f"```python\n{GOOD}\n```")


async def shown(source: Source, made_from: Any) -> str:
    recorder = Recorder()
    agent = NewTaskAgent(recorder, made_from)  # type: ignore[arg-type]
    await agent.sample(replace(source, test=()), 0)
    ((_, user),) = recorder.asked
    return str(user["content"])


async def test_a_prompt_of_two_tasks_says_where_the_second_one_begins(tmp_path: Path) -> None:
    source, _ = of_tasks(tasks_in(tmp_path, TASK_ID, OTHER_ID), in_twos=True).sources
    prompt = await shown(source, "two_tasks")
    assert f"the first {len(source.tasks[0].train)} are of one" in prompt
    assert prompt.count("## Train pair") == len(source.train)


async def test_a_prompt_of_a_description_shows_it_as_it_is_and_no_stand_in_pair(
    tmp_path: Path,
) -> None:
    path = tmp_path / "said.txt"
    path.write_text("Mirror it; it costs $pairs.\n")
    (source,) = sources_of_descriptions(path, EVERYTHING, allow_evaluation=True).sources
    prompt = await shown(source, "descriptions")
    assert "Mirror it; it costs $pairs." in prompt
    assert "Train pair" not in prompt


async def test_a_prompt_from_nothing_shows_no_pair() -> None:
    assert (
        await shown(sources_from_nothing(Selection(max_tasks=1)).sources[0], "nothing")
        == "Invent a new puzzle."
    )


def test_sources_from_nothing_are_asked_for_apart() -> None:
    first, second = (
        source.to_json() for source in sources_from_nothing(Selection(max_tasks=2)).sources
    )
    assert first != second


def test_a_slice_names_sources_from_nothing_by_their_numbers() -> None:
    chosen = Selection(tasks=slice(3, 9), max_tasks=2)
    names = [source.task_id for source in sources_from_nothing(chosen).sources]
    assert names == ["nothing_3", "nothing_4"]


def test_the_two_functions_of_a_reply_may_stand_in_two_blocks() -> None:
    text = f"Inputs:\n```python\n{GENERATOR}```\nThe rule:\n```python\n{MIRROR}```\n"
    code = extract_code(text, NewTaskAgent.also_defines)
    assert code is not None
    assert halves_of(code.python_code) is not None


def test_a_task_is_combined_with_the_same_other_one_each_time(tmp_path: Path) -> None:
    names = sorted(arc1_training())[:9]
    first, second = (
        [source.task_id for source in of_tasks(tasks_in(tmp_path, *names), in_twos=True).sources]
        for _ in range(2)
    )
    assert first == second
    assert all(one.split("+")[0] != one.split("+")[1] for one in first)


def test_one_task_cannot_be_combined(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="select two or more"):
        of_tasks(tasks_in(tmp_path, TASK_ID), in_twos=True)


@pytest.fixture(scope="module")
def evaluation_task() -> Any:
    known = KnownTasks(["arc1_evaluation"])
    return known._tasks[0][0].to_json()


def test_tasks_of_evaluation_sets_are_left_out_in_one_line(
    tmp_path: Path, evaluation_task: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = tasks_in(tmp_path, TASK_ID, renamed=evaluation_task)
    sources = of_tasks(tasks, allow_evaluation=False)
    assert [source.task_id for source in sources.sources] == [TASK_ID]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "1 of 2 sources are evaluation tasks (renamed is " in said


def test_sources_that_are_all_evaluation_tasks_are_refused(
    tmp_path: Path, evaluation_task: Any
) -> None:
    tasks = tasks_in(tmp_path, renamed=evaluation_task)
    with pytest.raises(UsageError, match="--allow_evaluation_sources"):
        of_tasks(tasks, allow_evaluation=False)
    assert len(of_tasks(tasks).sources) == 1


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.txt", "\n \n", "holds no description"),
        ("a.jsonl", '{"description": "x"}\n{"text": "y"}\n', "line 2: it has no text"),
        ("a.jsonl", '{"description": "x"}\n{', "line 2: "),
        ("a.jsonl", '["x"]\n', "line 1: it has no text"),
        ("a.jsonl", '{"description":"x","task_id":"a"}\n{"description":"y","task_id":"a"}\n',
         "task_id a is there twice"),
    ],
)  # fmt: skip
def test_a_bad_file_of_descriptions_is_named_with_its_line(
    name: str, content: str, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UsageError, match=fault):
        sources_of_descriptions(path, EVERYTHING, allow_evaluation=True)


def test_a_description_may_name_its_task_and_licence(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text('{"description": "Turn it.", "task_id": "t", "licence": "MIT"}\n')
    (source,) = sources_of_descriptions(path, EVERYTHING, allow_evaluation=True).sources
    assert (source.task_id, source.description, source.licence) == ("t", "Turn it.", "MIT")


def programs_in(folder: Path, **relabelled: Any) -> Sources:
    codes = [MIRROR, MIRROR + "# again", GOOD, None]
    path = write(folder / "results.jsonl", entry("a", mirror_task(), codes, **relabelled))
    return sources_of_programs([path], EVERYTHING, allow_evaluation=False)


def test_each_different_program_is_a_source_once(tmp_path: Path) -> None:
    programs = [source.program for source in programs_in(tmp_path).sources]
    assert programs == [MIRROR, GOOD]


def test_only_a_relabelled_program_may_solve_the_task_that_stands_beside_it(tmp_path: Path) -> None:
    plain = programs_in(tmp_path).sources
    relabelled = programs_in(tmp_path, relabelled_from=[{"task_id": "old"}] * 4).sources
    assert [len(source.tasks) for source in plain] == [1, 1]
    assert [len(source.tasks) for source in relabelled] == [0, 0]
    assert all(source.task_id.startswith("old_") for source in relabelled)


def test_a_program_gets_inputs_that_repeat_and_differ(tmp_path: Path) -> None:
    source = programs_in(tmp_path).sources[0]
    made = [around(MIRROR, source, str(seed))["python_code"] for seed in range(12)]
    assert made == [around(MIRROR, source, str(seed))["python_code"] for seed in range(12)]
    for code in made:
        generator, solution = halves_of(code) or ("", "")
        assert "def solve_task" in solution
        names: dict[str, Any] = {}
        exec(generator, names)
        inputs = [names["generate_input"](random.Random(seed)) for seed in range(10)]
        assert all(check_grid(grid) is None for grid in inputs)
        assert len({str(grid) for grid in inputs}) > 2


@pytest.mark.parametrize("maker", MAKERS)
def test_a_grid_maker_gives_valid_grids_that_the_seed_decides(maker: Any) -> None:
    for seed in range(100):
        first, second = (maker(random.Random(seed), (4, 16), (3, 5, 7)) for _ in range(2))
        assert first == second
        assert check_grid(first) is None
        assert check_grid(maker(random.Random(seed), (4, 8), (3,))) is None


def test_composed_programs_repeat_and_differ() -> None:
    first, second = ([composed(f"seed {number}") for number in range(12)] for _ in range(2))
    assert first == second
    programs = {one["python_code"] for one in first if one is not None}
    assert len(programs) == sum(one is not None for one in first) > 8
    assert all(halves_of(program) for program in programs)


class Scripted:
    """An agent whose samples are all this one."""

    def __init__(self, code: str | None, status: SampleStatus, reply: Reply | None) -> None:
        self.sample_given = Sample("t", 0, [], status, python_code=code, reply=reply)
        self.asked_about: list[str] = []

    def identity(self) -> dict[str, Any]:
        return {}

    async def sample(self, task: Task, index: int) -> Sample:
        self.asked_about.append(task.task_id)
        return replace(self.sample_given, index=index)


async def entry_solved_by(solver: Scripted) -> dict[str, Any]:
    paid = Reply("", usage=Usage(input_tokens=5), cost_usd=0.5)
    async with LocalVerifier(VerifierSettings(), workers=1) as verifier:
        maker = TaskMaker(verifier, KnownTasks(()), Draw())
        named = {"model_identifier": "m", "model": "m"}
        making = MakingTasks(Scripted(GOOD, "ok", paid), maker, verifier, 1, named, solver)
        return await making.answer(sources_from_nothing(Selection(max_tasks=1)).sources[0])


async def test_a_task_that_the_solver_solves_is_kept_and_its_cost_counted() -> None:
    reply = Reply("", usage=Usage(input_tokens=7), cost_usd=0.25)
    entry = await entry_solved_by(Scripted(GOOD, "ok", reply))
    assert (entry["status"], entry["cost_usd"]) == (["ok"], [0.75])
    assert entry["usage"][0]["input_tokens"] == 12
    assert entry["new_tasks"][0]["task_id"].startswith("synthetic:")


async def test_the_solvers_replies_count_to_the_source() -> None:
    solver = Scripted(GOOD, "ok", None)
    entry = await entry_solved_by(solver)
    assert solver.asked_about == [entry["task_id"]]


@pytest.mark.parametrize("code", ["def solve_task(grid):\n    return grid\n", None])
async def test_a_task_that_the_solver_does_not_solve_is_dropped(code: str | None) -> None:
    entry = await entry_solved_by(Scripted(code, "ok" if code else "no_code", None))
    assert (entry["status"], entry["new_tasks"]) == (["not_solved"], [None])
    assert entry["complete"] is True


async def test_a_sample_whose_solver_got_no_reply_is_asked_again() -> None:
    entry = await entry_solved_by(Scripted(None, "rate_limited", None))
    assert (entry["status"], entry["complete"]) == (["rate_limited"], False)
