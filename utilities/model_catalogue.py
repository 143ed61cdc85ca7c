"""The language models that are known by name: where each is, what it takes, what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from utilities.errors import UsageError

APIS = ("chat", "messages", "responses")
"""What servers speak: chat completions, Anthropic's Messages, OpenAI's Responses."""

SERVER_KEY_VARIABLE = "BASE_URL_API_KEY"
"""The key for a server given by `--base_url`: a vendor's key is never sent to another host."""

UNNAMED_MODEL = "default"
"""The model that a server is asked for if the user names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """Where a model is, what it takes and what it costs."""

    name: str = ""
    # The catalogue name, or `provider:model`: what goes into results as `model_identifier`.
    provider: str
    # Who is asked: a name in PROVIDERS.
    model_id: str = ""
    # The provider's own name for the model.
    key_variable: str | None
    # The variable that holds the key; None: no key is sent.
    key_required: bool = True
    # Whether to stop if the key is missing; False sends LOCAL_KEY.
    base_url: str
    # Where requests go; ends in /v1 or alike, unless the API is "messages", whose SDK adds it.
    api: str = "chat"
    # What the server speaks: one of APIS.
    other_base_urls: tuple[str, ...] = ()
    # Servers of the same model, which are asked side by side with the first.
    accepts: frozenset[str] = frozenset({"temperature", "top_p", "max_tokens"})
    # The fields of Sampling that the model takes; asking for another is a UsageError.
    reasoning_efforts: tuple[str, ...] = ()
    # What `--reasoning_effort` may be, if `accepts` has it; () leaves it to the server.
    nests_reasoning_effort: bool = False
    # Whether the effort is sent as `reasoning.effort` instead of `reasoning_effort`.
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    # What every request has besides.
    accepts_without_reasoning: frozenset[str] = frozenset()
    # What the model also takes if its effort is "none".
    max_tokens_parameter: str = "max_tokens"
    # What the provider calls the limit on generated tokens.
    context_tokens: int | None = None
    # The most tokens of prompt and reply together; None if it is not known.
    max_output_tokens: int = 64_000
    # The limit that is sent if one must be; also the worst case of a cost estimate.
    request_timeout_s: float = 1200.0
    # For one attempt, from the first byte sent to the last received.
    streams: bool = True
    # Whether replies are asked for as streams.
    stall_timeout_s: float = 60.0
    # How long a stream may be silent once its answer has begun.
    background: bool = False
    # Whether a reply is made in the background and fetched by its id ("responses" only).
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    # What the account may ask at each server; None: only what the answers' headers say.
    min_cached_prompt_tokens: int | None = None
    # The shortest prompt that the provider caches at a lower price; None: it caches none.
    thinking: bool = False
    # Whether the model thinks, and is asked for summaries of it (Anthropic and OpenAI).
    pricing_provider: str | None = None
    # The provider's name in genai-prices; None: it is not listed there.
    price_override: tuple[float, float] | None = None
    # USD per million input and output tokens, instead of the list price.
    cached_price: float | None = None
    # USD per million input tokens from the cache, beside `price_override`; None: as any other.
    price_factor: float = 1.0
    # The share of either price that is paid: a half in a batch.
    images: bool | None = None
    # Whether the model takes pictures; None if it is not known.
    tools: bool | None = None
    # Whether the model calls tools; None if it is not known.
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    # What every request's header has besides; may hold secrets, so it is never logged.
    asked: Mapping[str, Any] = field(default_factory=dict)
    # Fields of Sampling that a user's file gives; what the command line says counts instead.
    unsupported: str | None = None
    # Why a model of a user's file cannot be asked.


def api_elsewhere(entry: ModelEntry) -> str:
    """The API that another server than the provider's own speaks for this model."""
    return "chat" if entry.provider == "openai" else entry.api


def server_host(url: str) -> tuple[str, str | None]:
    """The scheme and the host of an address: what decides whether a vendor's key may go there."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname


def server_url(url: str, *, api: str, said_as: str) -> str:
    """A server's address in the form that the clients take: with /v1, or without for "messages".

    Raises UsageError if it is no http address, or holds a password or a query; `said_as` is what
    the user gave it by.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{said_as} {url!r} is no address; write http://localhost:8000/v1")
    if parts.username or parts.password:
        raise UsageError(
            f"{said_as} holds a password; give the key as {SERVER_KEY_VARIABLE} instead"
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"{said_as} ends at its path: leave out what begins with ? or #, and give a key as "
            f"{SERVER_KEY_VARIABLE}"
        )
    url = url.rstrip("/")
    if api == "messages":
        return url.removesuffix("/v1")
    return url if parts.path.strip("/") else f"{url}/v1"


_SECRET_WORDS = frozenset({"KEY", "TOKEN", "SECRET", "PASSWORD"})


def hides_a_secret(variable: str) -> bool:
    """Whether a variable of the environment is called as keys are, such as TOGETHER_API_KEY."""
    return not _SECRET_WORDS.isdisjoint(variable.upper().split("_"))


_EVERYTHING = frozenset({"temperature", "top_p", "max_tokens", "reasoning_effort", "seed"})
_OPENAI_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_OPENAI = ModelEntry(
    provider="openai",
    key_variable="OPENAI_API_KEY",
    base_url="https://api.openai.com/v1",
    api="responses",
    accepts=_EVERYTHING,
    reasoning_efforts=_OPENAI_EFFORTS,
    max_tokens_parameter="max_completion_tokens",
    min_cached_prompt_tokens=1024,
    pricing_provider="openai",
    tools=True,
)
_ANTHROPIC = ModelEntry(
    provider="anthropic",
    key_variable="ANTHROPIC_API_KEY",
    base_url="https://api.anthropic.com",
    api="messages",
    accepts=frozenset({"max_tokens", "reasoning_effort"}),
    reasoning_efforts=("low", "medium", "high", "xhigh", "max"),
    min_cached_prompt_tokens=512,
    pricing_provider="anthropic",
    images=True,
    tools=True,
)
_OPENROUTER = ModelEntry(
    provider="openrouter",
    key_variable="OPENROUTER_API_KEY",
    base_url="https://openrouter.ai/api/v1",
    accepts=_EVERYTHING,
    reasoning_efforts=_OPENAI_EFFORTS,
    nests_reasoning_effort=True,
    # Otherwise a parameter that the chosen server does not know is dropped silently.
    extra_body={"provider": {"require_parameters": True}},
    min_cached_prompt_tokens=1024,
    pricing_provider="openrouter",
)
_GOOGLE = ModelEntry(
    provider="google",
    key_variable="GEMINI_API_KEY",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai/",
    accepts=_EVERYTHING - {"seed"},
    reasoning_efforts=("none", "minimal", "low", "medium", "high"),
    min_cached_prompt_tokens=1024,
    pricing_provider="google",
    images=True,
    tools=True,
)
_DEEPSEEK = ModelEntry(
    provider="deepseek",
    key_variable="DEEPSEEK_API_KEY",
    base_url="https://api.deepseek.com",
    accepts=_EVERYTHING - {"seed"},
    reasoning_efforts=("high", "max"),
    min_cached_prompt_tokens=64,
    pricing_provider="deepseek",
    images=False,
    tools=True,
)
_LOCAL = ModelEntry(
    provider="local",
    model_id=UNNAMED_MODEL,
    key_variable=SERVER_KEY_VARIABLE,
    key_required=False,
    base_url="http://localhost:8000/v1",
    accepts=_EVERYTHING,
    price_override=(0.0, 0.0),  # Your own server sends no bill.
)
_GPT = replace(
    _OPENAI,
    accepts=frozenset({"max_tokens", "reasoning_effort", "seed"}),
    accepts_without_reasoning=frozenset({"temperature", "top_p"}),
    context_tokens=1_050_000,
    images=True,
    thinking=True,
)
_CLAUDE = replace(_ANTHROPIC, context_tokens=1_000_000, thinking=True)

PROVIDERS: dict[str, ModelEntry] = {
    entry.provider: entry
    for entry in (_OPENAI, _ANTHROPIC, _OPENROUTER, _GOOGLE, _DEEPSEEK, _LOCAL)
}
"""For each provider what is true of its models that CATALOGUE does not list."""

CATALOGUE: Mapping[str, ModelEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            replace(_CLAUDE, name="CLAUDE_FABLE", model_id="claude-fable-5-2"),
            replace(_CLAUDE, name="CLAUDE_OPUS", model_id="claude-opus-5-5"),
            replace(_CLAUDE, name="CLAUDE_SONNET", model_id="claude-sonnet-5-5"),
            replace(_CLAUDE, name="CLAUDE_HAIKU", model_id="claude-haiku-5-5"),
            # genai-prices 0.2.3 does not list the two gpt-6.2 models.
            replace(_GPT, name="GPT", model_id="gpt-6.2-sol", price_override=(2.0, 10.0)),
            replace(_GPT, name="GPT_ASTRA", model_id="gpt-6.2-astra", price_override=(8.0, 40.0)),
            replace(_GPT, name="GPT_TERRA", model_id="gpt-6.1-terra"),
            replace(_GPT, name="GPT_MINI", model_id="gpt-6-luna"),
            replace(_GOOGLE, name="GEMINI_PRO", model_id="gemini-4-argon"),
            replace(_GOOGLE, name="GEMINI_FLASH", model_id="gemini-3.8-flash"),
            replace(_GOOGLE, name="GEMINI_LITE", model_id="gemini-3.5-flash-lite"),
            replace(_DEEPSEEK, name="DEEPSEEK", model_id="deepseek-v4-pro"),
            replace(_DEEPSEEK, name="DEEPSEEK_FLASH", model_id="deepseek-flash"),
            replace(_OPENROUTER, name="QWEN", model_id="qwen/qwen3.8-max"),
            replace(_OPENROUTER, name="GROK", model_id="x-ai/grok-4.7"),
            *(
                replace(_LOCAL, name=f"LOCAL_{n}", base_url=f"http://localhost:{8000 + n}/v1")
                for n in range(4)
            ),
        )
    }
)
