"""List the models that can be asked: price, context, key, and what each takes.

    python auxiliary_utilities/list_models.py
    python auxiliary_utilities/list_models.py claude --models models.yml

Names are those of `--model_identifier`: the catalogue's, and those of `models.toml` in this folder
or of `--models FILE`. A model of a file that cannot be asked stands at the end, with the reason.
Whatever a provider has besides is asked as `provider:model`. Nothing is asked here.
"""

from utilities.command_line.script import run_script

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from utilities import config
from utilities.command_line.options import Options, argument, flag, option, parse_options
from utilities.command_line.terminal import show
from utilities.errors import UsageError
from utilities.model_catalogue import CATALOGUE, PROVIDERS, ModelEntry

_HEAD = ("name", "model", "in", "out", "cached", "context", "key", "takes", "asked at")
_THOUSAND = 1000


@dataclass(frozen=True, kw_only=True)
class ModelListOptions(Options):
    """What the user asked for."""

    words: tuple[str, ...] = argument(
        "only models whose name, or name at the provider, has one of these", "WORD", default=()
    )
    models: Path | None = option("your models (default: models.toml, if it is there)", "FILE")
    ready: bool = flag("only models whose key is set, or that need none")


def main() -> int:
    """Print the table, and what cannot be asked."""
    options = parse_options(ModelListOptions, __doc__, usage="[WORD ...] [options]")
    of_file = config.models_of_file(options.models)
    chosen = [
        entry
        for entry in map(_by_environment, (*CATALOGUE.values(), *of_file.values()))
        if is_meant(entry, options.words) and (not options.ready or is_ready(entry))
    ]
    if not chosen:
        raise UsageError(f"no model is called {' or '.join(options.words) or 'so'}")
    can_be_asked = [entry for entry in chosen if entry.unsupported is None]
    if can_be_asked:
        show(*table_of(map(row_of, can_be_asked)), "prices: USD per million tokens")
    if left := [entry for entry in chosen if entry.unsupported is not None]:
        show("", f"{len(left)} of the file cannot be asked:")
        show(*(f"  {entry.name}: {entry.unsupported}" for entry in left))
    if not options.words and not options.ready:
        show("", f"Any other model: provider:model, with a provider of {', '.join(PROVIDERS)}.")
        show("Without any model and key: PROGRAM_SEARCH.")
    return 0


def _by_environment(entry: ModelEntry) -> ModelEntry:
    """The entry with what the environment says of it: LOCAL_0 has its server there."""
    return config.find_model(entry.name) if entry.name in CATALOGUE else entry


def is_meant(entry: ModelEntry, words: Iterable[str]) -> bool:
    """Whether a model has one of the words in its names, or no word is given."""
    names = f"{entry.name} {entry.model_id} {entry.provider}".casefold()
    return not words or any(word.casefold() in names for word in words)


def is_ready(entry: ModelEntry) -> bool:
    """Whether a model can be asked now."""
    return entry.unsupported is None and (config.has_key(entry) or not entry.key_required)


def row_of(entry: ModelEntry) -> tuple[str, ...]:
    """What is shown of a model, in the order of the table's head."""
    servers = len(entry.other_base_urls)
    return (
        entry.name,
        entry.model_id,
        *prices_of(entry),
        "?" if entry.context_tokens is None else f"{entry.context_tokens:,}",
        key_of(entry),
        takes(entry),
        f"{entry.base_url}{f' and {servers} more' if servers else ''}",
    )


def prices_of(entry: ModelEntry) -> tuple[str, str, str]:
    """What input, output and cached input cost in short prompts; ? if it is unknown."""
    from utilities.models.costs import cost_of
    from utilities.models.interface import Usage

    usages = (
        Usage(input_tokens=_THOUSAND),
        Usage(output_tokens=_THOUSAND),
        Usage(input_tokens=_THOUSAND, cached_input_tokens=_THOUSAND),
    )
    costs = [cost_of(entry, usage) for usage in usages]
    given, told, cached = ["?" if one is None else f"{one * _THOUSAND:.4g}" for one in costs]
    return given, told, cached


def key_of(entry: ModelEntry) -> str:
    """Which variable holds the key, and whether it is set."""
    if entry.key_variable is None:
        return "none"
    state = "set" if config.has_key(entry) else "missing" if entry.key_required else "optional"
    return f"{entry.key_variable} ({state})"


def takes(entry: ModelEntry) -> str:
    """What can be asked of the model; what is not known has a question mark."""
    parts = {"images": entry.images, "tools": entry.tools}
    known = [
        f"{name}{'?' if value is None else ''}"
        for name, value in parts.items()
        if value is not False
    ]
    return " ".join([*sorted(entry.accepts), *known])


def table_of(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The rows below their head, each column as wide as its longest cell."""
    whole = [_HEAD, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(_HEAD))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in whole]


if __name__ == "__main__":
    sys.exit(run_script(main))
