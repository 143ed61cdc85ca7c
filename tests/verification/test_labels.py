"""Which programs are labelled as hard-coded, and which as deterministic."""

from __future__ import annotations

import time

import pytest

from tests.support.scripts import arc1_training
from utilities.sandbox.execution import Execution
from utilities.sandbox.python_source import parse_python
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.labels import is_deterministic, source_labels

INPUT: Grid = [[0, 0, 3, 0, 0], [0, 3, 0, 3, 0], [3, 0, 0, 0, 3], [0, 3, 0, 3, 0], [0, 0, 3, 0, 0]]
OUTPUT: Grid = [[1, 2, 0, 2, 1], [4, 0, 5, 0, 4], [0, 6, 7, 6, 0], [4, 0, 5, 0, 4], [1, 2, 0, 2, 2]]
TEST: Grid = [[8, 1, 1, 8], [1, 9, 9, 1], [2, 9, 9, 2], [8, 1, 1, 7]]
TASK = Task("t", (Pair(INPUT, OUTPUT),), (Pair([[4, 4], [4, 5]], TEST),))
SMALL = Task("s", (Pair([[1, 2]], [[2, 1]]), Pair([[3, 3]], [[5]])), (Pair([[0]], None),))
CROSS = Task("c", (Pair([[1]], [[0, 1, 0], [1, 1, 1], [0, 1, 0]]),), (Pair([[2]], None),))
THREES = Task("c", (Pair([[1]], [[0, 3, 0], [3, 3, 3], [0, 3, 0]]),), (Pair([[2]], None),))
SLASHED = "/".join("".join(map(str, row)) for row in OUTPUT)
JOINED = ", ".join(str(cell) for row in OUTPUT for cell in row)
SPACED = "\\n".join(" ".join(map(str, row)) for row in OUTPUT)
PLAIN = "\\n".join("".join(map(str, row)) for row in OUTPUT)


def is_hardcoded(code: str, task: Task) -> bool | None:
    return source_labels(parse_python(code), task).hardcoded


def body(text: str) -> str:
    return f"import numpy as np\ndef solve_task(grid):\n    {text}\n"


@pytest.mark.parametrize(
    "code",
    [
        body(f"return {OUTPUT}"),
        body(f"return np.array({OUTPUT}).tolist()"),
        body(f"out = {tuple(map(tuple, OUTPUT))}\n    return [list(row) for row in out]"),
        body(f"if grid == {INPUT}:\n        return {OUTPUT}\n    return grid"),
        body(f"return {{'x': {OUTPUT}, 'y': 0}}['x']"),
        body(f"return {{{tuple(map(tuple, INPUT))}: [[1]]}}[tuple(map(tuple, grid))]"),
        body(f"return [[1]] if str(grid) == '{INPUT}' else grid"),
        body(f"return np.array([{JOINED}]).reshape(5, 5)"),
        body(f"return [{JOINED}, 1, 2, 3][:25]"),
        body(f"return read('{SPACED}')"),
        body(f"return read('{PLAIN}')"),
        body(f"return read('{PLAIN.replace(chr(92) + 'n', ' ')}')"),
        body(f"return read('{PLAIN.replace(chr(92) + 'n', '')}')"),
        body(f"return json.loads('{OUTPUT}')"),
        body(f"return [list(map(int, row)) for row in {PLAIN.split(chr(92) + 'n')}]"),
        body("return [list(b) for b in (" + ", ".join(str(bytes(row)) for row in OUTPUT) + ")]"),
        body(f"return read(b'{PLAIN.replace(chr(92) + 'n', '')}')"),
        body(f"return str({PLAIN.replace(chr(92) + 'n', '')})"),
        body("\n    ".join(f"r{n} = {row}" for n, row in enumerate(OUTPUT)) + "\n    return [r0]"),
        body(f"rows = {OUTPUT[1:]}\n    return rows[::-1]"),
        body(f"return [[0] * 7, *[[0, *row, 0] for row in {[row[:4] for row in OUTPUT]}]]"),
        body(f"outputs = [{OUTPUT}, {TEST}]\n    return outputs[0]"),
        body("return [[1, 2, 0] + [2, 1], " + ", ".join(map(str, OUTPUT[1:])) + "]"),
        body(f"return {TEST}"),
        body(f"canvas = {[[0, *row, 0] for row in OUTPUT]}\n    return canvas"),
        f"p=lambda g:{OUTPUT}\n",
        f"TABLE = {{(4, 5): {OUTPUT}}}\ndef solve_task(grid):\n    return TABLE[4, 5]\n",
        body(f"return [list(map(int, r)) for r in '{SLASHED}'.split('/')]"),
    ],
)
def test_an_answer_that_stands_in_the_source_is_found(code: str) -> None:
    assert is_hardcoded(code, TASK)


@pytest.mark.parametrize(
    "code",
    [
        body("return [row[::-1] for row in grid]"),
        body("for dy, dx in [(0, 1), (1, 0), (0, -1), (-1, 0)]:\n        pass\n    return grid"),
        body(f'"""As in {OUTPUT}."""\n    return grid'),
        body(f"return grid  # {OUTPUT}"),
        body(f"assert solve_task({INPUT}) == {OUTPUT}\n    return grid"),
        body("return grid") + f"if __name__ == '__main__':\n    print(solve_task({INPUT}))\n",
        body(f"mask = {OUTPUT[:2]}\n    return grid"),
        body("out = [[0] * 5 for _ in range(5)]\n    return out"),
        body("return [[0] * 5] * 5"),
        body("palette = [1, 2, 0, 2, 1]\n    return [palette]"),
        body("return [[1, 2, 0, 2, 1][k] for k in grid[0]]"),
        body("kernel = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])\n    return grid"),
        body("return grid if 123456789 in grid else [[1]]"),
        body("return {1: 2, 2: 1, 0: 3}[grid[0][0]]"),
        body("raise ValueError('Row 1, 2, 0, 2, 1 is no row of 4 0 5 0 4')"),
    ],
)
def test_an_answer_that_is_computed_is_not(code: str) -> None:
    assert not is_hardcoded(code, TASK)


@pytest.mark.parametrize(
    ("code", "task", "hardcoded"),
    [
        (body("return [[2, 1]]"), SMALL, True),
        (body("return np.array([[2, 1]])"), SMALL, True),
        (body("return [[5]] if len(set(grid[0])) == 1 else [[2, 1]]"), SMALL, True),
        (body("return {1: [[2, 1]], 3: [[5]]}.get(grid[0][0])"), SMALL, True),
        (body("return [[5]]"), SMALL, False),
        (body("steps = [[2, 1]]\n    return [grid[0][::-1]]"), SMALL, False),
        (body("return paint(grid, [[2, 1]])"), SMALL, False),
        (body("return [grid[0][k - 1] for k in [2, 1]]"), SMALL, False),
        (body("return [[0, 1, 0], [1, 1, 1], [0, 1, 0]]"), CROSS, True),
        (body("return [[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0]]"), CROSS, False),
        (body("bits = [0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 1]\n    return grid"), CROSS, False),
        (body("bits = [0, 1, 0, 1, 1, 1, 0, 1, 0]\n    return grid"), CROSS, False),
        (body("bits = [0, 3, 0, 3, 3, 3, 0, 3, 0]\n    return grid"), THREES, True),
        (body("kernel = [[0, 3, 0], [3, 3, 3], [0, 3, 0]]\n    return grid"), THREES, True),
    ],
)
def test_small_grids_count_only_where_they_are_the_answer(
    code: str, task: Task, hardcoded: bool
) -> None:
    assert is_hardcoded(code, task) is hardcoded


def test_a_grid_of_one_colour_never_counts() -> None:
    task = Task("u", (Pair([[1] * 9], [[0] * 5] * 5),), (Pair([[2]], None),))
    assert not is_hardcoded(body(f"return {[[0] * 5] * 5}"), task)


def test_repeated_rows_are_no_large_part() -> None:
    striped = Task("r", (Pair([[1]], [[0, 1] * 5, [1, 0] * 5] * 5),), (Pair([[2]], None),))
    code = body(f"return [{[0, 1] * 5} if y % 2 == 0 else {[1, 0] * 5} for y in range(10)]")
    assert not is_hardcoded(code, striped)


def test_every_task_is_recognised_when_its_outputs_are_a_table() -> None:
    missed = []
    for task_id, content in arc1_training().items():
        task = Task.from_json(task_id, content)
        largest = max((pair.output or [[]] for pair in task.train), key=lambda g: sum(map(len, g)))
        if len({cell for row in largest for cell in row}) > 1 and not is_hardcoded(
            f"def solve_task(grid):\n    table = {largest}\n    return table\n", task
        ):
            missed.append((task_id, largest))
    assert all(sum(map(len, grid)) < 16 for _, grid in missed)
    assert len(missed) < 20


def test_common_literals_are_found_in_hardly_any_task() -> None:
    common = body(
        "steps = [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]\n"
        "    near = [(0, 1), (1, 0), (1, 1), (0, 0)]\n"
        "    kernel = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]\n"
        "    cross = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]\n"
        "    colours = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
        "    digits = '0123456789'\n"
        "    turned = {0: 5, 1: 6, 2: 7, 3: 8}\n"
        "    return [[0] * len(grid[0]) for _ in grid] or [[0]]"
    )
    tasks = [Task.from_json(task_id, content) for task_id, content in arc1_training().items()]
    assert not any(is_hardcoded(common, task) for task in tasks)


@pytest.mark.parametrize(
    "text",
    [
        "['1'] * 900," * 20_000,
        "[[0] * 30] * 30," * 15_000,
        "[0] * 900," * 20_000,
        "[1]" + "+[1]" * 900,
        "[[1, 2, 3]]," * 15_000,
        "9" * 3000,
    ],
)
def test_no_source_keeps_the_reader_busy(text: str) -> None:
    began = time.process_time()
    is_hardcoded(body(f"x = ({text})\n    return grid"), TASK)
    assert time.process_time() - began < 30  # without a bound it is minutes


def test_of_a_program_that_is_no_python_it_cannot_be_told() -> None:
    assert is_hardcoded("def solve_task(", TASK) is None


OK, OTHER = Execution("ok", [[1]]), Execution("ok", [[2]])
TIMEOUT, RAISED = Execution("timeout"), Execution("exception", message="one")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ([OK, OTHER], [OK, OTHER], True),
        ([OK, OTHER], [OK, OK], False),
        ([OK, RAISED], [OK, Execution("exception", message="another")], True),
        ([OK, RAISED], [OK, OK], False),
        ([OK, TIMEOUT], [OK, TIMEOUT], True),
        ([OK, TIMEOUT], [OK, OK], None),
        ([OK, OK], [OTHER, TIMEOUT], False),
    ],
)
def test_a_program_is_deterministic_where_both_runs_gave_the_same(
    first: list[Execution], second: list[Execution], same: bool | None
) -> None:
    assert is_deterministic(first, second) is same
