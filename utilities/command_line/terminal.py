"""Text for the terminal: lines on stderr, and strange characters spelt out."""

from __future__ import annotations

import sys
from contextlib import suppress

from tqdm import tqdm


def say(line: str) -> None:
    """Print a line on stderr without breaking a bar; a run outlives whoever reads it."""
    if sys.stderr is not None:
        with suppress(OSError):
            tqdm.write(printable(line), file=sys.stderr)


def printable(text: str, longest: int | None = None) -> str:
    """The text in one line, each character that cannot be printed as an escape of it."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if longest is not None and len(shown) > longest:
        return f"{shown[: longest - 1]}…"
    return shown
