"""A verifier made of Ray actors, one a core: for those who outgrow one machine.

`ray` is imported when a `RayVerifier` is entered, and nowhere else. This package must be installed
on every machine of the cluster.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Self

from utilities.errors import UsageError, WorkersLost
from utilities.tasks.task import Task
from utilities.verification.verdict import LocalVerifier, Verdict, VerifierSettings

Verdicts = list[Verdict | None]
Job = tuple[Task, list[str | None], bool]
"""A task, programs, and whether their verdicts get labels."""
Waiting = tuple[Job, asyncio.Future[Verdicts]]

MOST_PROGRAMS_A_CALL = 64
"""A call costs about half of what a program costs; with so many in it, that is hidden."""
CALLS_AHEAD = 2
"""Calls for an actor at a time, so that its next one is there when it answers one."""
_CONNECT_S = 10.0
_STOP_S = 10.0
_CALL_S = 60.0
_LIVES = -1  # however often it dies, for a server lives long
_TRIES_OF_A_CALL = 2


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
    """Hands programs to actors, 64 a call. If an actor dies, Ray restarts it and its calls."""

    def __init__(
        self, settings: VerifierSettings, *, address: str | None = None, actors: int | None = None
    ) -> None:
        """Without `address`, Ray starts on this machine; one actor a core if `actors` is None.

        Raises UsageError if Ray is not installed.
        """
        if find_spec("ray") is None:
            raise UsageError("--executor ray needs Ray: pip install -e '.[ray]'")
        self._settings = settings
        self._address = address
        self._wanted_actors = actors
        self._actors: list[Any] = []
        self._handing_out: list[asyncio.Task[None]] = []
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()
        self._layers = ""
        self.programs_ahead = MOST_PROGRAMS_A_CALL

    @property
    def layers(self) -> str:
        """One line on what is enforced where the actors run, and on their number."""
        return f"{self._layers}; {len(self._actors)} Ray actors"

    async def __aenter__(self) -> Self:
        """Connect to Ray and start the actors; raises UsageError if that fails."""
        import ray

        cores = await asyncio.to_thread(self._connect)
        count = self._wanted_actors or cores
        kind = ray.remote(num_cpus=1, max_restarts=_LIVES, max_task_retries=_TRIES_OF_A_CALL)(
            VerifyingActor
        )
        self._actors = [kind.remote(self._settings) for _ in range(count)]
        layers = [await actor.layers.remote() for actor in self._actors]
        self._layers = " | ".join(dict.fromkeys(layers))
        self.programs_ahead = MOST_PROGRAMS_A_CALL * (CALLS_AHEAD + 1) * count
        self._handing_out = [
            asyncio.create_task(self._hand_out(actor))
            for _ in range(CALLS_AHEAD)
            for actor in self._actors
        ]
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Stop the actors, and Ray if it was started here."""
        import ray

        for work in self._handing_out:
            work.cancel()
        await asyncio.gather(*self._handing_out, return_exceptions=True)
        if raised[0] is None:
            stopping = [actor.stop.remote() for actor in self._actors]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await asyncio.gather(*stopping, return_exceptions=True)  # the dead stop, too
        for actor in self._actors:
            ray.kill(actor)
        await asyncio.to_thread(ray.shutdown)

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

    def _connect(self) -> int:
        """Connect and return the number of cores."""
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._address is None:
                cores = self._wanted_actors or os.cpu_count()
                ray.init(num_cpus=cores, include_dashboard=False, **quiet)
            else:
                _check_reachable(self._address)
                ray.init(address=self._address, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            asked = "Ray on this machine" if self._address is None else self._address
            raise UsageError(f"--executor ray: cannot use {asked}: {reason}") from error
        return int(ray.cluster_resources().get("CPU", 1))


def _check_reachable(address: str) -> None:
    """Raise OSError if nothing listens at `host:port`; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()


async def _answer(actor: Any, batch: list[Waiting], limit_s: float) -> None:
    """Make one call; if it fails, the error is raised in those who wait for its programs.

    What fails with Ray itself, after its own retries, or takes longer, is WorkersLost.
    """
    from ray.exceptions import RayError, RayTaskError

    try:
        async with asyncio.timeout(limit_s):
            judged = await actor.judge.remote([job for job, _ in batch])
    except Exception as error:  # noqa: BLE001 - Ray raises what was raised elsewhere, whatever it is
        if isinstance(error, RayError | TimeoutError) and not isinstance(error, RayTaskError):
            reason = str(error).strip().partition("\n")[0] or f"no answer in {limit_s:.0f} s"
            error = WorkersLost(f"--executor ray: workers died ({reason}); try again later")
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(error)
        return
    for (_, answer), verdicts in zip(batch, judged, strict=True):
        if not answer.done():
            answer.set_result(verdicts)
