"""Prompts: the texts of `agents/prompts` with a task's grids put in."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template

from utilities.errors import UsageError
from utilities.files.hashing import hash_of
from utilities.models.interface import Message
from utilities.tasks.grids import describe_shape, grid_to_text
from utilities.tasks.task import Grid, Pair, Task

_FOLDER = Path(__file__).parent


@cache
def prompt_text(name: str, folder: Path | None = None) -> str:
    """The text of `{name}.md` in `folder`, else in `agents/prompts`, without blank lines around it.

    Raises UsageError if there is no such file, or none that can be read.
    """
    places = [place / f"{name}.md" for place in (folder, _FOLDER) if place is not None]
    path = next((path for path in places if path.is_file()), None)
    if path is None:
        raise UsageError(f"there is no prompt {places[0]}; an agent needs it beside its file")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the prompt {path} cannot be read: {error}") from error


def prompt_hash(name: str, folder: Path | None = None) -> str:
    """What names a prompt's wording: it changes when the system or the user text does."""
    return hash_of([prompt_text(f"{name}_{role}", folder) for role in ("system", "user")])


def prompt_messages(
    name: str, task: Task, folder: Path | None = None, **more: str
) -> list[Message]:
    """The system and user messages for a task; its test outputs are never part of them.

    `more` fills the prompt's other places.
    """
    filled = Template(prompt_text(f"{name}_user", folder)).safe_substitute(
        pairs=_pairs_text(task.train), test_inputs=_test_inputs_text(task.test), **more
    )
    return [
        {"role": "system", "content": prompt_text(f"{name}_system", folder)},
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
