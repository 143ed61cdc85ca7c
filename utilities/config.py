"""Which model, with which key; the limits and the paths; the only reader of the environment.

A model is asked for by a catalogue name (`CLAUDE_OPUS`) or as `provider:model`
(`openrouter:openai/gpt-6.1-sol`, `local:llama3:8b --base_url http://localhost:11434/v1`), or by a
name in a file of the user's own (`utilities/model_files`). Keys are variables of the environment
or of a `.env` file in this folder or one above it; that file's values are handed to the client that
needs them and never enter the environment of child processes.
"""

import difflib
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from utilities.errors import UsageError
from utilities.model_catalogue import (
    CATALOGUE,
    PROVIDERS,
    SERVER_KEY_VARIABLE,
    ModelEntry,
    api_elsewhere,
    hides_a_secret,
    server_host,
    server_url,
)

REPOSITORY = Path(__file__).resolve().parent.parent
DATA_DIRECTORY = REPOSITORY / "data"
DATASET_PATH = DATA_DIRECTORY / "dataset.json"
TRACES_STORE_PATH = DATA_DIRECTORY / "traces_store.json"
SYNTHETIC_DATA_DIRECTORY = REPOSITORY / "synthetic_data_generators" / "synthetic_data"
REASONING_DATA_DIRECTORY = SYNTHETIC_DATA_DIRECTORY / "reasoning_data"
CODE_DATA_DIRECTORY = SYNTHETIC_DATA_DIRECTORY / "code_data"
TASK_DATA_DIRECTORY = SYNTHETIC_DATA_DIRECTORY / "task_data"
BENCHMARK_RESULTS_DIRECTORY = REPOSITORY / "benchmark" / "benchmark_results"
CODE_BENCHMARK_DIRECTORY = BENCHMARK_RESULTS_DIRECTORY / "code_benchmark"
CHOSEN_AGAIN_DIRECTORY = BENCHMARK_RESULTS_DIRECTORY / "chosen_again"
DIRECT_BENCHMARK_DIRECTORY = BENCHMARK_RESULTS_DIRECTORY / "direct_benchmark"
MODELS_FILE = "models.toml"
"""Models of the user's own, looked for in the working folder."""

DEFAULT_MAX_CONCURRENT_TASKS = 5
DEFAULT_SAVE_INTERVAL = 10
DEFAULT_MAX_SILENCE_S = 300.0
"""A run ends when no server has answered for so long."""
DEFAULT_BATCH_SIZE = 10_000
"""Requests; the providers take more, but a file of theirs is then hard to handle."""
DEFAULT_BATCH_POLL_S = 30.0
DEFAULT_SEARCH_BUDGET = 20_000_000
"""Work that the embedded search may spend on a task, in cells touched; 2 to 5 s of processor."""

MAX_RETRY_DELAY_S = 60.0
"""The longest pause before a failed request is asked again."""

LOCAL_KEY = "EMPTY"
"""What a server that checks no key is sent."""

_PREFERENCE = ("CLAUDE_OPUS", "GPT", "GEMINI_PRO", "DEEPSEEK", "GROK")


def find_model(
    identifier: str,
    *,
    base_url: str | None = None,
    other_names: Sequence[str] = (),
    models_path: Path | None = None,
    option: str = "--model_identifier",
) -> ModelEntry:
    """The entry for a catalogue name or `provider:model`, at `base_url` if that is given.

    Errors say which `option` named it.

    The names of a file of models count too: of `models_path`, else of `models.toml` in this folder,
    which is read only if the name is no other.
    `LOCAL_n` takes its model from the variable `LOCAL_n_MODEL` ("default" without it) and, without
    `base_url`, its server from `LOCAL_n_BASE_URL`. Raises UsageError for an unknown name (it lists
    the nearest ones, of `other_names` too), an unknown provider, a `base_url` that is none, a
    file that cannot be used, and a model of it that cannot be asked.
    """
    provider, colon, model_id = identifier.partition(":")
    of_file = {} if models_path is None else models_of_file(models_path)
    if identifier in CATALOGUE:
        entry = CATALOGUE[identifier]
    elif colon and provider in PROVIDERS and model_id:
        entry = _named_by_provider(provider, model_id)
    else:
        of_file = of_file or models_of_file()
        if identifier not in of_file:
            raise UsageError(f"{option} {_unknown(identifier, (*other_names, *of_file))}")
        entry = of_file[identifier]
    if entry.unsupported is not None:
        raise UsageError(f"{option} {identifier}: {entry.unsupported}")
    if entry.name.startswith("LOCAL_"):
        variables = _variables()
        entry = replace(entry, model_id=variables.get(f"{entry.name}_MODEL") or entry.model_id)
        base_url = base_url or variables.get(f"{entry.name}_BASE_URL")
    return at_base_url(entry, base_url) if base_url else entry


def models_of_file(path: Path | None = None) -> dict[str, ModelEntry]:
    """The models of a file, else of `models.toml` in this folder if there is one.

    Raises UsageError if it cannot be used.
    """
    path = path or Path(MODELS_FILE)
    if path == Path(MODELS_FILE) and not path.exists():
        return {}
    from utilities.model_files.models import read_models

    return read_models(path)


def at_base_url(entry: ModelEntry, base_url: str) -> ModelEntry:
    """The entry on another server, or on several (`A,B,C`); elsewhere it loses the vendor's key.

    Raises UsageError if `base_url` has something that is no http address, or mixes the
    vendor's own with others: one key is sent to all of them.
    """
    urls = [url for part in base_url.split(",") if (url := part.strip())]
    first, *others = [_at_one(entry, url) for url in urls or [base_url]]
    if any(other.key_variable != first.key_variable for other in others):
        raise UsageError(f"--base_url {base_url}: the vendor's own server takes another key")
    different = dict.fromkeys(other.base_url for other in others)
    different.pop(first.base_url, None)
    return replace(first, other_base_urls=tuple(different))


def _at_one(entry: ModelEntry, base_url: str) -> ModelEntry:
    url = server_url(base_url, api=entry.api, said_as="--base_url")
    of_vendor = server_host(url) == ("https", server_host(entry.base_url)[1])
    if of_vendor or url == entry.base_url:
        return replace(entry, base_url=url)
    return replace(
        entry,
        base_url=url,
        key_variable=SERVER_KEY_VARIABLE,
        key_required=False,
        extra_headers={},
        api=api_elsewhere(entry),
    )


def read_key(entry: ModelEntry) -> str:
    """The key for this model, or LOCAL_KEY if none is set and none is needed.

    Raises UsageError if one is needed and missing.
    """
    key = _variables().get(entry.key_variable, "").strip() if entry.key_variable else ""
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"{entry.key_variable} holds characters that no key has; set it again")
    if key or not entry.key_required:
        return key or LOCAL_KEY
    raise UsageError(
        f"{entry.name} needs a key: set {entry.key_variable} in the environment or in a .env file "
        f"(see .env.example); --agent program_search needs none"
    )


def has_key(entry: ModelEntry) -> bool:
    """Whether the key for this model is set."""
    return bool(entry.key_variable and _variables().get(entry.key_variable, "").strip())


def read_retry_delay_s() -> float:
    """The pause before a failed request is asked again; it doubles each time.

    It is the variable RETRY_DELAY_S, or 0.5. Raises UsageError if that is no number above 0.
    """
    text = _variables().get("RETRY_DELAY_S", "").strip() or "0.5"
    try:
        delay_s = float(text)
    except ValueError:
        delay_s = 0.0
    if not 0 < delay_s <= MAX_RETRY_DELAY_S:
        raise UsageError(
            f"RETRY_DELAY_S is {text!r}; write a number of seconds above 0, at most "
            f"{MAX_RETRY_DELAY_S:g}"
        )
    return delay_s


def default_model_identifier() -> str | None:
    """The model to ask if none is named; None if no key is set at all.

    It is the first of CLAUDE_OPUS, GPT, GEMINI_PRO, DEEPSEEK and GROK (by OpenRouter) with a key.
    """
    variables = _variables()
    for name in _PREFERENCE:
        if variables.get(CATALOGUE[name].key_variable or "", "").strip():
            return name
    return None


@contextmanager
def keys_hidden() -> Iterator[None]:
    """Keep keys, OPENAI_* and ANTHROPIC_* from an SDK that is being constructed, and from children.

    Both SDKs send some of them (organisation, project, custom headers) to whatever base URL they
    are given. The block must not await: the environment is changed for the whole process.
    """
    kept = child_environment()
    hidden = {name: value for name, value in os.environ.items() if name not in kept}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def child_environment() -> dict[str, str]:
    """The environment for a child process that needs no key: without any."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "ANTHROPIC_")) and not hides_a_secret(name)
    }


def _named_by_provider(provider: str, model_id: str) -> ModelEntry:
    for entry in CATALOGUE.values():
        if (entry.provider, entry.model_id) == (provider, model_id) and provider != "local":
            return entry
    return replace(PROVIDERS[provider], name=f"{provider}:{model_id}", model_id=model_id)


def _unknown(identifier: str, other_names: Sequence[str]) -> str:
    names = [*other_names, *CATALOGUE]
    model_ids = [entry.model_id for entry in CATALOGUE.values()]
    lookup = {name.casefold(): name for name in (*names, *model_ids)}
    near = difflib.get_close_matches(identifier.casefold(), lookup, n=3, cutoff=0.4)
    found = [_name_of(lookup[name]) for name in near]
    hint = (
        f"did you mean {', '.join(dict.fromkeys(found))}?"
        if found
        else f"known: {', '.join(names)}."
    )
    return (
        f"{identifier}: unknown model; {hint} Or write provider:model with a "
        f"provider of {', '.join(PROVIDERS)} (local: with --base_url)"
    )


def _name_of(name: str) -> str:
    """The catalogue name of a provider's model name; a catalogue name is itself."""
    return next((entry.name for entry in CATALOGUE.values() if entry.model_id == name), name)


def _variables() -> Mapping[str, str]:
    """The environment over the nearest `.env` above the working directory."""
    from dotenv import dotenv_values, find_dotenv

    # No interpolation: a key may contain a dollar sign.
    path = find_dotenv(usecwd=True)
    try:
        file = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}; mend it or move it away") from error
    return ChainMap(dict(os.environ), {name: value or "" for name, value in file.items()})
