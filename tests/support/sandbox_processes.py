"""Which processes live, as tests of the sandbox need to know."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path


def parents() -> dict[int, int]:
    """The id of every process that is no zombie, and its parent's."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                found[int(folder.name)] = int(parent)
    return found


def descendants(of: int | None = None) -> set[int]:
    """Every process below one, this one where none is named."""
    above, found = parents(), {os.getpid() if of is None else of}
    grown = True
    while grown:
        more = {child for child, parent in above.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {os.getpid() if of is None else of}


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it; the test's own timeout ends the wait for what never comes."""
    while not holds():
        await asyncio.sleep(0.02)
