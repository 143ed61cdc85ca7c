"""Requests and tokens a minute, as a model's entry or the provider's headers name them."""

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from utilities.models.interface import Usage

Kind: TypeAlias = Literal["requests", "tokens", "input-tokens", "output-tokens"]
_KINDS: tuple[Kind, ...] = ("requests", "tokens", "input-tokens", "output-tokens")
_FORMS = (
    # limit, remaining, reset; OpenAI's reset is a duration, Anthropic's a moment
    ("x-ratelimit-limit-{}", "x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
    ("anthropic-ratelimit-{}-limit", "anthropic-ratelimit-{}-remaining",
     "anthropic-ratelimit-{}-reset"),
)  # fmt: skip
_HEADERS: tuple[tuple[Kind, str, str, str], ...] = tuple(
    (kind, limit.format(kind), remaining.format(kind), reset.format(kind))
    for kind in _KINDS
    for limit, remaining, reset in _FORMS
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MINUTE_S = 60.0
_LONGEST_WINDOW_S = 86400.0
"""A reset later than in a day is an error of the server, and would stop the run."""
_MOMENTS_BEGIN_S = 1e9
"""From here on a reset is no duration but a moment, in seconds since 1970."""
_MILLISECONDS_BEGIN = 1e11
"""From here on it is in milliseconds."""
_NO_USAGE = Usage()
_LEARNING = 0.1
"""The weight of each reply in the means that estimate the next request."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a request takes of each kind of limit, estimated or true."""

    input_tokens: float = 0.0
    output_tokens: float = 0.0

    def of(self, kind: Kind) -> float:
        """The amount of this kind."""
        return {
            "requests": 1.0,
            "tokens": self.input_tokens + self.output_tokens,
            "input-tokens": self.input_tokens,
            "output-tokens": self.output_tokens,
        }[kind]


@dataclass(slots=True)
class _Bucket:
    """A token bucket: up to `limit` may be taken at once, and flows back evenly."""

    limit: float
    per_s: float
    level: float
    at: float

    def refill(self, now: float) -> None:
        self.level = min(self.limit, self.level + (now - self.at) * self.per_s)
        self.at = now

    def wait_s(self, amount: float) -> float:
        # An amount above the limit passes when the bucket is full.
        missing = min(amount, self.limit) - self.level
        return missing / self.per_s if missing > 0 else 0.0


class RateLimits:
    """Says how long the next request has to wait; nothing is limited until a limit is named."""

    def __init__(
        self,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The entry's own limits, which headers may lower and never raise; `clock` in seconds."""
        self._clock = clock
        named: dict[Kind, int | None] = {
            "requests": requests_per_minute,
            "tokens": tokens_per_minute,
        }
        self._own = {kind: float(most) for kind, most in named.items() if most is not None}
        self._buckets = {
            kind: _Bucket(most, most / _MINUTE_S, most, clock()) for kind, most in self._own.items()
        }
        self._tokens_per_character = 0.5  # spaced digits have one, prose a fifth
        self._output_tokens = 1000.0

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take the limits, and what is left of them, from an answer's headers."""
        # Looking each name up in an SDK's headers is slow, and most servers send none of them.
        named = {name: value for name, value in headers.items() if "ratelimit" in name}
        for kind, limit, remaining, reset in _HEADERS if named else ():
            most = _number(named.get(limit))
            if most is not None and most >= 1:
                self._limit(kind, most, _number(named.get(remaining)), _seconds(named.get(reset)))

    def _limit(
        self, kind: Kind, limit: float, remaining: float | None, reset_s: float | None
    ) -> None:
        now = self._clock()
        limit = min(limit, self._own.get(kind, limit))
        bucket = self._buckets.setdefault(kind, _Bucket(limit, 0.0, limit, now))
        bucket.refill(now)
        bucket.limit, bucket.per_s = limit, limit / _MINUTE_S
        if remaining is None:
            return
        if reset_s is not None and reset_s > _MINUTE_S and remaining < limit:
            # A window longer than a minute, such as requests a day.
            bucket.per_s = min(bucket.per_s, (limit - remaining) / reset_s)
        # What was sent since then is counted here only: the lower of the two is safe.
        bucket.level = min(bucket.level, remaining)

    def estimate(self, prompt_characters: int) -> Load:
        """What a request will take, by what replies took so far."""
        return Load(prompt_characters * self._tokens_per_character, self._output_tokens)

    def wait_s(self, load: Load) -> float:
        """Seconds until the limits allow a request of this load; 0 when they do."""
        now, wait_s = self._clock(), 0.0
        for kind, bucket in self._buckets.items():
            bucket.refill(now)
            wait_s = max(wait_s, bucket.wait_s(load.of(kind)))
        return wait_s

    def take(self, load: Load) -> None:
        """Count a request that is about to be sent."""
        for kind, bucket in self._buckets.items():
            bucket.level -= load.of(kind)

    def settle(self, load: Load, prompt_characters: int, usage: Usage) -> None:
        """Replace the estimate by what a reply says, and learn from it."""
        if usage == _NO_USAGE:
            return
        true = Load(usage.input_tokens, usage.output_tokens)
        for kind, bucket in self._buckets.items():
            bucket.level += load.of(kind) - true.of(kind)
        self._output_tokens += _LEARNING * (usage.output_tokens - self._output_tokens)
        if prompt_characters:
            ratio = usage.input_tokens / prompt_characters
            self._tokens_per_character += _LEARNING * (ratio - self._tokens_per_character)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _seconds(text: str | None) -> float | None:
    """Seconds until a reset, a day at the most.

    `6m0s` and `120ms` are OpenAI's form, a moment (RFC 3339) is Anthropic's; gateways send plain
    seconds, or a moment as a number.
    """
    seconds = _seconds_until(text) if text else None
    return None if seconds is None else min(max(0.0, seconds), _LONGEST_WINDOW_S)


def _seconds_until(text: str) -> float | None:
    if _DURATION.sub("", text) == "":
        return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        number = _number(text)
        if number is None or number < _MOMENTS_BEGIN_S:
            return number
        return number / (1000 if number >= _MILLISECONDS_BEGIN else 1) - time.time()
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
