"""What the scripted model of `make_fixtures.py` answers, task by task and sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.loopback_server import Behaviour, reply, status
from tests.support.scripts import arc1_training

HALF_TURN, TRANSPOSED, SHIFTED, COLOURS, COLUMNS = TASK_IDS = (
    "6150a2bd", "74dd1130", "25ff71a9", "0d3d703e", "a85d4709"
)  # fmt: skip
"""Small tasks of ARC-1 training; the third has two test inputs, the last one nobody solves."""


def program(body: str, thought: str = "Look at the shape first.", **more: Any) -> Behaviour:
    """A reply with a program, and with the thinking that some providers show."""
    text = (
        f"<reasoning>\n{thought} The rule: {body}.\n</reasoning>\n\n"
        f"```python\ndef solve_task(grid):\n    {body}\n```\n"
    )
    return reply(text, reasoning=f"Hm. {thought}", reasoning_tokens=50, **more)


TURN = program("return [row[::-1] for row in grid[::-1]]")
TURN_OTHERWISE = program("return [list(reversed(row)) for row in reversed(grid)]")
TRANSPOSE = program("return [list(row) for row in zip(*grid)]")
SHIFT = program("return [[0] * len(grid[0])] + grid[:-1]")
RECOLOUR = program(
    "to = {3: 4, 1: 5, 2: 6, 8: 9, 5: 1, 6: 2, 4: 3, 9: 8}\n"
    "    return [[to.get(cell, cell) for cell in row] for row in grid]"
)
KEEP = program("return grid")
KEEP_ROWS = program("return [row[:] for row in grid]", thought="Maybe nothing changes.")
FLIP = program("return grid[::-1]", cached_input_tokens=600)
MIRROR = program("return [row[::-1] for row in grid]")
FAIL = program("return grid[99]")
SLEEP = program("import time\n    time.sleep(60)")
NO_PROGRAM = reply("<reasoning>I see no rule.</reasoning>")
CUT = reply("<reasoning>Every colour", finish_reason="length")

PROGRAMS = {
    HALF_TURN: [TURN, FLIP, TURN_OTHERWISE],
    TRANSPOSED: [TRANSPOSE, MIRROR, FAIL],
    SHIFTED: [SHIFT, NO_PROGRAM, FLIP],
    COLOURS: [RECOLOUR, FLIP, CUT],
    COLUMNS: [SLEEP, MIRROR, TRANSPOSE],
}
REFINED = {
    HALF_TURN: [TURN, FLIP],
    TRANSPOSED: [KEEP, FLIP, TRANSPOSE, MIRROR],
    SHIFTED: [FLIP, FAIL, MIRROR, NO_PROGRAM, FLIP, SHIFT],
    COLOURS: [NO_PROGRAM, NO_PROGRAM, KEEP, FAIL, KEEP_ROWS, FLIP],
}
FAILURES = {
    HALF_TURN: [TURN, FLIP],
    TRANSPOSED: [status(429, "slow down", retry_after="0.02")],
    SHIFTED: [*[status(500, "upstream failed", retry_after="0.02")] * 6, SHIFT],
    COLOURS: [status(400, "prompt is too long", error_code="context_length_exceeded"), RECOLOUR],
}
"""A rate limit for ever; a server error until a request gives up; a prompt that is too long."""
REASONS = {
    task_id: [
        reply(f"<reasoning>1. Grids of {task_id}. 2. Sample {number}.</reasoning>")
        for number in range(2)
    ]
    for task_id in TASK_IDS[:4]
} | {COLUMNS: [reply("No reasoning in marks.", finish_reason="refusal"), reply("")]}


def grids(*answers: Sequence[Sequence[int]]) -> Behaviour:
    """A direct answer, a grid for each test input."""
    blocks = (
        f"Test output {number}:\n```\n{_text(answer)}\n```\n"
        for number, answer in enumerate(answers, start=1)
    )
    return reply("I turned it.\n\n" + "\n".join(blocks))


def _right(task_id: str, place: int = 0) -> list[list[int]]:
    grid: list[list[int]] = arc1_training()[task_id]["test"][place]["output"]
    return grid


def _text(grid: Sequence[Sequence[int]]) -> str:
    return "\n".join(" ".join(map(str, row)) for row in grid)


ONE_CELL = [[0]]
GRIDS = {
    HALF_TURN: [grids(_right(HALF_TURN)), grids(ONE_CELL), grids(_right(HALF_TURN))],
    TRANSPOSED: [grids(ONE_CELL), grids(ONE_CELL), grids(_right(TRANSPOSED))],
    SHIFTED: [grids(_right(SHIFTED), ONE_CELL), grids(_right(SHIFTED)), reply("No idea.")],
    COLOURS: [grids(ONE_CELL), grids([[1]]), grids([[2]])],
    COLUMNS: [reply("No idea.")],
}


def prompts_of(replies: Mapping[str, Sequence[Behaviour]]) -> dict[str, list[Behaviour]]:
    """The replies by a text that only the prompts of their task hold: its first train input."""
    tasks = arc1_training()
    return {_text(tasks[name]["train"][0]["input"]): list(of) for name, of in replies.items()}
