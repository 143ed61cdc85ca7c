"""Searches in actors of Ray, which `--executor ray` asks for."""

import asyncio
from typing import Any, Self

from agents.program_search.worker_pool import ATTEMPTS, WorkerPool, most_cpu_s
from utilities.errors import ProviderFailed
from utilities.verification.ray_actors import RayActors, answer_of

_CALL_S = 60.0
_SLOWER = 4
"""How many times its CPU time a search may take by the clock."""


class SearchingActor:
    """Runs in a process of Ray: a pool of one worker, and the event loop that it needs.

    So a search runs in the same kind of process everywhere, with the same variables.
    """

    def __init__(self) -> None:
        """The worker starts with the first search."""
        self._runner = asyncio.Runner()
        self._pool = WorkerPool(1)

    def search(self, job: dict[str, Any]) -> list[Any] | str:
        """The worker's answer to a job; what is to be said if two workers died of it."""
        try:
            return self._runner.run(self._pool.run(job))
        except ProviderFailed as error:
            return str(error)

    def stop(self) -> None:
        """End the worker."""
        self._runner.run(self._pool.close())
        self._runner.close()


class RayPool:
    """Searches like a `WorkerPool`, in an actor a core, each one search at a time."""

    def __init__(self, *, address: str | None = None, most: int) -> None:
        """Up to `most` actors; without `address`, Ray starts on this machine.

        Raises UsageError if Ray is not installed.
        """
        self._actors = RayActors(SearchingActor, address=address, most=most)
        self._free: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Connect to Ray and start the actors; raises UsageError if that fails."""
        for actor in (await self._actors.__aenter__()).all:
            self._free.put_nowait(actor)
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Stop the actors, and Ray if it was started here; searches under way are lost."""
        await self._actors.__aexit__(*raised)

    async def run(self, job: dict[str, Any]) -> list[Any]:
        """The programs for a job.

        Raises ProviderFailed if two workers died of it, and WorkersLost if Ray itself fails.
        """
        actor = await self._free.get()
        limit_s = _CALL_S + ATTEMPTS * _SLOWER * most_cpu_s(job)
        try:
            found: list[Any] | str = await answer_of(actor.search, job, limit_s=limit_s)
        finally:
            self._free.put_nowait(actor)
        if isinstance(found, str):
            raise ProviderFailed(found, attempts=ATTEMPTS)
        return found
