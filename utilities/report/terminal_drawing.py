"""A task and what was made of it, drawn in a terminal: colours where there are any, else digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from utilities.command_line.terminal import printable
from utilities.report.records import Record

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

ARC_COLOURS = (
    "#000000", "#0074d9", "#ff4136", "#2ecc40", "#ffdc00",
    "#aaaaaa", "#f012be", "#ff851b", "#7fdbff", "#870c25",
)  # fmt: skip
"""As in ARC's own viewer, by digit."""
_LIGHT = "34578"
"""Digits on whose colour black is read better than white."""
Cell = tuple[int, int]
"""Row and column, from 0."""
MARKS = {True: "✓", False: "✗", None: "·"}


class TaskDrawing:
    """Draws on a rich console; grids are texts as `grid_text` makes them.

    With colours a wrong cell holds `><`; without them cells are digits, a wrong one with `!`.
    """

    def __init__(self, console: Console) -> None:
        """Colours are used where the console has them and NO_COLOR is not set."""
        self._console = console
        self._coloured = console.color_system is not None and not console.no_color
        self._digits_too = console.color_system == "standard"  # where red and orange are one

    def pairs(self, task: Record) -> None:
        """Draw the task's id and its pairs."""
        self.line(f"task {task['id']}", "bold")
        for name, part in (("train", task["train"]), ("test", task["test"])):
            self._print([
                self._pair(f"{name} {number}", *pair) for number, pair in enumerate(part, start=1)
            ])  # fmt: skip

    def attempts(
        self,
        task: Record,
        attempts: Sequence[Sequence[str | None]],
        runs: Sequence[Sequence[Sequence[str]]] | None = None,
    ) -> None:
        """Draw a benchmark's attempts beside what was expected, with the `runs` that gave them."""
        wanted = [pair[1] for pair in task["test"]]
        given = {
            (test, number): f" of {', '.join(names)}"
            for test, tried in enumerate(runs or (), start=1)
            for number, names in enumerate(tried, start=1)
            if names
        }
        self._print([
            self._answer(
                f"test {test}, attempt {number}{given.get((test, number), '')}", grid, want
            )
            for test, (tried, want) in enumerate(zip(attempts, wanted, strict=False), start=1)
            for number, grid in enumerate(tried, start=1)
        ])  # fmt: skip

    def sample(self, task: Record, sample: Record, number: int, *, texts: bool) -> None:
        """Draw a sample's outputs; with `texts` also its reasoning, its program and its turns."""
        parts = [f"sample {number}", str(sample.get("status", ""))]
        if "execution" in sample:
            parts.append(f"execution {sample['execution']}")
        only = sample.get("test_input")
        tests = "test" if only is None else f"test {only + 1}"
        for name, said in (("train", "train"), ("test", tests)):
            marks = "".join(MARKS[flag] for flag in sample.get(name, ()))
            parts += [f"{said} {marks}".rstrip()] if marks or said != name else []
        parts += _origin(sample) + _standing(sample)
        self.line(" · ".join(filter(None, parts)), "bold")
        self._print([
            self._answer(f"{name} {place + 1}", grid, task[name][place][1])
            for name, first in (("train", 0), ("test", only or 0))
            for place, grid in enumerate(sample.get(f"{name}_outputs", ()), start=first)
            if place < len(task[name])
        ])  # fmt: skip
        for name in ("error", "message", *(("reasoning", "code") if texts else ())):
            self._text(name, sample.get(name))
        for place, turn in enumerate(sample.get("turns", ()) if texts else (), start=1):
            self._turn(turn, place)

    def _turn(self, turn: Record, number: int) -> None:
        """Write a turn of a conversation: thought, words, each call with its code and result."""
        parts = [f"turn {number}"]
        if "input" in turn or "output" in turn:
            parts.append(f"{turn.get('input', 0):,} → {turn.get('output', 0):,} tokens")
        if "cost" in turn:
            parts.append(f"${turn['cost']:.4f}")
        self.line(" · ".join(parts), "bold")
        self._text("thinking", turn.get("thinking"))
        self._text("words", turn.get("text"))
        for call in turn.get("calls", ()):
            status = call.get("status", "ok")
            self._text(f"call of {call.get('name') or 'a tool'}", call.get("code"))
            self._text("result" if status == "ok" else f"result ({status})", call.get("result"))

    def _text(self, name: str, text: str | None) -> None:
        if text:
            self.line(f"{name}:", "dim")
            for line in text.splitlines():
                self.line(f"  {line}", "")

    def line(self, text: str, style: str) -> None:
        """Write a line in which control characters are spelt out and no mark-up counts."""
        from rich.text import Text

        self._console.print(Text(printable(text), style=style), soft_wrap=True)

    def _print(self, blocks: Sequence[RenderableType]) -> None:
        from rich.columns import Columns

        if blocks:
            self._console.print(Columns(blocks, padding=(0, 4, 1, 0)))
            self._console.print()

    def _pair(self, name: str, got: str | None, wanted: str | None) -> RenderableType:
        from rich.console import Group
        from rich.table import Table

        beside = 2 * (_width(got) + _width(wanted)) + 4 <= self._console.width
        table = Table.grid(padding=(0, 1))
        parts = [self._grid(got), "→" if beside else "↓", self._grid(wanted)]
        for row in [parts] if beside else [[part] for part in parts]:
            table.add_row(*row)
        return Group(name, table)

    def _answer(self, name: str, got: str | None, wanted: str | None) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        wrong = differences(got, wanted) if got and wanted else []
        table = Table.grid()
        table.add_row(Text(printable(name)))
        table.add_row(self._grid(got, wrong or ()))
        words = _words(got, wanted, wrong)
        table.add_row(Text(words, style="green" if words.startswith("✓") else "red"))
        return table

    def _grid(self, grid: str | None, wrong: Sequence[Cell] = ()) -> Text:
        from rich.text import Text

        if grid is None:
            return Text("no grid", style="dim")
        narrow = 2 * _width(grid) > self._console.width
        drawn, marked = Text(no_wrap=True, overflow="crop"), set(wrong)
        for y, row in enumerate(grid.split("/")):
            drawn.append("\n" if y else "")
            for x, digit in enumerate(row):
                content, style = self._cell(digit, is_wrong=(y, x) in marked)
                drawn.append(content[: 1 if narrow else 2], style)
        return drawn

    def _cell(self, digit: str, *, is_wrong: bool) -> tuple[str, str]:
        if not self._coloured:
            return digit + ("!" if is_wrong else " "), ""
        ink = "black" if digit in _LIGHT else "bright_white"
        content = digit + (" ", "!")[is_wrong] if self._digits_too else ("  ", "><")[is_wrong]
        return content, f"bold {ink} on {ARC_COLOURS[int(digit)]}"


def _origin(sample: Record) -> list[str]:
    """Where a sample comes from: run, refinement, chain, turns, view."""
    parts = [f"of run {sample['from']}"] if "from" in sample else []
    if "round" in sample:
        shown = ", ".join(str(parent + 1) for parent in sample.get("parents", ()))
        parts.append(f"refinement {sample['round']}{shown and f' of {shown}'}")
    parts += [f"chain {sample['chain'] + 1}"] if "chain" in sample else []
    parts += [f"{len(sample['turns'])} turns"] if "turns" in sample else []
    return parts + ([str(sample["view"])] if "view" in sample else [])


def _standing(sample: Record) -> list[str]:
    """What a sample is held to be worth: score, fresh pairs, judge's points, confidence."""
    parts = [f"score {sample['score']:.2f}"] if "score" in sample else []
    if "fresh" in sample:
        parts.append(f"{100 * sample['fresh']:.0f} % of fresh pairs")
    if "generalises" in sample:
        parts.append("generalises" if sample["generalises"] else "does not generalise")
    if "points" in sample:
        parts.append(f"judge: {sample['points']} point{'s' * (sample['points'] != 1)}")
    parts += [f"confidence {sample['confidence']:.2f}"] if "confidence" in sample else []
    return parts + ([f"called {sample['verdict']}"] if "verdict" in sample else [])


def differences(got: str, wanted: str) -> list[Cell] | None:
    """The cells in which two grids of one shape differ; None where the shapes do."""
    rows, others = got.split("/"), wanted.split("/")
    if (len(rows), len(rows[0])) != (len(others), len(others[0])):
        return None
    return list(_unequal(rows, others))


def _unequal(rows: Sequence[str], others: Sequence[str]) -> Iterator[Cell]:
    for y, (row, other) in enumerate(zip(rows, others, strict=True)):
        for x, (digit, wanted) in enumerate(zip(row, other, strict=True)):
            if digit != wanted:
                yield y, x


def _words(got: str | None, wanted: str | None, wrong: list[Cell] | None) -> str:
    if got is None or wanted is None:
        return "" if wanted is None else "✗"
    if wrong is None:
        return f"✗ {_shape(got)}, expected {_shape(wanted)}"
    return f"✗ {len(wrong)} of {len(got.replace('/', ''))} cells" if wrong else "✓ right"


def _shape(grid: str) -> str:
    return f"{grid.count('/') + 1} × {_width(grid)}"


def _width(grid: str | None) -> int:
    return len((grid or "").split("/")[0])
