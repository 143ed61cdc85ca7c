"""Labels of long programs come from another process, and are those that are read here."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.test_python_source import HOSTILE_SOURCES, nested_sources
from tests.support.sandbox_programs import odd_programs, realistic_programs
from tests.support.scripts import arc1_training
from utilities.sandbox.python_source import MAX_SOURCE_BYTES, parse_python
from utilities.tasks.task import Pair, Task
from utilities.verification import label_process
from utilities.verification.label_process import LONG_CHARS, LabelProcess
from utilities.verification.labels import SourceLabels, source_labels
from utilities.verification.verifier import LocalVerifier, VerifierSettings

OUTPUT = [[1, 2, 0, 2, 1], [4, 0, 5, 0, 4], [0, 6, 7, 6, 0], [4, 0, 5, 0, 4]]
TASK = Task("t", (Pair([[1, 2], [3, 4]], OUTPUT),), (Pair([[5]], None),))
LONG = "def other(grid):\n    return [row[::-1] for row in grid]\n" * 100
ANSWER = f"{LONG}def solve_task(grid):\n    return {OUTPUT}\n"
HARDCODED = SourceLabels("solve_task", True)


def read_here(code: str, task: Task = TASK) -> SourceLabels:
    return source_labels(parse_python(code), task)


@pytest.fixture
async def elsewhere() -> AsyncIterator[LabelProcess]:
    """Reads no long program here."""
    labels = LabelProcess(chars_read_here=0)
    yield labels
    await labels.close()


def pid_of(labels: LabelProcess) -> int:
    assert labels._process is not None
    return labels._process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.timeout(240)
async def test_labels_from_the_process_are_those_that_are_read_here(
    elsewhere: LabelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_process, "LONG_CHARS", 0)
    chance, tasks = Random(5), sorted(arc1_training().items())
    codes = [*realistic_programs()[::8], *odd_programs(), *HOSTILE_SOURCES.values(), "x = '\ud800'"]
    asked = []
    for code in codes:
        task = Task.from_json(*chance.choice(tasks))
        table = f"\nTABLE = {chance.choice(task.pairs).input}\n"
        asked += [(text, task, elsewhere.ask(text, task)) for text in (code, code + table)]
    labels = [await each for _, _, each in asked]
    assert labels == [read_here(text, task) for text, task, _ in asked]
    assert len(set(labels)) > 4


@settings(deadline=None, max_examples=10)
@given(st.lists(st.text() | nested_sources, min_size=5, max_size=20))
def test_no_source_gets_other_labels_from_the_process(codes: list[str]) -> None:
    texts = [code + "\n" + ANSWER for code in codes]

    async def ask_all() -> list[SourceLabels]:
        labels = LabelProcess(chars_read_here=0)
        found = await asyncio.gather(*(labels.ask(text, TASK) for text in texts))
        await labels.close()
        return found

    assert asyncio.run(ask_all()) == [read_here(text) for text in texts]


async def test_the_process_starts_only_once_there_is_much_to_read() -> None:
    labels = LabelProcess(chars_read_here=2 * len(ANSWER))
    codes = ["x = 1", ANSWER[-LONG_CHARS + 1 :], "#" * MAX_SOURCE_BYTES + "#", ANSWER, ANSWER]
    asked = [labels.ask(code, TASK) for code in codes]
    assert all(each.done() for each in asked)
    assert not (last := labels.ask(ANSWER, TASK)).done()
    assert asked[-1].result() == await last == HARDCODED
    pid = pid_of(labels)
    await labels.close()
    assert not is_running(pid)


async def test_a_process_that_ends_is_replaced(elsewhere: LabelProcess) -> None:
    assert await elsewhere.ask(ANSWER, TASK) == HARDCODED
    first = pid_of(elsewhere)
    os.kill(first, signal.SIGKILL)
    assert await elsewhere.ask(ANSWER, TASK) == HARDCODED
    assert pid_of(elsewhere) != first


async def test_a_program_that_takes_too_long_has_no_labels_and_others_have_theirs(
    elsewhere: LabelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(label_process, "_LIMIT_S", 0.0)
        assert await elsewhere.ask(ANSWER, TASK) == SourceLabels(None, None)
    assert await elsewhere.ask(ANSWER, TASK) == HARDCODED


async def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next(
    elsewhere: LabelProcess,
) -> None:
    assert await elsewhere.ask(ANSWER, TASK) == HARDCODED
    os.kill(pid_of(elsewhere), signal.SIGSTOP)
    given_up, other = elsewhere.ask(LONG, TASK), elsewhere.ask(ANSWER, TASK)
    await asyncio.sleep(0.05)
    given_up.cancel()
    assert await other == HARDCODED


@pytest.mark.parametrize("executable", ["/nowhere/python", "/bin/false"])
async def test_without_a_process_programs_are_read_here(
    elsewhere: LabelProcess, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr("sys.executable", executable)
    assert await elsewhere.ask(ANSWER, TASK) == HARDCODED
    assert elsewhere.ask(ANSWER, TASK).done()


async def test_nothing_is_left_over_if_it_closes_while_it_reads() -> None:
    labels = LabelProcess(chars_read_here=0)
    await labels.ask(ANSWER, TASK)
    pid = pid_of(labels)
    os.kill(pid, signal.SIGSTOP)
    asked = [labels.ask(ANSWER, TASK) for _ in range(5)]
    await asyncio.sleep(0.01)
    await labels.close()
    assert all(each.cancelled() for each in asked)
    assert not is_running(pid)


async def test_a_verifier_labels_long_programs_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_process, "LONG_CHARS", 0)
    monkeypatch.setattr(LabelProcess.__init__, "__defaults__", (0,))
    grid = [[1, 2, 3], [4, 5, 6]]
    task = Task("t", (Pair(grid, [row[::-1] for row in grid]),), (Pair([[7, 8]], [[8, 7]]),))
    right = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
    table = f"def solve(grid):\n    return [[3, 2, 1], [6, 5, 4]] if grid == {grid} else grid\n"
    async with LocalVerifier(VerifierSettings(), workers=1) as verifier:
        found = await verifier.judge(task, [right, table, "def p(g): return g", "def p("])
    told = [v and (v.entry_point, v.deterministic, v.hardcoded) for v in found]
    assert told == [
        ("solve_task", True, False),
        ("solve", True, True),
        ("p", None, None),
        (None, None, None),
    ]
