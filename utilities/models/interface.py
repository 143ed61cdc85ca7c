"""What a model client takes and returns."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NotRequired, Protocol, Self, TypeAlias, TypedDict, TypeVar

from utilities.errors import FailedAttempt, UsageError
from utilities.model_catalogue import ModelEntry
from utilities.models.content import Content, text_of, without_data
from utilities.models.json_fields import encode_json

FinishReason = Literal["stop", "length", "refusal", "unknown"]


class ToolCall(TypedDict):
    """A tool that a model called, and the JSON that it gave it: as text, which may be no JSON."""

    id: str
    """Of its reply's calls no two have the same; made here if the server gave none."""
    name: str
    arguments: str


class Message(TypedDict):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Content
    tool_calls: NotRequired[Sequence[ToolCall]]
    """Of an assistant."""
    replay: NotRequired[list[dict[str, Any]]]
    """`Reply.replay` of an assistant: it is sent in the place of text and calls."""
    tool_call_id: NotRequired[str]
    """The call that a tool's message answers."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """The JSON Schema of what it is given: an object."""

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the user asked of the sampler; None sends nothing: the provider's default holds."""

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    seed: int | None = None
    """Of a task's first sample; each further sample has the next, or all would be the same."""
    extra_body: Mapping[str, Any] | None = None
    """Fields of the server's own, which are sent as they are."""
    system_as_user: bool = False
    """Whether the system text stands before the user's, in one message (`system_in_user`)."""

    def to_json(self) -> dict[str, Any]:
        """What enters keys and configurations.

        Fields of later versions enter only if they are given, so that earlier replies keep their
        keys.
        """
        first = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        names = ("top_p", "reasoning_effort", "seed", "extra_body")
        later = {name: getattr(self, name) for name in names}
        later["system_as_user"] = self.system_as_user or None
        return first | {name: value for name, value in later.items() if value is not None}

    def of_sample(self, index: int) -> Self:
        """The sampling of a task's sample `index`, with its own seed."""
        return self if self.seed is None else replace(self, seed=self.seed + index)


def system_in_user(messages: Sequence[Message]) -> list[Message]:
    """The messages for a server without a system role: the system text begins the user's."""
    system = "\n\n".join(text_of(one["content"]) for one in messages if one["role"] == "system")
    rest = [one for one in messages if one["role"] != "system"]
    if not system:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    said = rest[0]["content"]
    joined: Content
    if isinstance(said, str):
        joined = f"{system}\n\n{said}"
    else:
        joined = [{"type": "text", "text": system}, *said]
    return [{"role": "user", "content": joined}, *rest[1:]]


def sent_text(message: Message) -> str:
    """All that the model reads of a message, apart from pictures; replayed parts as JSON."""
    replay = message.get("replay")
    if replay is not None:
        return encode_json({"replay": replay}).decode("utf-8")
    calls = (f"{call['name']}{call['arguments']}" for call in message.get("tool_calls", ()))
    return "\n".join([text_of(message["content"]), *calls])


def recorded(messages: Sequence[Message]) -> list[Message]:
    """The messages as keys, records and logs have them: without the bytes of pictures."""
    return [
        one
        if isinstance(one["content"], str)
        else Message(role=one["role"], content=without_data(one["content"]))
        for one in messages
    ]


_PARAMETERS = ("temperature", "max_tokens", "top_p", "reasoning_effort", "seed")
"""The fields of Sampling that a model takes or does not."""
_SET_HERE: Mapping[str, str] = {
    "model": "--model_identifier says it",
    **dict.fromkeys(("messages", "system", "input", "instructions"), "the agent writes it"),
    **dict.fromkeys(("stream", "stream_options", "background"), "how a reply comes is set here"),
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_output_tokens"), "give --max_tokens"
    ),
    **{name: f"give --{name}" for name in ("temperature", "top_p", "seed", "reasoning_effort")},
    **dict.fromkeys(("n", "best_of"), "give --best_of"),
    **dict.fromkeys(
        ("tools", "tool_choice", "functions", "function_call"), "no call would be answered"
    ),
    "cache_control": "caching is set here",
}
"""The fields of a request that no user's `extra_body` may have, and what to do instead."""


def check_sampling(entry: ModelEntry, sampling: Sampling, *, has_tools: bool = False) -> None:
    """Raise UsageError if the model would reject a parameter; nothing is sent.

    Which tool it has to call may only be said if it has tools.
    """
    accepts = entry.accepts
    if sampling.reasoning_effort == "none":
        accepts = accepts | entry.accepts_without_reasoning
    for name in _PARAMETERS:
        if getattr(sampling, name) is not None and name not in accepts:
            hint = f"leave out --{name}"
            if name in entry.accepts_without_reasoning:
                hint += ", or give --reasoning_effort none as well"
            raise UsageError(f"{entry.name} takes no {name}: {hint}")
    _check_values(entry, sampling)
    _check_extra_body(entry, sampling, has_tools=has_tools)


def _check_values(entry: ModelEntry, sampling: Sampling) -> None:
    effort, efforts = sampling.reasoning_effort, entry.reasoning_efforts
    if effort is not None and efforts and effort not in efforts:
        raise UsageError(
            f"--reasoning_effort {effort}: {entry.name} takes one of {', '.join(efforts)}"
        )
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise UsageError(f"--max_tokens {sampling.max_tokens}: a reply has at least 1 token")
    if sampling.temperature is not None and not 0 <= sampling.temperature <= 2:
        raise UsageError(f"--temperature {sampling.temperature}: it lies between 0 and 2")
    if sampling.top_p is not None and not 0 < sampling.top_p <= 1:
        raise UsageError(f"--top_p {sampling.top_p}: it lies above 0 and up to 1")


def _check_extra_body(entry: ModelEntry, sampling: Sampling, *, has_tools: bool) -> None:
    set_here = dict(_SET_HERE)
    if has_tools:
        del set_here["tool_choice"]
    if entry.thinking:
        set_here["thinking"] = f"it is set for {entry.name}"
    if entry.api == "responses":
        set_here["store"] = "only --background has a response kept"
        if entry.thinking:
            set_here["include"] = f"it is set for {entry.name}"
    if sampling.reasoning_effort is not None:
        set_here |= dict.fromkeys(("reasoning", "output_config"), "--reasoning_effort sets it")
    for name in sampling.extra_body or ():
        if name in set_here:
            raise UsageError(f"extra_body: {name} cannot be set there: {set_here[name]}")


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

    `finish_reason` "length" means the text was cut at the token limit. `cost_usd` is None if
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
    replay: list[dict[str, Any]] | None = None
    """What only the provider reads, and wants back if the conversation goes on.

    If tools were called it is the whole reply in the form in which the API takes it back.
    """
    body: str | None = None
    """The document that this was read of as it came, to stand in the journal beside it."""
    body_zlib: str | None = None
    """The stream that this was read of instead, as `bodies.packed_text` makes it."""
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def answer(self) -> str:
        """Where an answer is looked for: the text, or the reasoning if there is no text.

        Some servers put all that a model said into the reasoning's field.
        """
        return self.text if self.text.strip() else self.reasoning or ""

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read what `asdict` made; raises KeyError or TypeError if it is no reply.

        Unknown fields of a later version are ignored: the reply is paid for all the same.
        """
        if not isinstance(stored, dict):
            raise TypeError("a reply is an object")
        failed = [_known(FailedAttempt, one) for one in stored.get("failed_attempts") or ()]
        usage = _known(Usage, stored["usage"])
        # What was read of the body stands beside it.
        calls = tuple(map(_known_call, stored.get("tool_calls") or ()))
        read = {"usage": usage, "failed_attempts": tuple(failed), "tool_calls": calls}
        if any(not isinstance(one, dict) for one in stored.get("replay") or ()):
            read["replay"] = None  # damaged: text and calls are sent in its place
        return _known(cls, {**stored, **read, "body": None, "body_zlib": None})


def _known_call(stored: dict[str, Any]) -> ToolCall:
    """The call; raises KeyError or TypeError if it is none."""
    names = ("id", "name", "arguments")
    if not all(isinstance(stored[name], str) for name in names):
        raise TypeError("a call of a tool has another form")
    return ToolCall(id=stored["id"], name=stored["name"], arguments=stored["arguments"])


_Record = TypeVar("_Record")


def _known(kind: type[_Record], stored: dict[str, Any]) -> _Record:
    """The dataclass, without fields that it does not know; raises TypeError for no object."""
    if not isinstance(stored, dict):
        raise TypeError(f"{kind.__name__} is no {type(stored).__name__}")
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in stored.items() if name in names})


class Meter:
    """Told of each attempt at a request, also of those that fail: they may be billed too.

    This one counts nothing: for requests that cost nothing.
    """

    worst_usd: float | None = 0.0
    """What an attempt costs at most, in US dollars; None if the price is unknown."""
    name: str = ""
    """What the request is called in the log."""
    response_id: str | None = None
    """The provider's name of a reply that it makes in the background."""
    note_response: Callable[[str], Awaitable[None]] | None = None
    """Given that name before the reply is fetched; it must not be lost."""
    keep: Callable[[str], None] | None = None
    """Given what has come of the body of each success that has become no reply."""

    async def begin(self) -> None:
        """Before an attempt; raises NotAsked if none may be made."""

    def end(self, cost_usd: float | None) -> None:
        """After an attempt with a reply (None: of unknown cost), or one that costs nothing."""

    def lost(self) -> None:
        """After an attempt that brought no reply and may have been billed all the same."""


FREE = Meter()
"""The meter of requests that cost nothing."""

Begun: TypeAlias = Callable[[], None]
"""To be called at the first byte of a reply: the provider has cached the prompt by then."""


class ModelClient(Protocol):
    """Asks one model, within one event loop."""

    async def complete(
        self,
        messages: list[Message],
        sampling: Sampling,
        meter: Meter = FREE,
        begun: Begun | None = None,
        tools: Sequence[Tool] = (),
    ) -> Reply:
        """Ask once, retrying what may be retried; `meter` is told of each attempt.

        `begun` is given if other requests have the same prompt, or begin with it, so that caching
        it pays. The model may call any of the `tools`. Raises
        RequestFailed (its subclasses name the cause) if this request has no reply,
        FatalModelError if no request of this run could have one, and UsageError if the model does
        not take `sampling`.
        """
