"""Says what a failed HTTP exchange means, the same for every provider."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from utilities.errors import (
    AttemptFailed,
    BadKey,
    ContextTooLong,
    OutOfCredit,
    ProviderFailed,
    RateLimited,
    Refused,
    Rejected,
    RequestFailed,
    TimedOut,
    ToolkitError,
    UnknownModel,
    WrongAddress,
)
from utilities.model_catalogue import UNNAMED_MODEL, ModelEntry, hides_a_secret
from utilities.models.json_fields import JSONObject, list_at, text_at

_LONGEST_MESSAGE = 500
_LONGEST_PAGE = 10_000
_LONGEST_PLAIN_SECRET = 5
"""What is no longer is not looked for: it stands in other texts by chance."""
_LONGEST_PLAIN_HEADER = 15
"""The same for headers whose names do not say that they hold a key."""
_TIMED_OUT = frozenset({408, 504, 524})
_MAY_BE_BILLED = _TIMED_OUT | {500, 502, 520}
"""A gateway says so of a model that may have worked, and a server of work that it lost."""

_NO_CREDIT = re.compile(
    r"insufficient[_ ](quota|balance|credit|fund)|credit balance|out of credit|billing|"
    # Anthropic's and xAI's words for an account that has reached what it may spend.
    r"api usage limits|spend(ing)? limit|available credits"
)
# A quota for a day, or for longer, does not pass while a run waits.
_LONG_QUOTA = re.compile(r"per[ _-]?day|daily|\b(rpd|tpd)\b|per[ _-]?(week|month)")
# Gemini mentions billing in every rate limit, OpenAI in those of accounts without a card. Rate
# limits are told by a status or code, and by the time that the limit is for.
_SHORT_QUOTA = re.compile(r"per[ _-]?(second|min)|\b(rpm|tpm)\b")
_ONLY_A_RATE = re.compile(r"resource_exhausted|rate_limit_exceeded|per[ _]?(min|day)")
_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ](window|size|limit)|maximum context|prompt is too long|"
    r"maximum number of tokens allowed|too many (input )?tokens"
)
_MODERATED = re.compile(r"moderation|flagged|content[_ ](policy|filter)")
_DELAY = re.compile(r'(?:retrydelay": "|try again in )(\d+(?:\.\d+)?)(ms|s)')
_KEY_REJECTED = re.compile(r"api key not valid|api_key_invalid|invalid api key")
_NO_SYSTEM_ROLE = re.compile(r"system role|roles must alternate|only user.{0,30}assistant roles")
_MARKUP = re.compile(r"(?s)<(style|script|head)\b.*?</\1\s*>|<[^<>]*>")
_MODEL_MISSING = re.compile(r"model_not_found|model not found")

_STATUS_OF_TYPE: Mapping[str, int] = {
    "authentication_error": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "invalid_request_error": 400,
    "invalid_prompt": 400,  # in a response: the prompt is against the provider's rules
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "overloaded_error": 529,
}


class Triage:
    """Turns answers and broken connections into the errors of `utilities.errors`."""

    def __init__(self, entry: ModelEntry, key: str) -> None:
        """`key` is removed from every message, and so is what may be one in a header."""
        self._entry = entry
        self._secrets = _secrets_in(entry.extra_headers)
        if len(key) > _LONGEST_PLAIN_SECRET:
            self._secrets.insert(0, key)

    def answer(
        self,
        status: int,
        body: object,
        headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> ToolkitError:
        """The error for an HTTP status with its body, parsed as far as it could be.

        `url` is what was asked, if it may be that the server has nothing there.
        """
        words = (body if isinstance(body, str) else json.dumps(body, default=str)).lower()
        says = self._message(f"HTTP {status}", body)
        if url is not None and status in {404, 405} and not self._is_about_model(words):
            return WrongAddress(f"{says}; the server has nothing at {url}")
        if 300 <= status < 400 and (location := (headers or {}).get("location")):
            says += self.without_key(f"; it redirects to {location[:_LONGEST_MESSAGE]}")
        final = self._final(status, words, says)
        if final is not None:
            if isinstance(final, RequestFailed):
                final.status_code = status
            return final
        becomes: type[RequestFailed] = TimedOut if status in _TIMED_OUT else ProviderFailed
        if status in {429, 529} or "overloaded" in words:
            becomes = RateLimited
        delay_s = retry_after_s(headers or {})
        return AttemptFailed(
            becomes,
            says,
            retry_after_s=_delay_in_words(words) if delay_s is None else delay_s,
            status_code=status,
            has_answer=status < 500 or becomes is RateLimited,
            billable=status in _MAY_BE_BILLED and becomes is not RateLimited,
        )

    def error_in_success(self, error: object) -> ToolkitError:
        """The error for an error object in a 200 or in a stream, by its own code or type."""
        found = self.answer(_status_of(error), error)
        if isinstance(found, AttemptFailed):
            found.billable = found.has_answer = True  # generation may have begun
        return found

    def connection(self, error: BaseException) -> AttemptFailed:
        """The failure of an exchange that ended without a whole HTTP answer."""
        import aiohttp  # the SDK has loaded it by now

        no_connection = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, no_connection):
                return AttemptFailed(
                    ProviderFailed,
                    f"{self._entry.name}: no server answers at {self._entry.base_url} ({cause}); "
                    "start it, or correct --base_url or the network",
                    unreachable=True,
                )
        # The SDKs call every broken connection a timeout; the first cause knows better.
        return self.no_reply(f"the connection was dropped ({type(causes[-1]).__name__})")

    def late(self, timeout_s: float, what: str = "no whole reply") -> AttemptFailed:
        """The failure of an exchange that took too long; `what` did not come in that time."""
        message = f"{self._entry.name}: {what} within {timeout_s:g} s"
        return AttemptFailed(TimedOut, message, billable=True)

    def no_reply(self, what: str) -> AttemptFailed:
        """The failure of an answer that is no reply."""
        return AttemptFailed(ProviderFailed, f"{self._entry.name}: {what}", billable=True)

    def unreadable(self, text: str, *, is_stream: bool) -> AttemptFailed:
        """The failure of a success that is no JSON, with its words if it is a page."""
        what = "the stream has an event that is no JSON" if is_stream else "no JSON"
        page = text if _MARKUP.search(text[:_LONGEST_PAGE]) and not is_stream else {}
        failed = self.no_reply("")
        failed.args = (self._message(f"the answer cannot be read: {what}", page),)
        failed.status_code = 200
        return failed

    def _final(self, status: int, words: str, says: str) -> ToolkitError | None:
        """The error if asking again would not help, else None."""
        hint = f"set {self._entry.key_variable}" if self._entry.key_variable else "send a key"
        if spent := _what_is_spent(status, words):
            return OutOfCredit(f"{says}; {spent}")
        if status == 413 or (status in {400, 422} and _TOO_LONG.search(words)):
            return ContextTooLong(says)
        if status in {400, 403, 422} and _MODERATED.search(words):
            return Refused(says)
        if status in {401, 403} or (status == 400 and _KEY_REJECTED.search(words)):
            return BadKey(f"{says}; {hint} to a key that {self._entry.base_url} accepts")
        if status == 404 or (status == 400 and _MODEL_MISSING.search(words)):
            return UnknownModel(
                f"{says}; {self._entry.base_url} has no model {self._entry.model_id!r}: mend "
                "--model_identifier or --base_url"
            )
        passing = status in {408, 409, 429} or status >= 500 or status < 300
        if status <= 500 and _NO_SYSTEM_ROLE.search(words):  # llama.cpp says it with a 500
            passing, says = False, f"{says}; --system_as_user sends no message of that role"
        return None if passing or "overloaded_error" in words else Rejected(says)

    def _is_about_model(self, words: str) -> bool:
        """Whether an answer says that a model is missing, and not what was asked."""
        name = self._entry.model_id.lower()
        named = name != UNNAMED_MODEL and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words)
        return "model" in words or bool(named)

    def without_key(self, text: str) -> str:
        """The text, with `[key]` where a server repeats the key or a secret header."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text

    def _message(self, what: str, body: object) -> str:
        said = self.without_key(" ".join(_provider_message(body).split()))
        said = said[:_LONGEST_MESSAGE].rstrip(".")
        return f"{self._entry.name}: {what}: {said}" if said else f"{self._entry.name}: {what}"


def _secrets_in(headers: Mapping[str, str]) -> list[str]:
    """What may be secret in headers, longest first: whole values, and words such as a token."""
    found = set()
    for name, value in headers.items():
        is_named = hides_a_secret(name.replace("-", "_"))
        most = _LONGEST_PLAIN_SECRET if is_named else _LONGEST_PLAIN_HEADER
        found |= {one for one in (value, *value.split()) if len(one) > most}
    return sorted(found, key=len, reverse=True)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms`, else `retry-after`: seconds or a date (RFC 9110)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or not text:
        return None if seconds is None else max(0.0, seconds)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _delay_in_words(words: str) -> float | None:
    """Seconds to wait, as Gemini (RetryInfo) and OpenAI write them in the body."""
    found = _DELAY.search(words)
    if found is None:
        return None
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _what_is_spent(status: int, words: str) -> str | None:
    """What to do about an account that has nothing left; None if it has."""
    if status == 429 and _LONG_QUOTA.search(words) and not _SHORT_QUOTA.search(words):
        return "the quota is for a day or longer: go on when it is new, or raise it"
    no_credit = _NO_CREDIT.search(words) and not _ONLY_A_RATE.search(words)
    if status == 402 or (status in {400, 403, 429} and no_credit):
        return "add credit to the account"
    return None


def _provider_message(body: object) -> str:
    """The provider's own words, from the shapes in use: error.message, error, message, detail.

    OpenAI's `param` and FastAPI's `loc` say which field of the request they are about.
    """
    if isinstance(body, list) and body:
        return _provider_message(body[0])
    if isinstance(body, dict):
        for name in ("error", "message", "detail", "msg"):
            if body.get(name):
                said, field = _provider_message(body[name]), _field_of(body)
                return said if field in said else f"{field}: {said}"
    return _MARKUP.sub(" ", body[:_LONGEST_PAGE]) if isinstance(body, str) else ""


def _field_of(error: JSONObject) -> str:
    """The field of the request that an error object names, such as "body.stream_options"."""
    names = [name for name in list_at(error, "loc") if isinstance(name, int | str)]
    return ".".join(map(str, names)) or text_at(error, "param")


def _status_of(error: object) -> int:
    """The HTTP status that an error object amounts to, by its own code or type."""
    fields = error if isinstance(error, dict) else {}
    for value in (fields.get("code"), fields.get("type")):
        if isinstance(value, int | str) and str(value).isdecimal() and len(str(value)) == 3:
            return int(value)
        if isinstance(value, str) and value in _STATUS_OF_TYPE:
            return _STATUS_OF_TYPE[value]
    return 502


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
