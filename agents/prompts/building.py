"""Prompts: the texts of `agents/prompts` with a task's grids put in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template

from utilities.files.hashing import hash_of
from utilities.models.interface import Message
from utilities.tasks.grids import describe_shape, grid_to_text
from utilities.tasks.task import Grid, Pair, Task


@cache
def prompt_text(name: str) -> str:
    """The text of `agents/prompts/{name}.md`, without blank lines around it."""
    return (files("agents.prompts") / f"{name}.md").read_text(encoding="utf-8").strip()


def prompt_hash(name: str) -> str:
    """What names a prompt's wording: it changes when the system or the user text does."""
    return hash_of([prompt_text(f"{name}_system"), prompt_text(f"{name}_user")])


def prompt_messages(name: str, task: Task, **more: str) -> list[Message]:
    """The system and user messages for a task; its test outputs are never part of them.

    `more` fills the prompt's other places.
    """
    filled = Template(prompt_text(f"{name}_user")).safe_substitute(
        pairs=_pairs_text(task.train), test_inputs=_test_inputs_text(task.test), **more
    )
    return [
        {"role": "system", "content": prompt_text(f"{name}_system")},
        {"role": "user", "content": filled.strip()},
    ]


def _pairs_text(pairs: Sequence[Pair]) -> str:
    return "\n\n".join(
        f"## Train pair {number}\n\n{_grid_text('Input', pair.input)}\n\n"
        f"{_grid_text('Output', pair.output or [])}"
        for number, pair in enumerate(pairs, start=1)
    )


def _test_inputs_text(pairs: Sequence[Pair]) -> str:
    return "".join(
        f"\n\n## Test input {number}\n\n{_grid_text('Input', pair.input)}"
        for number, pair in enumerate(pairs, start=1)
    )


def _grid_text(title: str, grid: Grid) -> str:
    return f"{title} ({describe_shape(grid)}):\n{grid_to_text(grid)}"
