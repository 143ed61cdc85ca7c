"""Prompts: the texts of `agents/prompts` with a task's grids put in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Literal

from utilities.errors import UsageError
from utilities.files.hashing import hash_of
from utilities.models.content import Content, ImagePart, TextPart
from utilities.models.interface import Message
from utilities.tasks.task import Pair, Task
from utilities.views.formats import FORMATS, ROWS, grid_in
from utilities.views.pictures import Pictures, pictures_of

FOLDER = Path(__file__).parent
NOTE_PLACE = "$grid_format"
"""Where a system prompt of one's own has what is said of the formats; else that ends the prompt."""

Answers = Literal["program", "grids", "reasoning"]
"""What a prompt asks for."""

_EXAMPLE = [[0, 1, 2], [3, 4, 5]]
_PICTURE = "\ue000"
"""Stands around the number of a picture until its place is known; no text has it."""


@dataclass(frozen=True, slots=True)
class Showing:
    """How tasks are shown: whose prompts, and in which form the grids stand in them."""

    folders: tuple[Path, ...] = ()
    """Where the files of a prompt are looked for, one after the other, before `agents/prompts`."""
    grid_formats: tuple[str, ...] = (ROWS,)
    """Names of FORMATS; each grid is shown in each, and answers have the form of the first."""
    pictures: Pictures | None = None

    def identity(self) -> dict[str, Any]:
        """What a sample depends on besides the wording of its prompt; nothing by default."""
        told: dict[str, Any] = {}
        if self.folders:
            told["prompt_directory"] = self.folders[0].name
        if self.grid_formats != (ROWS,):
            told["grid_format"] = list(self.grid_formats)
        return told | ({} if self.pictures is None else self.pictures.identity())

    @property
    def is_usual(self) -> bool:
        """Whether grids are shown as prompts show them that say nothing of it."""
        return self.grid_formats == (ROWS,) and self.pictures is None

    def note(self, answers: Answers) -> str:
        """What a model must know of the formats and pictures."""
        if self.pictures is None:
            return self._format_note(answers)
        if self.pictures.only:
            return self.pictures.note
        return f"{self.pictures.note}\n\n{self._format_note(answers)}"

    def _format_note(self, answers: Answers) -> str:
        first, *others = (FORMATS[name] for name in self.grid_formats)
        text = f"The grids of this puzzle are written as {first.description}."
        if others:
            ways = "; ".join(f"as {one.description}" for one in others)
            text += f" Below that, each is written once more: {ways}."
        if answers == "program":
            text += " Your program takes and returns lists of rows of ints all the same."
        if answers == "grids" and first is not FORMATS[ROWS]:
            text += (
                f" Write your answers in the form of the grids, too: as {first.description}. Each "
                "stands under its own heading and in a fenced block, and is not written as rows "
                f"of spaced numbers:\n\nTest output 1:\n```\n{first.write(_EXAMPLE)}\n```"
            )
        return text


PLAIN = Showing()


@cache
def prompt_text(name: str, folders: tuple[Path, ...] = ()) -> str:
    """The text of `{name}.md` in the first folder that has it, else in `agents/prompts`.

    It has no blank lines around it. Raises UsageError if there is no such file, or none that can
    be read.
    """
    places = [place / f"{name}.md" for place in (*folders, FOLDER)]
    path = next((path for path in places if path.is_file()), None)
    if path is None:
        raise UsageError(f"there is no prompt {places[0]}; an agent needs it beside its file")
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the prompt {path} cannot be read: {error}") from error


def prompt_hash(name: str, showing: Showing = PLAIN, answers: Answers = "program") -> str:
    """What names a prompt's wording: it changes when the system or the user text does."""
    texts = [prompt_text(f"{name}_{role}", showing.folders) for role in ("system", "user")]
    noted = _system_text(name, showing, answers)
    return hash_of(texts if noted == texts[0] else [noted, texts[1]])


def prompt_messages(
    name: str, task: Task, showing: Showing = PLAIN, answers: Answers = "program", **more: str
) -> list[Message]:
    """The system and user messages for a task; its test outputs are never part of them.

    `more` fills the prompt's other places.
    """
    filled = Template(prompt_text(f"{name}_user", showing.folders)).safe_substitute(
        pairs=_pairs_text(task.train, showing),
        test_inputs=_test_inputs_text(task.test, showing, first=len(task.train)),
        **more,
    )
    content: Content = filled.strip()
    if showing.pictures is not None:
        content = list(_with_pictures(filled.strip(), pictures_of(task, showing.pictures)))
    return [
        {"role": "system", "content": _system_text(name, showing, answers)},
        {"role": "user", "content": content},
    ]


def with_part(messages: Sequence[Message], text: str) -> list[Message]:
    """The messages, with a further part at the end of the last one; the same without a text."""
    *others, last = messages
    if not text:
        return [*messages]
    said, content = last["content"], f"\n\n{text}"
    joined: Content = f"{said}{content}" if isinstance(said, str) else [
        *said, {"type": "text", "text": text}
    ]  # fmt: skip
    return [*others, Message(role=last["role"], content=joined)]


def fenced(code: str) -> str:
    """The code between fences longer than any within it."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{code.strip()}\n{fence}"


def shortened(text: str, most: int) -> str:
    """The text, of which about `most` characters are left, half of them from its end."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[…]\n{text[-(most // 2) :]}"


def _with_pictures(text: str, pictures: Sequence[ImagePart]) -> Iterator[TextPart | ImagePart]:
    """The text in parts, with the pictures at their places."""
    for number, piece in enumerate(text.split(_PICTURE)):
        if number % 2:
            yield pictures[int(piece)]
        elif piece.strip():
            yield {"type": "text", "text": piece.strip()}


def _system_text(name: str, showing: Showing, answers: Answers) -> str:
    """The system prompt, with what is said of the formats if it asks for that, or needs it."""
    text = prompt_text(f"{name}_system", showing.folders)
    if NOTE_PLACE in text:
        return text.replace(NOTE_PLACE, showing.note(answers))
    return text if showing.is_usual else f"{text}\n\n{showing.note(answers)}"


def _pairs_text(pairs: Sequence[Pair], showing: Showing) -> str:
    sheet = f"{_PICTURE}0{_PICTURE}\n\n" if _layout_of(showing) == "sheet" else ""
    return sheet + "\n\n".join(
        f"## Train pair {number}\n\n{_shown(('Input', 'Output'), pair, showing, number - 1)}"
        for number, pair in enumerate(pairs, start=1)
    )


def _test_inputs_text(pairs: Sequence[Pair], showing: Showing, *, first: int) -> str:
    return "".join(
        f"\n\n## Test input {number}\n\n{_shown(('Input',), pair, showing, first + number - 1)}"
        for number, pair in enumerate(pairs, start=1)
    )


def _shown(titles: tuple[str, ...], pair: Pair, showing: Showing, place: int) -> str:
    """A pair's grids in text, and where picture number `place` goes."""
    parts = [f"{_PICTURE}{place}{_PICTURE}"] if _layout_of(showing) == "pairs" else []
    if showing.pictures is None or not showing.pictures.only:
        grids = zip(titles, (pair.input, pair.output or []), strict=False)
        parts += [grid_in(showing.grid_formats, title, grid) for title, grid in grids]
    return "\n\n".join(parts)


def _layout_of(showing: Showing) -> str | None:
    return None if showing.pictures is None else showing.pictures.layout
