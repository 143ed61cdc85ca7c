"""Refinement rounds: what a model is shown, what it is never shown, and when the rounds end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.code_generating_agent import CodeGeneratingAgent
from agents.prompts.building import prompt_messages
from agents.strategies.feedback import EarlierProgram, choose_parents, feedback_text
from agents.strategies.rounds import Rounds
from agents.strategies.strategy import JudgedSample, Limits, candidates_of
from tests.agents.test_agents import ScriptedClient, model_of
from tests.support.attempts import choose_attempts
from utilities.errors import NotAsked, RateLimited
from utilities.models.interface import Reply
from utilities.results.entry import Sample, entry_of
from utilities.sandbox.execution import Execution
from utilities.tasks.grids import COLOUR_NAMES
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import LocalVerifier, VerifierSettings

TASK = Task(
    "t",
    train=(
        Pair([[1, 2]], [[2, 1]]),
        Pair([[3, 4, 5]], [[5, 4, 3]]),
        Pair([[6], [7]], [[6], [7]]),
    ),
    test=(Pair([[8, 9]], [[9, 8]]),),
)
FLIPS = "```python\ndef solve_task(grid):\n    return [row[::-1] for row in grid]\n```"
KEEPS = "```python\ndef solve_task(grid):\n    return grid\n```"
RAISES = "```python\ndef solve_task(grid):\n    return grid[len(grid)]\n```"


@pytest.fixture
async def verifier() -> AsyncIterator[LocalVerifier]:
    async with LocalVerifier(VerifierSettings(), workers=1, labels=False) as opened:
        yield opened


def program(sample: int, outputs: Sequence[Grid | Execution], code: str = "") -> EarlierProgram:
    """A program with these outputs (or executions) for the train inputs, then the test inputs."""
    executions = tuple(
        one if isinstance(one, Execution) else Execution("ok", one) for one in outputs
    )
    right = tuple(
        pair.output == one.output for pair, one in zip(TASK.train, executions, strict=False)
    )
    return EarlierProgram(
        sample, code or f"program = {sample}", Verdict(right, (None,), executions)
    )


TEST_OUTPUT: Grid = [[0]]
SWAPS_FIRST = program(0, [[[2, 1]], [[3, 4, 5]], [[7], [6]], TEST_OUTPUT])
SWAPS_SECOND = program(1, [[[1, 2]], [[5, 4, 3]], [[7], [6]], TEST_OUTPUT])
KEEPS_ALL = program(2, [[[1, 2]], [[3, 4, 5]], [[6], [7]], TEST_OUTPUT])
SOLVES_NONE = program(3, [[[1]], [[1]], [[1]], TEST_OUTPUT])
SOLVES_TWO = program(4, [[[2, 1]], [[5, 4, 3]], [[1]], TEST_OUTPUT])


def test_feedback_says_how_many_pairs_are_right_and_names_each_wrong_cell() -> None:
    text = feedback_text([SWAPS_FIRST], TASK)
    assert "1 of 3 train pairs right" in text
    assert "Train pair 1: right." in text
    assert "2 of 3 cells" in text
    assert "3→5 4 5→3" in text
    assert "7→6\n6→7" in text


def test_feedback_says_a_wrong_shape_in_words_and_shows_the_output() -> None:
    wide = program(0, [[[1, 2, 3]], [[5, 4, 3]], [[6], [7]], TEST_OUTPUT])
    text = feedback_text([wide], TASK)
    assert "it gave 1 row × 3 columns where 1 row × 2 columns are expected" in text
    assert "1 2 3" in text


def test_feedback_shows_what_went_wrong_where_there_is_no_output() -> None:
    failed = Execution("exception", message="IndexError: list index out of range (line 2: x)")
    late = Execution("timeout", message="used over 1 s of processor time")
    text = feedback_text([program(0, [failed, [[5, 4, 3]], late, failed])], TASK)
    assert "Train pair 1: no output (exception): IndexError: list index out of range" in text
    assert "Train pair 3: no output (timeout): used over 1 s" in text
    assert "Test input 1: no output (exception)" in text


def test_feedback_never_shows_what_a_program_gave_for_a_test_input() -> None:
    seen = program(0, [[[1, 2]], [[3, 4, 5]], [[6], [7]], [[4, 4, 4, 4]]])
    assert "4 4 4 4" not in feedback_text([seen], TASK)
    assert "Test input" not in feedback_text([seen], TASK)


def test_a_long_message_is_shortened_from_the_middle() -> None:
    failed = Execution("exception", message="ValueError: " + "x" * 5000 + " (line 9)")
    text = feedback_text([program(0, [failed, failed, failed, TEST_OUTPUT])], TASK)
    assert len(text) < 2500
    assert "ValueError" in text
    assert "(line 9)" in text


def test_fences_within_a_program_do_not_end_its_block() -> None:
    text = feedback_text([program(0, [[[1]]] * 4, code='"""```"""\nx = 1')], TASK)
    assert '````python\n"""```"""\nx = 1\n````' in text


def test_parents_stand_worst_to_best() -> None:
    parents = choose_parents([SOLVES_TWO, SOLVES_NONE, KEEPS_ALL], TASK)
    assert [parent.sample for parent in parents] == [3, 2, 4]


def test_among_programs_with_equal_pairs_right_cells_decide() -> None:
    half_right = program(5, [[[1]], [[5, 4, 4]], [[1]], TEST_OUTPUT])
    assert [one.sample for one in choose_parents([half_right, SOLVES_NONE], TASK)] == [3, 5]


def test_every_train_pair_that_any_program_solves_is_solved_by_a_parent() -> None:
    crowd = [
        program(number, [[[2, 1]], [[5, 4, 3]], [[1]], TEST_OUTPUT], code=f"x = {number}")
        for number in range(10, 20)
    ]
    parents = choose_parents([*crowd, SOLVES_NONE, KEEPS_ALL], TASK)
    assert len(parents) == 5
    solved = {pair for one in parents for pair, right in enumerate(one.verdict.train) if right}
    assert solved == {0, 1, 2}


def test_equal_programs_are_shown_once() -> None:
    twice = [program(number, [[[1]]] * 4, code=f"x = 1  # version {number}") for number in range(3)]
    assert [one.sample for one in choose_parents(twice, TASK)] == [0]


def test_the_refinement_prompt_shows_pairs_test_inputs_and_feedback_but_no_test_output() -> None:
    system, user = prompt_messages("code_refinement", TASK, feedback="costs $5 to run")
    for number, colour in enumerate(COLOUR_NAMES):
        assert f"{number} {colour}" in system["content"]
    for text in ("3 4 5", "5 4 3", "8 9", "costs $5 to run"):
        assert text in user["content"]
    assert "9 8" not in user["content"]


def strategy_of(
    agent: CodeGeneratingAgent, verifier: LocalVerifier, best_of: int, refine: int
) -> Rounds:
    return Rounds(agent, verifier.judge, Limits(best_of, refine))


def origin_fields(done: Sequence[JudgedSample]) -> dict[str, Any]:
    return {
        "refinement_round": [one.round for one in done],
        "parent_samples": [one.parents for one in done],
    }


async def rounds(
    folder: Path,
    verifier: LocalVerifier,
    script: Sequence[Any],
    *,
    best_of: int = 1,
    refine: int = 3,
    task: Task = TASK,
) -> tuple[list[JudgedSample], ScriptedClient]:
    client = ScriptedClient(*(Reply(step) if isinstance(step, str) else step for step in script))
    async with model_of(folder, client) as model:
        agent = CodeGeneratingAgent(model)
        done = await strategy_of(agent, verifier, best_of, refine).all_samples(task)
    return done, client


async def test_rounds_end_when_a_program_solves_all_train_pairs(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    done, client = await rounds(tmp_path, verifier, [KEEPS, RAISES, FLIPS, "never asked"])
    assert len(client.asked) == 3
    assert origin_fields(done) == {
        "refinement_round": [0, 1, 2],
        "parent_samples": [(), (0,), (1, 0)],
    }
    assert [one.sample.index for one in done] == [0, 1, 2]
    assert choose_attempts(candidates_of(done), 1) == [[[[9, 8]], [[8, 9]]]]


async def test_a_task_with_a_program_that_solves_all_train_pairs_gets_no_round(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    done, client = await rounds(tmp_path, verifier, [KEEPS, FLIPS], best_of=2)
    assert len(client.asked) == 2
    assert [one.round for one in done] == [0, 0]


async def test_there_are_no_more_rounds_than_asked_for(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    done, client = await rounds(tmp_path, verifier, [KEEPS] * 9, best_of=2, refine=2)
    assert len(client.asked) == len(done) == 6
    assert [one.round for one in done] == [0, 0, 1, 1, 2, 2]


async def test_refined_and_unrefined_programs_vote_together(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    constant = "```python\ndef solve_task(grid):\n    return {}\n```"
    script = [constant.format("[[1]]"), KEEPS, constant.format("[[1]]  # again"), RAISES]
    done, _ = await rounds(tmp_path, verifier, script, best_of=2, refine=1)
    kept, ones = [[8, 9]], [[1]]
    assert choose_attempts(candidates_of(done), 1) == [[kept, ones]], "KEEPS solves a pair"
    unranked = [replace(one, train_passed=()) for one in candidates_of(done)]
    assert choose_attempts(unranked, 1) == [[ones, kept]], "two votes, one of them refined"


async def test_where_no_reply_held_a_program_the_next_round_says_so(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    done, client = await rounds(tmp_path, verifier, ["no idea", FLIPS])
    assert "None of your earlier replies held a program" in client.asked[1][1]["content"]
    assert [one.parents for one in done] == [(), ()]
    assert done[1].verdict is not None
    assert done[1].verdict.passed_train


async def test_no_round_builds_on_a_sample_that_failed_for_technical_reasons(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [KEEPS, RateLimited("slow down")]
    done, client = await rounds(tmp_path, verifier, script, best_of=2)
    assert len(client.asked) == 2
    assert [one.sample.status for one in done] == ["ok", "rate_limited"]


async def test_an_entry_whose_rounds_were_cut_short_by_a_stop_is_left_for_the_next_run(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    done, _ = await rounds(tmp_path, verifier, [KEEPS, NotAsked("the run is stopping")])
    entry = entry_of(TASK, [one.sample for one in done], {"model_identifier": "X", "model": "x"})
    assert entry["status"] == ["ok", "not_asked"]
    assert entry["complete"] is None


async def test_refinements_that_were_paid_for_are_not_asked_again_whatever_programs_do_now(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    tells_the_time = (
        "```python\nimport time\ndef solve_task(grid):\n"
        "    return [list(map(int, str(time.time_ns())))]\n```"
    )
    first, client = await rounds(
        tmp_path, verifier, [tells_the_time, tells_the_time, KEEPS], refine=2
    )
    assert len(client.asked) == 3
    async with LocalVerifier(VerifierSettings(), labels=False) as another:
        again, client = await rounds(tmp_path, another, [], refine=2)
    assert client.asked == []
    assert [one.sample.reply for one in again] == [one.sample.reply for one in first]
    assert again[1].sample.prompt_messages != first[1].sample.prompt_messages


class Watched(CodeGeneratingAgent):
    """Keeps every task that it is handed."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.handed: list[Task] = []

    async def sample(self, task: Task, index: int) -> Sample:
        self.handed.append(task)
        return await super().sample(task, index)

    def choose_parents(self, task: Task, earlier: Sequence[JudgedSample]) -> list[EarlierProgram]:
        self.handed.append(task)
        return super().choose_parents(task, earlier)

    async def refine(self, task: Task, *rest: Any) -> Sample:
        self.handed.append(task)
        return await super().refine(task, *rest)


async def test_neither_the_agent_nor_the_choice_gets_a_test_output(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    client = ScriptedClient(*map(Reply, (KEEPS, RAISES, FLIPS)))
    async with model_of(tmp_path, client) as model:
        agent = Watched(model)
        done = await strategy_of(agent, verifier, 1, 2).all_samples(TASK)
    assert len(agent.handed) == 5
    for task in agent.handed:
        assert [pair.output for pair in task.test] == [None]
        assert [pair.input for pair in task.test] == [pair.input for pair in TASK.test]
    assert all(one.verdict and one.verdict.test == (None,) for one in done)


async def test_other_test_outputs_change_neither_a_prompt_nor_the_rounds_nor_the_choice(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [KEEPS, RAISES, FLIPS]
    other = replace(TASK, test=(Pair(TASK.test[0].input, [[8, 9]]),))
    unknown = TASK.without_test_outputs()
    found = []
    for number, task in enumerate((TASK, other, unknown)):
        done, client = await rounds(tmp_path / str(number), verifier, script, task=task)
        found.append((client.asked, origin_fields(done), choose_attempts(candidates_of(done), 1)))
    assert found[0] == found[1] == found[2]
