"""What a person sees: lines and progress on stderr, strange characters spelt out."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from utilities.errors import UsageError

if TYPE_CHECKING:
    pass

PLAIN_LINE_EVERY_S = 10.0


def say(line: str) -> None:
    """Print a line on stderr without breaking a bar; a closed stderr does not end the run."""
    from tqdm import tqdm  # slow to import, and not every script says something

    if sys.stderr is not None:
        with suppress(OSError):
            tqdm.write(printable(line), file=sys.stderr)


def show(*lines: str) -> None:
    """Print lines on stdout, strange characters spelt out; raises UsageError if it takes no more.

    Whatever a script prints goes through here: task ids, models' names and servers' words come
    from outside and may hold sequences that a terminal obeys.
    """
    try:
        print("\n".join(map(printable, lines)))  # noqa: T201 - the one place that prints
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"the output cannot be written: {error.strerror}") from error


def printable(text: str, longest: int | None = None) -> str:
    """The text in one line, each character that cannot be printed as an escape of it."""
    shown = text if text.isprintable() else "".join(map(_spelt, text))
    if longest is not None and len(shown) > longest:
        return f"{shown[: longest - 1]}…"
    return shown


def printable_end(text: str, longest: int) -> str:
    """The same of a path, of which the end says more: `…/benchmark_results/results.jsonl`."""
    shown = printable(text)
    return shown if len(shown) <= longest else f"…{shown[1 - longest :]}"


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words under each other: the first column stands left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]


def _spelt(character: str) -> str:
    """The character, or its escape if it cannot be printed."""
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def first_of(words: Sequence[str], most: int) -> str:
    """The words in a row, no more than `most` of them: `a, b and 7 more`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


class Progress:
    """How far a script is: a bar on a terminal, plain lines elsewhere, nothing with --quiet."""

    def __init__(self, total: int | None, *, unit: str, quiet: bool) -> None:
        """`total` is the number of items, None if it is not known; `unit` is their plural."""
        from tqdm import tqdm

        self._unit = unit
        self._of = f" of {total}" if total else ""
        self._quiet = quiet
        self._shown = 0
        self._last_line = time.monotonic()
        hidden = True if quiet or sys.stderr is None else None
        self._bar: tqdm[Any] = tqdm(
            total=total, unit=f" {unit}", file=sys.stderr, disable=hidden, leave=False
        )

    def __enter__(self) -> Self:
        """Start showing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bar.close()

    def update(self, done: int, text: Callable[[], str]) -> None:
        """Show that `done` items are done; `text` puts the counts into words, if they are shown."""
        if not self._bar.disable:
            self._bar.set_postfix_str(text(), refresh=False)
            self._bar.update(done - self._bar.n)
            return
        now = time.monotonic()
        if self._quiet or now - self._last_line < PLAIN_LINE_EVERY_S:
            return
        rate = (done - self._shown) / (now - self._last_line)
        self._last_line, self._shown = now, done
        say(f"{done}{self._of} {self._unit}: {text()}, {rate:.2f} {self._unit} a second")
