"""What a batch endpoint takes and returns, whoever provides it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from utilities.errors import ToolkitError
from utilities.models.interface import Message, Reply, Sampling

PRICE_FACTOR = 0.5
"""What a request in a batch costs of the ordinary price, at both providers."""

Outcome = Reply | ToolkitError
"""What became of one request: AttemptFailed where it may be asked again."""


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
    """The provider's own word for where the batch is."""
    ended: bool
    total_count: int
    done_count: int
    replied_count: int
    created_at: float
    """Seconds since 1970, by the provider's clock; 0 where it does not tell."""
    result_files: tuple[str, ...] = ()
    unanswered: ToolkitError | None = None
    token: str | None = None
    """Where the provider's description of the batch holds it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a batch says of one request; `succeeded` where the provider counts it as replied to."""

    custom_id: str
    outcome: Outcome
    succeeded: bool


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
class Sought:
    """What is known of a batch whose creation had no answer; times are seconds since 1970."""

    token: str
    request_count: int
    created_after: float
    other_ids: Collection[str]
    """Batches that are accounted for."""


class BatchProvider(Protocol):
    """A provider's batch endpoint.

    Each call is one exchange and raises AttemptFailed where it may be made again, else what
    Triage makes of the answer.
    """

    @property
    def limits(self) -> BatchLimits:
        """The most that one batch may hold."""

    def encode(self, custom_id: str, messages: list[Message], sampling: Sampling) -> bytes:
        """One request as it stands in a batch, without a newline."""

    async def prepare(self, submission: Submission) -> None:
        """Do what comes before `create` and buys nothing; the requests are not needed after it."""

    async def create(self, submission: Submission) -> BatchState:
        """Create the batch. After an error it may exist all the same: see `candidates`."""

    async def candidates(self, sought: Sought) -> list[BatchState]:
        """The batches that may be the one sought, newest first."""

    async def token_of(self, state: BatchState) -> str | None:
        """The token that a batch was created with; None: that shows when it has ended."""

    async def state(self, batch_id: str) -> BatchState | None:
        """Where a batch is; None where the provider knows none of this name."""

    def results(self, state: BatchState) -> AsyncGenerator[Result]:
        """What became of each request of an ended batch, in any order."""
