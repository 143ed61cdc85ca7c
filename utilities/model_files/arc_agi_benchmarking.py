"""The models.yml of arcprize/arc-agi-benchmarking, in the terms of a `models.toml`.

There a model has `name`, `model_name`, `provider`, `pricing` and `api_key_env`; `api_type`,
`base_url`, `rate_limit` and `kwargs` may follow, and whatever else stands there is sent as it is.
Read from its schemas.py and its adapters (September 2026).
"""

import difflib
from collections.abc import Mapping
from typing import Any, TypeAlias

from utilities.errors import UsageError
from utilities.model_catalogue import APIS

Table: TypeAlias = dict[str, Any]

_BUILT_IN = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "openrouter": "openrouter",
    "deepseek": "deepseek",
}
"""What its providers are called here."""
_SERVERS = {
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "grok": "https://api.x.ai/v1",
    "xai": "https://api.x.ai/v1",
    "groq": "https://api.groq.com/openai/v1",
    "dashscope": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "mulerouter": "https://api.mulerouter.ai/vendors/openai/v1",
    "huggingfacefireworks": "https://router.huggingface.co/v1",
}
"""Where those are asked that this toolkit does not know; all speak chat completions."""
_UNSUPPORTED = {
    "random": "it guesses at random and asks no model",
    "claudeagentsdk": "it is an agent's command line (Claude Agent SDK), not a model's API",
    "codexcli": "it is an agent's command line (Codex), not a model's API",
}
_APIS = {"chat_completions": "chat", "responses": "responses"}
_ONE_API = {"anthropic": "messages"}
"""What those speak whose models have no `api_type`."""
_REQUIRED = ("name", "model_name", "provider", "pricing")
_KNOWN = (*_REQUIRED, "api_type", "base_url", "api_key_env", "rate_limit", "kwargs")
# How a reply comes is set here; no tools are offered, so none is called.
_LEFT_OUT = frozenset({"stream", "background", "batch", "automatic_function_calling"})
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_SENT = ("temperature", "top_p", "seed", "reasoning_effort")


def read_tables(text: str) -> dict[str, Table | str]:
    """Each model's table as a `models.toml` would have it, or why it cannot be asked here.

    Raises UsageError if the text is no such file.
    """
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"it is no YAML: {' '.join(str(error).split())}") from error
    rows = document.get("models") if isinstance(document, Mapping) else None
    if not isinstance(rows, list):
        raise UsageError("it has no list `models`, as arc-agi-benchmarking's models.yml has")
    tables: dict[str, Table | str] = {}
    for number, row in enumerate(rows, start=1):
        name = row.get("name") if isinstance(row, Mapping) else None
        if not isinstance(name, str):
            raise UsageError(f"model {number} has no name")
        if name in tables:
            raise UsageError(f"two models are named {name!r}")
        tables[name] = _table_of(name, row)
    return tables


def _table_of(name: str, row: Mapping[str, Any]) -> Table | str:
    for key in _REQUIRED:
        if key not in row:
            near = difflib.get_close_matches(key, map(str, row), n=1)
            hint = f"; is {near[0]} meant for it?" if near else ""
            raise UsageError(f"model {name!r} has no {key}{hint}")
    for key in ("provider", "api_type", "base_url", "api_key_env"):
        if not isinstance(row.get(key, ""), str):
            raise UsageError(f"model {name!r}: its {key} is no text")
    provider = row["provider"]
    if reason := _UNSUPPORTED.get(provider):
        return reason
    api_type = row.get("api_type", "chat_completions")
    if api_type not in _APIS:
        return f"its api_type {api_type!r} is none of {', '.join(_APIS)}"
    api = _ONE_API.get(provider, _APIS[api_type])
    if api not in APIS:
        return f"it is asked by the API {api!r}, which this toolkit does not speak"
    if provider not in {*_BUILT_IN, *_SERVERS} and "base_url" not in row:
        return f"its provider {provider!r} is not known here; give it a base_url"
    table = _place(row, api)
    table["model"] = _model(row)
    table["price"] = _price(name, row["pricing"])
    if isinstance(limit := row.get("rate_limit"), Mapping):
        table["limits"] = {"requests_per_minute": _a_minute(name, limit)}
    kwargs = row.get("kwargs")
    more = {key: value for key, value in row.items() if key not in _KNOWN}
    return table | _asked(table, more | (dict(kwargs) if isinstance(kwargs, Mapping) else {}))


def _model(row: Mapping[str, Any]) -> Any:
    """The provider's name for the model; Hugging Face's router is told whom to pass it on to."""
    is_routed = row["provider"] == "huggingfacefireworks"
    return f"{row['model_name']}:fireworks-ai" if is_routed else row["model_name"]


def _place(row: Mapping[str, Any], api: str) -> Table:
    """Where the model is asked, in which API and with which key."""
    table: Table = {"api": api}
    if "api_key_env" in row:
        table["api_key_env"] = row["api_key_env"]
    provider = _BUILT_IN.get(row["provider"])
    if provider is not None:
        table["provider"] = provider
    if url := row.get("base_url") or _SERVERS.get(row["provider"]):
        table["base_url"] = url
    return table


def _price(name: str, pricing: object) -> list[Any]:
    if not isinstance(pricing, Mapping) or not {"input", "output"} <= pricing.keys():
        raise UsageError(f"model {name!r}: its pricing needs input and output")
    return [pricing["input"], pricing["output"]]


def _a_minute(name: str, limit: Mapping[str, Any]) -> int:
    """Requests a minute of `rate` requests in `period` seconds."""
    rate, period = limit.get("rate"), limit.get("period", 60)
    if not isinstance(rate, int | float) or not isinstance(period, int | float) or period <= 0:
        raise UsageError(f"model {name!r}: its rate_limit needs numbers, rate and period")
    return max(1, round(60 * rate / period))


def _asked(place: Table, more: Mapping[str, Any]) -> Table:
    """The parameters under the names that they have here; the rest is sent as it is."""
    asked: Table = {key: more[key] for key in _SENT if key in more}
    rest = {
        key: value
        for key, value in more.items()
        if key not in {*_LEFT_OUT, *_LIMITS, *_SENT, "extra_body", "reasoning", "thinking_config"}
    }
    for key in _LIMITS:
        if key in more:
            asked["max_tokens"] = more[key]
            if "base_url" in place and key != "max_output_tokens":
                asked["max_tokens_parameter"] = key
    if isinstance(extra := more.get("extra_body"), Mapping):
        rest |= extra
    if (reasoning := more.get("reasoning")) is not None:
        effort = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
        asked |= {} if effort is None else {"reasoning_effort": effort}
    if (thinking := more.get("thinking_config")) is not None:
        # Google's server for chat completions takes a field of this name.
        rest["extra_body"] = {"google": {"thinking_config": thinking}}
    return asked | ({"extra_body": rest} if rest else {})
