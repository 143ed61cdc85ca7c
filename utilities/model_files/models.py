"""Models from files: each joins the catalogue under its name.

A TOML file has a table a model; ModelTable says what may stand in one:

    [qwen]
    model = "Qwen/Qwen3-8B"
    base_url = "http://localhost:8000/v1"
    price = { in = 0.0, out = 0.0 }
    extra_body = { top_k = 20 }

A YAML file is read as the models.yml of arc-agi-benchmarking.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec

from utilities.errors import UsageError
from utilities.model_catalogue import (
    APIS,
    CATALOGUE,
    PROVIDERS,
    SERVER_KEY_VARIABLE,
    ModelEntry,
    api_elsewhere,
    hides_a_secret,
    server_host,
    server_url,
)
from utilities.model_files import arc_agi_benchmarking

_Price: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
_LONGEST_NAME = 100
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SET_HERE = frozenset({
    "authorization", "x-api-key", "content-type", "content-length", "host", "accept-encoding",
    "transfer-encoding", "connection",
})  # fmt: skip
"""The headers that are the client's own; a key is given by `api_key_env`."""


class PriceTable(
    msgspec.Struct, forbid_unknown_fields=True, rename={"input": "in", "output": "out"}
):
    """USD per million tokens."""

    input: _Price
    output: _Price
    cached: _Price | None = None


class LimitsTable(msgspec.Struct, forbid_unknown_fields=True):
    """How much may be asked, and how long a reply may be and take."""

    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    max_output_tokens: _Count | None = None
    request_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None
    stall_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None


class ModelTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A model as a file describes it; what it does not say is as for other servers."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    provider: str | None = None
    base_url: str | list[str] | None = None
    api: str | None = None
    api_key_env: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    price: PriceTable | list[_Price] | None = None
    limits: LimitsTable = msgspec.field(default_factory=LimitsTable)
    context: _Count | None = None
    accepts: list[str] | None = None
    reasoning_efforts: list[str] | None = None
    max_tokens_parameter: str | None = None
    streams: bool | None = None
    thinking: bool | None = None
    images: bool | None = None
    tools: bool | None = None
    extra_headers: dict[str, str] = {}
    # What is asked of the model unless the command line says otherwise.
    extra_body: dict[str, Any] | None = None
    system_as_user: bool | None = None
    temperature: float | None = None
    max_tokens: _Count | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None


_PARAMETERS = frozenset({"temperature", "max_tokens", "top_p", "reasoning_effort", "seed"})
_ASKED = (*_PARAMETERS, "extra_body", "system_as_user")


def read_models(path: Path) -> dict[str, ModelEntry]:
    """The models of a file, by name; raises UsageError if anything in it cannot be used.

    Models that a YAML file has and this toolkit cannot ask are among them: `unsupported` says why.
    """
    tables = _tables_of(path)
    found = {}
    for name, table in tables.items():
        try:
            _check_name(name)
            found[name] = _entry_of(name, table)
        except UsageError as error:
            raise UsageError(f"{path}, model {name!r}: {error}") from error
    return found


def _tables_of(path: Path) -> Mapping[str, Mapping[str, Any] | str]:
    """What the file says of each model: its table, or why it cannot be asked."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(f"cannot read the models of {path}: {said}") from error
    if path.suffix.lower() in {".yml", ".yaml"}:
        try:
            return arc_agi_benchmarking.read_tables(text)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no TOML: {error or 'it is nested too deep'}") from error
    for name, table in document.items():
        if not isinstance(table, Mapping):
            raise UsageError(f"{path}: {name!r} is no table; write each model as [NAME]")
    return dict(document)


def _check_name(name: str) -> None:
    if name in CATALOGUE or name in PROVIDERS or name.partition(":")[0] in PROVIDERS:
        raise UsageError("the name is the toolkit's own; choose another")
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise UsageError(f"a name has 1 to {_LONGEST_NAME} characters that can be printed")
    if "," in name:
        raise UsageError("a name has no comma, which separates models on the command line")


def _entry_of(name: str, table: Mapping[str, Any] | str) -> ModelEntry:
    if isinstance(table, str):
        return ModelEntry(
            name=name, provider=name, key_variable=None, base_url="", unsupported=table
        )
    read = _checked(table)
    entry = _placed(name, read)
    asked = {key: value for key in _ASKED if (value := getattr(read, key)) is not None}
    accepts = entry.accepts if read.accepts is None else _accepted(read.accepts)
    limits = {key: value for key in LimitsTable.__struct_fields__
              if (value := getattr(read.limits, key)) is not None}  # fmt: skip
    if read.context is not None:
        most = limits.get("max_output_tokens", entry.max_output_tokens)
        limits |= {"context_tokens": read.context, "max_output_tokens": min(most, read.context)}
    more: dict[str, Any] = {
        "price_override": None if (price := _price(read)) is None else price[:2],
        "cached_price": None if price is None else price[2],
        "reasoning_efforts": read.reasoning_efforts and tuple(read.reasoning_efforts),
        "max_tokens_parameter": read.max_tokens_parameter,
        "streams": read.streams,
        "thinking": read.thinking,
        "images": read.images,
        "tools": read.tools,
    }
    given = {key: value for key, value in more.items() if value is not None}
    return replace(
        entry,
        accepts=accepts | (asked.keys() & _PARAMETERS),
        asked=asked,
        extra_headers=read.extra_headers,
        **limits,
        **given,
    )


def _checked(table: Mapping[str, Any]) -> ModelTable:
    """The table with its types; raises UsageError for a key or a value that it may not have."""
    _check_keys(ModelTable, table)
    for key, kind in (("price", PriceTable), ("limits", LimitsTable)):
        if isinstance(inner := table.get(key), Mapping):
            _check_keys(kind, inner, f"{key}.")
    try:
        read = msgspec.convert(table, ModelTable)
    except msgspec.ValidationError as error:
        raise UsageError(_plain(str(error))) from error
    _check_extras(read)
    return read


def _check_keys(kind: type[msgspec.Struct], table: Mapping[str, Any], inside: str = "") -> None:
    known = kind.__struct_encode_fields__
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise UsageError(f"unknown key {inside}{key}; {hint}")


def _plain(error: str) -> str:
    """Such as "context: Expected `int`, got `str`"."""
    said, _, place = error.partition(" - at `$.")
    return f"{place.rstrip('`')}: {said}" if place else said


def _check_extras(read: ModelTable) -> None:
    """Raise UsageError for further fields or headers that cannot be sent."""
    try:
        json.dumps(read.extra_body, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"extra_body: it cannot be sent as JSON ({error})") from error
    for header, value in read.extra_headers.items():
        if not _HEADER.fullmatch(header) or not value.isascii() or not value.isprintable():
            raise UsageError(f"extra_headers: {header!r} or its value is no HTTP header")
        if header.lower() in _SET_HERE:
            raise UsageError(f"extra_headers: {header} is set here; name a key by api_key_env")


def _price(read: ModelTable) -> tuple[float, float, float | None] | None:
    if isinstance(read.price, PriceTable):
        return read.price.input, read.price.output, read.price.cached
    if read.price is None:
        return None
    if len(read.price) not in {2, 3}:
        raise UsageError("price: write { in = 0.5, out = 2.0, cached = 0.1 }, USD a million tokens")
    return read.price[0], read.price[1], read.price[2] if len(read.price) == 3 else None


def _accepted(names: list[str]) -> frozenset[str]:
    for name in names:
        if name not in _PARAMETERS:
            raise UsageError(f"accepts: {name!r} is none of {', '.join(sorted(_PARAMETERS))}")
    return frozenset(names)


def _placed(name: str, read: ModelTable) -> ModelEntry:
    """The entry with its provider, API, servers and key."""
    urls = [read.base_url] if isinstance(read.base_url, str) else read.base_url
    if read.provider is not None and read.provider not in PROVIDERS:
        raise UsageError(
            f"provider: {read.provider!r} is none of {', '.join(PROVIDERS)}; give base_url instead"
        )
    if read.api is not None and read.api not in APIS:
        raise UsageError(f"api: {read.api!r} is none of {', '.join(APIS)}")
    if read.provider is not None and urls is None:
        entry = PROVIDERS[read.provider]
        entry = replace(
            entry,
            name=name,
            model_id=read.model,
            api=read.api or entry.api,
            key_variable=read.api_key_env or entry.key_variable,
            key_required=entry.key_required or read.api_key_env is not None,
        )
    elif not urls:
        raise UsageError("base_url: it is missing; say where the model is asked")
    else:
        # A vendor's batches and prices are those of its own servers only.
        entry = ModelEntry(
            name=name,
            provider=name,
            model_id=read.model,
            api=read.api or (api_elsewhere(PROVIDERS[read.provider]) if read.provider else "chat"),
            key_variable=read.api_key_env or SERVER_KEY_VARIABLE,
            key_required=read.api_key_env is not None,
            base_url=urls[0],
            accepts=_PARAMETERS,
        )
        first, *others = [server_url(url, api=entry.api, said_as="base_url") for url in urls]
        different = tuple(url for url in dict.fromkeys(others) if url != first)
        entry = replace(entry, base_url=first, other_base_urls=different)
    _check_key(entry)
    return entry


def _check_key(entry: ModelEntry) -> None:
    """Raise UsageError if a vendor's key would be sent to another host, or leak to programs."""
    variable = entry.key_variable
    if variable is None:
        return
    if not hides_a_secret(variable):
        raise UsageError(
            f"api_key_env: {variable} must have KEY, TOKEN, SECRET or PASSWORD among its words, "
            "so that it is known for a secret"
        )
    vendors = [
        one for one in PROVIDERS.values() if one.key_variable == variable != SERVER_KEY_VARIABLE
    ]
    for url in (entry.base_url, *entry.other_base_urls):
        if vendors and server_host(url) not in {server_host(one.base_url) for one in vendors}:
            raise UsageError(
                f"api_key_env: {variable} is sent to its vendor only, and not to {url}; give this "
                "server's key another name"
            )
