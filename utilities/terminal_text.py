"""Text from elsewhere made safe to print: a model's reply may hold what steers a terminal."""

from __future__ import annotations


def printable(text: str, longest: int | None = None) -> str:
    """The text in one line, each character that cannot be printed as an escape of it."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if longest is not None and len(shown) > longest:
        return f"{shown[: longest - 1]}…"
    return shown
