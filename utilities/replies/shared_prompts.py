"""The order of requests with the same prompt: one goes ahead, the others find it cached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from utilities.models.interface import SharedPrompt


@dataclass(slots=True)
class _Group:
    members: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)


class SharedPrompts:
    """Holds requests back while the first one with their prompt has brought nothing yet.

    A provider's cache has a prompt from the moment that a reply to it begins: requests sent
    before then pay for the whole of it. Whether the first one fails or not, the others go.
    """

    def __init__(self) -> None:
        """Nothing is under way yet; a prompt is forgotten with the last request that has it."""
        self._groups: dict[Hashable, _Group] = {}

    @asynccontextmanager
    async def turn(self, name: Hashable) -> AsyncIterator[SharedPrompt | None]:
        """Wait for one's turn with the prompt of this name; None for who is alone with it."""
        group = self._groups.setdefault(name, _Group())
        group.members += 1
        leads = group.members == 1
        try:
            if leads:
                await asyncio.sleep(0)  # the task's other samples come in the same moment
            else:
                await group.begun.wait()
            yield SharedPrompt(group.begun.set) if group.members > 1 or not leads else None
        finally:
            group.members -= 1
            if leads:
                group.begun.set()
            if not group.members:
                del self._groups[name]
