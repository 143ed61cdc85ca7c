"""Actors of Ray, one a core: for those who outgrow one machine.

`ray` is imported when `RayActors` are entered, and nowhere else. This package must be installed on
every machine of the cluster.
"""

import asyncio
import contextlib
import os
import socket
from importlib.util import find_spec
from typing import Any, Self

from utilities.errors import UsageError, WorkersLost

_CONNECT_S = 10.0
_STOP_S = 10.0
_LIVES = -1  # however often it dies, for a server lives long
_TRIES_OF_A_CALL = 2


class RayActors:
    """Actors of one kind. If an actor dies, Ray starts it and its calls again."""

    def __init__(
        self, kind: type, *made_of: Any, address: str | None = None, most: int | None = None
    ) -> None:
        """One actor a core, and no more than `most`; `kind` has a method `stop`.

        Without `address`, Ray starts on this machine, with `most` cores if that is given. Raises
        UsageError if Ray is not installed.
        """
        if find_spec("ray") is None:
            raise UsageError("--executor ray needs Ray: pip install -e '.[ray]'")
        self.all: list[Any] = []
        self._kind = kind
        self._made_of = made_of
        self._address = address
        self._most = most

    async def __aenter__(self) -> Self:
        """Connect to Ray and start the actors; raises UsageError if Ray cannot be reached."""
        import ray

        cores = await asyncio.to_thread(self._connect)
        kind = ray.remote(num_cpus=1, max_restarts=_LIVES, max_task_retries=_TRIES_OF_A_CALL)(
            self._kind
        )
        count = min(cores, self._most or cores)
        self.all = [kind.remote(*self._made_of) for _ in range(count)]
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Stop the actors, and Ray if it was started here."""
        import ray

        if raised[0] is None:
            stopping = [actor.stop.remote() for actor in self.all]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await asyncio.gather(*stopping, return_exceptions=True)  # the dead stop, too
        for actor in self.all:
            ray.kill(actor)
        await asyncio.to_thread(ray.shutdown)

    def _connect(self) -> int:
        """Connect and return the number of cores."""
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._address is None:
                cores = self._most or os.cpu_count()
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


async def answer_of(method: Any, *arguments: Any, limit_s: float) -> Any:
    """What an actor answers to a call of its method; raises what the method raised.

    Raises WorkersLost if Ray itself fails, after its own retries, or takes longer than `limit_s`.
    """
    from ray.exceptions import RayError, RayTaskError

    try:
        async with asyncio.timeout(limit_s):
            return await method.remote(*arguments)
    except RayTaskError:
        raise
    except (RayError, TimeoutError) as error:
        reason = str(error).strip().partition("\n")[0] or f"no answer in {limit_s:.0f} s"
        raise WorkersLost(f"--executor ray: workers died ({reason}); try again later") from error
