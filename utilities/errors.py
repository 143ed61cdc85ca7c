"""Every error that the toolkit raises on purpose.

ToolkitError
├── UsageError            what the user gave cannot be used: one line, exit code 2
│   ├── WorkersLost       the machines that judge programs are gone: later may be better
│   └── FatalModelError   no request of this run can succeed: the run stops, exit code 2
│       ├── BadKey, OutOfCredit, UnknownModel, WrongAddress, ServerUnreachable, AllRejected
├── RequestFailed         one request has no usable reply; `status` goes into the record
│   ├── RateLimited, TimedOut, ProviderFailed      after every retry allowed
│   ├── ContextTooLong, Refused, Rejected          asking again at once would not help
│   └── NotAsked                                   the run was stopping, or its budget spent
│       └── ServerGone                             no server has answered for long
└── AttemptFailed         one attempt failed and may be made again; the retry layer catches it

A bug is none of these and ends in a traceback.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

RequestStatus: TypeAlias = Literal[
    "rate_limited",
    "timed_out",
    "provider_error",
    "context_too_long",
    "refused",
    "rejected",
    "not_asked",
]
"""The record's `status` of a request without a usable reply."""
ASK_AGAIN = frozenset(
    {"rate_limited", "timed_out", "provider_error", "rejected", "context_too_long", "not_asked"}
)
"""Statuses that say nothing about the model's ability: a later run asks these samples again."""


class ToolkitError(Exception):
    """The root of all of them."""


class UsageError(ToolkitError):
    """Bad input: the message says what, which item, and what to do."""


class WorkersLost(UsageError):
    """The machines that judge programs died, and died again; asking later may help."""


class FatalModelError(UsageError):
    """No request of this run can succeed; the message says what to mend."""


class BadKey(FatalModelError):
    """The provider rejects the key (401 or 403)."""


class OutOfCredit(FatalModelError):
    """The account has no credit left: not a rate limit, and no retry helps."""


class UnknownModel(FatalModelError):
    """The provider does not know the model (404)."""


class WrongAddress(FatalModelError):
    """The server has nothing at the path that was asked (404 or 405)."""


class ServerUnreachable(FatalModelError):
    """Nothing answers at the base URL, and nothing ever did in this run."""


class AllRejected(FatalModelError):
    """The server rejected every request of the run so far: what is sent has a wrong form."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An HTTP request that brought no reply.

    `cause` is a RequestStatus; `status_code` is None if no HTTP answer came. `worst_case_usd` is
    the most that it may have been billed: 0 if no reply can have been made, None if the price is
    unknown.
    """

    cause: str
    status_code: int | None = None
    latency_s: float = 0.0
    worst_case_usd: float | None = 0.0


class RequestFailed(ToolkitError):
    """One request has no usable reply.

    `status` is the word that goes into the record's `status` list; `attempts` counts the HTTP
    requests that were spent on it.
    """

    status: RequestStatus = "provider_error"
    status_code: int | None = None
    """The HTTP status, if one said that asking again would not help."""

    def __init__(self, message: str, *, attempts: int = 1) -> None:
        """Keep the message for the log and the number of HTTP requests spent."""
        super().__init__(message)
        self.attempts = attempts
        self.failed_attempts: tuple[FailedAttempt, ...] = ()
        """What became of each of them."""


class RateLimited(RequestFailed):
    """Still 429 (or 529) after every retry."""

    status: RequestStatus = "rate_limited"


class TimedOut(RequestFailed):
    """Still no whole reply within the time limit after every retry."""

    status: RequestStatus = "timed_out"


class ProviderFailed(RequestFailed):
    """Server errors, dropped connections, bodies that are no reply, after every retry."""

    status: RequestStatus = "provider_error"


class ContextTooLong(RequestFailed):
    """The prompt does not fit the model's context, as this server has set it."""

    status: RequestStatus = "context_too_long"


class Refused(RequestFailed):
    """The provider's content filter will not let this prompt through."""

    status: RequestStatus = "refused"


class Rejected(RequestFailed):
    """The server rejects the form of the request (3xx, 400, 405, 422), whatever the task.

    It says nothing about the model's ability, so a later run asks again.
    """

    status: RequestStatus = "rejected"


class NotAsked(RequestFailed):
    """The run was stopping, or the budget spent, before this request was sent."""

    status: RequestStatus = "not_asked"

    def __init__(self, message: str) -> None:
        """No HTTP request was spent."""
        super().__init__(message, attempts=0)


class ServerGone(NotAsked):
    """No server has answered for long: what is left is asked by a later run."""


class AttemptFailed(ToolkitError):
    """One attempt failed in a way that may pass; it never leaves the retry layers.

    `becomes` is the error to raise when no attempt is left. `retry_after_s` is what the provider
    asked for. `unreachable`: no connection was made at all. `has_answer`: the server answered, and
    not with an error of its own (5xx), or sent a part of a reply. `billable`: the provider may have
    made a reply, and charge for it. `status_code` is the HTTP status, None if none came.
    """

    def __init__(
        self,
        becomes: type[RequestFailed],
        message: str,
        *,
        retry_after_s: float | None = None,
        unreachable: bool = False,
        has_answer: bool = False,
        billable: bool = False,
        status_code: int | None = None,
    ) -> None:
        """Keep the cause for the log, and for the error that it may become."""
        super().__init__(message)
        self.becomes = becomes
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable
        self.has_answer = has_answer
        self.billable = billable
        self.status_code = status_code
