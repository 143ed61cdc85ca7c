"""A verifier made of Ray actors, which `--executor ray` asks for."""

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from utilities.tasks.task import Task
from utilities.verification.ray_actors import RayActors, answer_of
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import LocalVerifier, VerifierSettings

Verdicts = list[Verdict | None]
Job = tuple[Task, list[str | None], bool]
"""A task, programs, and whether their verdicts get labels."""
Waiting = tuple[Job, asyncio.Future[Verdicts]]

MOST_PROGRAMS_A_CALL = 64
"""A call costs about half of what a program costs; with so many in it, that is hidden."""
CALLS_AHEAD = 2
"""Calls for an actor at a time, so that its next one is there when it answers one."""
_CALL_S = 60.0


class VerifyingActor:
    """Runs in a process of Ray: a verifier with one worker, and the event loop that it needs."""

    def __init__(self, settings: VerifierSettings) -> None:
        """Start the sandbox."""
        self._runner = asyncio.Runner()
        self._verifier = LocalVerifier(settings, workers=1)
        self._runner.run(self._verifier.__aenter__())

    def layers(self) -> str:
        """One line on what is enforced here."""
        return self._verifier.layers

    def judge(self, jobs: list[Job]) -> list[Verdicts]:
        """The verdicts on each job's programs."""

        async def all_jobs() -> list[Verdicts]:
            return await asyncio.gather(
                *(self._verifier.judge(task, codes, labels=labels) for task, codes, labels in jobs)
            )

        return self._runner.run(all_jobs())

    def stop(self) -> None:
        """Stop the sandbox."""
        self._runner.run(self._verifier.__aexit__(None, None, None))
        self._runner.close()


class RayVerifier:
    """Hands programs to actors, 64 a call."""

    def __init__(
        self, settings: VerifierSettings, *, address: str | None = None, actors: int | None = None
    ) -> None:
        """Without `address`, Ray starts on this machine; one actor a core if `actors` is None.

        Raises UsageError if Ray is not installed.
        """
        self._settings = settings
        self._actors = RayActors(VerifyingActor, settings, address=address, most=actors)
        self._handing_out: list[asyncio.Task[None]] = []
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()
        self._layers = ""
        self.programs_ahead = MOST_PROGRAMS_A_CALL

    @property
    def layers(self) -> str:
        """One line on what is enforced where the actors run, and on their number."""
        return f"{self._layers}; {len(self._actors.all)} Ray actors"

    async def __aenter__(self) -> Self:
        """Connect to Ray and start the actors; raises UsageError if that fails."""
        actors = (await self._actors.__aenter__()).all
        layers = [await actor.layers.remote() for actor in actors]
        self._layers = " | ".join(dict.fromkeys(layers))
        self.programs_ahead = MOST_PROGRAMS_A_CALL * (CALLS_AHEAD + 1) * len(actors)
        self._handing_out = [
            asyncio.create_task(self._hand_out(actor))
            for _ in range(CALLS_AHEAD)
            for actor in actors
        ]
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Stop the actors, and Ray if it was started here."""
        for work in self._handing_out:
            work.cancel()
        await asyncio.gather(*self._handing_out, return_exceptions=True)
        await self._actors.__aexit__(*raised)

    async def judge(
        self, task: Task, codes: Sequence[str | None], *, labels: bool = True
    ) -> Verdicts:
        """A verdict for each program, None if there is no code; labelled unless told otherwise."""
        answer: asyncio.Future[Verdicts] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(((task, list(codes), labels), answer))
        return await answer

    async def _hand_out(self, actor: Any) -> None:
        """Give an actor one call after the other, of what is waiting."""
        while True:
            batch = [await self._waiting.get()]
            programs = len(batch[0][0][1])
            while programs < MOST_PROGRAMS_A_CALL and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
                programs += len(batch[-1][0][1])
            await _answer(actor, batch, self._limit_s(programs))

    def _limit_s(self, programs: int) -> float:
        """How long a call may take: far longer than any does whose actor is alive."""
        limits = self._settings.limits
        longest_s = max(limits.wall_s, self._settings.retry_timeouts_s or 0)
        return _CALL_S + CALLS_AHEAD * max(programs, MOST_PROGRAMS_A_CALL) * 4 * longest_s


async def _answer(actor: Any, batch: list[Waiting], limit_s: float) -> None:
    """Make one call; if it fails, the error is raised in those who wait for its programs."""
    try:
        judged = await answer_of(actor.judge, [job for job, _ in batch], limit_s=limit_s)
    except Exception as error:  # noqa: BLE001 - Ray raises what was raised elsewhere, whatever it is
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(error)
        return
    for (_, answer), verdicts in zip(batch, judged, strict=True):
        if not answer.done():
            answer.set_result(verdicts)
