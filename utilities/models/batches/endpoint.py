"""What every provider's batch endpoint takes and returns, and how exchanges with it go."""

import asyncio
import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from utilities.config import keys_hidden
from utilities.errors import AttemptFailed, NotAsked, TimedOut, ToolkitError
from utilities.model_catalogue import ModelEntry
from utilities.models.interface import Message, Reply, Sampling
from utilities.models.json_fields import JSONObject, object_at
from utilities.models.pacing.rate_gate import pause
from utilities.models.pacing.retry import RetryPolicy
from utilities.models.triage import Triage

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

PRICE_FACTOR = 0.5
"""What a request in a batch costs of the ordinary price, at both providers."""

CONNECTIONS = 8
"""At most, to one provider."""

Outcome = Reply | ToolkitError
"""What became of one request: AttemptFailed if it may be asked again."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much a provider takes in one batch."""

    requests: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the provider describes it.

    `replied_count` says how many of the results are replies; `unanswered` is what it means for a
    request that the results do not name.
    """

    batch_id: str
    word: str
    """The provider's own word for how far the batch is."""
    ended: bool
    total_count: int
    done_count: int
    replied_count: int
    created_at: float
    """Seconds since 1970, by the provider's clock; 0 if it does not tell."""
    result_files: tuple[str, ...] = ()
    unanswered: ToolkitError | None = None
    token: str | None = None
    """If the provider's description of the batch holds it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a batch says of one request; `succeeded` if the provider counts it as replied to."""

    custom_id: str
    outcome: Outcome
    succeeded: bool
    line: str = ""
    """What the batch says, as it came; a reply has it as its body."""


def custom_id_of(key: str, token: str) -> str:
    """What a request is called within its batch; at most 64 letters, digits and hyphens."""
    return f"{key}-{token}"


def parts_of(custom_id: str) -> tuple[str, str]:
    """The request's key and the batch's token."""
    key, _, token = custom_id.partition("-")
    return key, token


@dataclass(slots=True)
class Submission:
    """A batch on its way to the provider."""

    token: str
    """Its name until the provider gives one; a part of each `custom_id`."""
    requests: Sequence[bytes]
    prepared: bytes = b""
    """What `prepare` leaves for `create`."""


@dataclass(frozen=True, slots=True)
class LostBatch:
    """What is known of a batch whose creation had no answer; times are seconds since 1970."""

    token: str
    request_count: int
    created_after: float
    other_ids: Collection[str]
    """Batches whose origin is known."""


class BatchEndpoint(ABC):
    """A provider's batch endpoint, over the provider's SDK; `opened` before use.

    Each call is one exchange. It raises AttemptFailed if it may be made again, else what Triage
    makes of the answer.
    """

    limits: ClassVar[BatchLimits]
    """The most that one batch may hold."""
    package: ClassVar[str]
    """The SDK's package; it has the SDK's errors too."""

    def __init__(self, entry: ModelEntry, key: str, sdk: Any) -> None:
        """`sdk` is open."""
        self._entry, self._sdk = entry, sdk
        self._triage = Triage(entry, key)

    @classmethod
    @asynccontextmanager
    async def opened(cls, entry: ModelEntry, key: str) -> AsyncIterator[Self]:
        """Open the connections."""
        with keys_hidden():
            _, sdk = cls.connect(entry, key, CONNECTIONS)
        async with sdk:
            yield cls(entry, key, sdk)

    @contextmanager
    def _triaged(self) -> Iterator[None]:
        """Turn what the SDK raises into the errors of this toolkit."""
        import aiohttp  # loaded with the SDK
        import httpx2

        package = sys.modules[self.package]
        try:
            yield
        except package.APIStatusError as error:
            raise self._triage.answer(
                error.status_code, error.body or error.response.text, error.response.headers
            ) from error
        except (package.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError) as error:
            raise self._triage.connection(error) from error

    def _object_of(self, content: bytes) -> JSONObject:
        """The JSON object in an answer; raises AttemptFailed if there is none."""
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._triage.no_reply("the answer is no JSON") from error
        if not isinstance(found, dict):
            raise self._triage.no_reply("the answer is no JSON object")
        if found.get("error"):
            raise self._triage.error_in_success(found["error"])
        return found

    async def state(self, batch_id: str) -> BatchState | None:
        """How far a batch is; None if the provider knows none of this name."""
        try:
            with self._triaged():
                content = await self._retrieve(batch_id)
        except ToolkitError as error:
            if getattr(error.__cause__, "status_code", None) == 404:
                return None
            raise
        return self._read_state(self._object_of(content))

    @staticmethod
    @abstractmethod
    def connect(entry: ModelEntry, key: str, max_connections: int, /) -> tuple[Any, Any]:
        """The SDK's connections and its client; keys are hidden meanwhile."""

    @abstractmethod
    def encode(self, custom_id: str, messages: list[Message], sampling: Sampling) -> bytes:
        """One request as it stands in a batch, without a newline."""

    @abstractmethod
    async def prepare(self, submission: Submission) -> None:
        """Do what comes before `create` and buys nothing; the requests are not needed after it."""

    @abstractmethod
    async def create(self, submission: Submission) -> BatchState:
        """Create the batch; it may exist even after an error: see `candidates`."""

    @abstractmethod
    async def candidates(self, lost: LostBatch) -> list[BatchState]:
        """The batches that may be the lost one, newest first."""

    @abstractmethod
    async def token_of(self, state: BatchState) -> str | None:
        """The token that a batch was created with; None if it shows only when the batch ends."""

    @abstractmethod
    def results(self, state: BatchState) -> AsyncGenerator[Result]:
        """What became of each request of an ended batch, in any order."""

    @abstractmethod
    async def _retrieve(self, batch_id: str) -> bytes:
        """The provider's description of a batch, as it came."""

    @abstractmethod
    def _read_state(self, batch: JSONObject) -> BatchState:
        """The state that such a description means."""


async def json_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, JSONObject]]:
    """The lines of a JSON Lines stream and the objects in them; lines that have none are skipped.

    Only newlines end a line: replies may hold other characters that Python takes for line ends.
    """
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        if b"\n" not in chunk:
            continue
        *whole, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        for line in whole:
            if (found := _object_in(line)) is not None:
                yield line.decode("utf-8", "replace"), found
    if (found := _object_in(bytes(rest))) is not None:
        yield rest.decode("utf-8", "replace"), found


def answer_in(line: JSONObject) -> JSONObject | None:
    """The answer in a line of a batch's results, as it comes alone; None if it is no such line."""
    if "custom_id" not in line:
        return None
    return object_at(object_at(line, "response"), "body") or object_at(
        object_at(line, "result"), "message"
    )


def _object_in(line: bytes) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        _log.warning("a line of a batch's results is no JSON: %.200r", line)
        return None
    return found if isinstance(found, dict) else None


class Exchanges:
    """Makes exchanges, each within a time limit, and again after failures that may pass.

    Only for exchanges that buy nothing, or nothing twice.
    """

    def __init__(
        self, name: str, timeout_s: float, policy: RetryPolicy, stopping: asyncio.Event
    ) -> None:
        """`name` is the model's, for messages."""
        self._name, self._timeout_s = name, timeout_s
        self.policy, self._stopping = policy, stopping

    async def once(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """One exchange; raises AttemptFailed after its time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call()
        except TimeoutError as error:
            message = f"{self._name}: no whole answer within {self._timeout_s:g} s"
            raise AttemptFailed(TimedOut, message, billable=True) from error

    async def again(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Up to the policy's attempts; raises what the last failure becomes.

        Raises NotAsked instead of trying again if the run is stopping.
        """
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self.once(call)
            except AttemptFailed as failure:
                delay_s = self.delay_s(attempts, failure)
                _log.info("%s; attempt %d, again in %.1f s", failure, attempts, delay_s)
            await self.pause(delay_s)

    def delay_s(self, attempts: int, failure: AttemptFailed) -> float:
        """The pause before the next attempt; raises what `failure` becomes if none follows."""
        delay_s = self.policy.delay_s(attempts, failure.retry_after_s)
        if attempts >= self.policy.max_attempts or delay_s > self.policy.max_total_s:
            raise failure.becomes(str(failure), attempts=attempts) from failure
        return delay_s

    async def pause(self, delay_s: float) -> None:
        """Wait; raises NotAsked as soon as the run is stopping."""
        await pause(delay_s, self._stopping)
        self.check_stopping()

    def check_stopping(self) -> None:
        """Raise NotAsked if the run is stopping."""
        if self._stopping.is_set():
            raise NotAsked(f"{self._name}: the run was stopping")
