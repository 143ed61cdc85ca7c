"""Programs that make new tasks, and many that make none, by what is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

GENERATOR = """def cells(rng, count):
    return [rng.choice([0, 0, 1, 2]) for _ in range(count)]


def generate_input(rng):
    width = rng.randint(4, 8)
    return [cells(rng, width) for _ in range(rng.randint(4, 8))]
"""
MIRROR = "\n\ndef solve_task(grid):\n    return [row[::-1] for row in grid]\n"
GOOD = GENERATOR + MIRROR


def solved_by(body: str) -> str:
    return f"{GENERATOR}\n\ndef solve_task(grid):\n    {body}\n"


def generated_by(body: str) -> str:
    return f"import os, random, socket\n\ndef generate_input(rng):\n    {body}\n{MIRROR}"


FAULTS: dict[str, list[str]] = {
    "no_generator": ["def solve_task(grid):\n    return grid\n", GENERATOR, "def generate_input("],
    "generator_failed": [generated_by("return 1 / 0"), f"raise ValueError\n{GOOD}"],
    "solution_failed": [solved_by("return grid[99]")],
    "invalid_grid": [
        generated_by("return [[1] * 31] * 31"),
        generated_by("return [[10, rng.randint(0, 9)]]"),
        generated_by("return [[1], [1, 2]]"),
        solved_by("return [[-1]]"),
    ],
    "not_deterministic": [
        generated_by("return [[random.randint(0, 9) for _ in range(6)] for _ in range(6)]"),
        generated_by("return [[byte % 10 for byte in os.urandom(6)] for _ in range(6)]"),
        solved_by("import random; return [[random.randint(0, 9) for _ in row] for row in grid]"),
        solved_by("return [[hash('a') % 10] * len(grid[0])] + grid"),
        generated_by("random.n = getattr(random, 'n', 0) + 1; return [[random.n, 1, 2]]"),
        solved_by("import math; math.n = getattr(math, 'n', 0) + 1; return [[math.n, 1], [0, 2]]"),
    ],
    "too_few_inputs": [generated_by("return [[1, rng.randint(2, 3)]]")],
    "identity": [solved_by("return grid")],
    "constant": [solved_by("return [[1, 2]]"), solved_by("return [[3] * len(grid)]")],
    "outputs_too_small": [solved_by("return [[1, 2]] if len(grid) < 6 else [[grid[0][0]]]")],
}
"""Status → programs that have it."""
HOSTILE = {
    "reads files": generated_by("return [[len(open('/etc/passwd').read()) % 10, 1]]"),
    "forks": generated_by("os.fork()"),
    "never ends": generated_by("while True: pass"),
    "huge": generated_by("return [[1] * 10**9 for _ in range(10**6)]"),
    "leaves": generated_by("os._exit(0)"),
    "forges": generated_by("os.write(3, bytes(100)); os._exit(0)"),
    "network": generated_by("socket.create_connection(('127.0.0.1', 80))"),
    "kills": generated_by("os.kill(os.getppid(), 9)"),
}


def pairs_program(pairs: Sequence[tuple[Any, Any]]) -> str:
    """A program that only has these pairs."""
    return (
        f"PAIRS = {list(pairs)!r}\n\n\ndef generate_input(rng):\n    return rng.choice(PAIRS)[0]\n"
        "\n\ndef solve_task(grid):\n    return dict((str(a), b) for a, b in PAIRS)[str(grid)]\n"
    )


def any_program(prompt: str) -> str:
    """A reply of a model: each prompt gets one of these programs, always the same."""
    number = int(hashlib.sha256(prompt.encode()).hexdigest()[:12], 16)
    faulty = [*(one for some in FAULTS.values() for one in some), *HOSTILE.values()]
    if number % 2:
        code = faulty[number // 2 % len(faulty)]
    else:  # tasks that differ from each other, some of them copies
        code = GOOD.replace("0, 0, 1, 2", f"0, {number // 2 % 9 + 1}, {number // 18 % 9 + 1}")
        code = code.replace("(4, 8)", f"({number // 162 % 3 + 4}, 8)")
        code = code.replace("row[::-1] for", "[*row[::-1], 8] for")  # a mirror alone is known
    return f"<reasoning>A rule.</reasoning>\n\n```python\n{code}\n```"
