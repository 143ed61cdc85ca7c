"""What a model client takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypedDict, TypeVar

from utilities.errors import FailedAttempt

FinishReason = Literal["stop", "length", "refusal", "unknown"]


class Message(TypedDict):
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the user asked of the sampler; None means: send nothing, the provider's default."""

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    seed: int | None = None
    """Of a task's first sample; each further one has the next, else all would be the same."""

    def to_json(self) -> dict[str, Any]:
        """What enters keys and configurations.

        Fields of later versions enter only where they are given: what was paid for before them
        keeps its key.
        """
        first = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        later = {name: getattr(self, name) for name in ("top_p", "reasoning_effort", "seed")}
        return first | {name: value for name, value in later.items() if value is not None}

    def of_sample(self, index: int) -> Sampling:
        """The sampling of a task's sample `index`, with its own seed."""
        return self if self.seed is None else replace(self, seed=self.seed + index)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request, in one convention for all providers.

    `input_tokens` is the whole prompt, cached parts included; `output_tokens` is everything that
    was generated, reasoning included.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def to_json(self) -> dict[str, int]:
        """Every field."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request.

    `finish_reason` "length" means the text was cut at the token limit. `cost_usd` is None where
    the price is unknown, which is not the same as 0. `attempts` counts HTTP requests, this one
    included.
    """

    text: str
    reasoning: str | None = None
    finish_reason: FinishReason = "stop"
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0
    model: str = ""
    cost_usd: float | None = None
    attempts: int = 1
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """Those before this reply."""

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Reply:
        """Take back what `asdict` made; raises KeyError or TypeError for what is no reply.

        A later version's further fields are passed over: the reply is paid for all the same.
        """
        if not isinstance(stored, dict):
            raise TypeError("a reply is an object")
        failed = [_known(FailedAttempt, one) for one in stored.get("failed_attempts") or ()]
        usage = _known(Usage, stored["usage"])
        return _known(cls, {**stored, "usage": usage, "failed_attempts": tuple(failed)})


_Record = TypeVar("_Record")


def _known(kind: type[_Record], stored: dict[str, Any]) -> _Record:
    """A dataclass of those fields that it has; raises TypeError for what is no object."""
    if not isinstance(stored, dict):
        raise TypeError(f"{kind.__name__} is no {type(stored).__name__}")
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in stored.items() if name in names})


class AttemptMeter(Protocol):
    """Told of each attempt at a request, also of those that fail: they may be billed too."""

    @property
    def worst_usd(self) -> float | None:
        """What an attempt may cost at the most, in US dollars; None where nobody knows."""

    async def begin(self) -> None:
        """Before an attempt; raises NotAsked where none may be made."""

    def end(self, cost_usd: float | None) -> None:
        """After an attempt with a reply (None: of unknown cost), or one that costs nothing."""

    def lost(self) -> None:
        """After an attempt that brought no reply and may have been billed all the same."""


class _Unmetered:
    worst_usd = 0.0

    async def begin(self) -> None: ...

    def end(self, cost_usd: float | None) -> None: ...

    def lost(self) -> None: ...


FREE: AttemptMeter = _Unmetered()
"""The meter of those who do not count."""


@dataclass(frozen=True, slots=True)
class SharedPrompt:
    """Tells a client that other requests have the same prompt, so that caching it pays."""

    begun: Callable[[], None]
    """To be called when the first byte of a reply is here: the prompt is in the cache then."""


class ModelClient(Protocol):
    """Asks one model; used as an async context manager, within one event loop."""

    async def __aenter__(self) -> Self:
        """Open the connection pool."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection pool."""

    async def complete(
        self,
        messages: list[Message],
        sampling: Sampling,
        meter: AttemptMeter = FREE,
        shared: SharedPrompt | None = None,
    ) -> Reply:
        """Ask once, retrying what may be retried; `meter` is told of each attempt.

        Raises RequestFailed (its subclasses name the cause) where this request has no reply, and
        FatalModelError where no request of this run could have one.
        """
