"""Check a model before a run: ask it a dozen short questions, and say what it can do.

    python auxiliary_utilities/check_model.py GPT_MINI
    python auxiliary_utilities/check_model.py local:qwen3 --base_url http://localhost:8000/v1

It says whether the model answers, streams, counts tokens, returns thinking, takes a system role,
tools, pictures, a seed and a limit on tokens, how long its context is, and whether its price is
known. "wrong" is what no error tells: a chat template that drops the system text, a prompt that is
cut, a reply that does not stop. For a server of your own it prints the table for models.toml.
Nothing is retried or journalled; each request is paid for. The exit code is 1 if something is
wrong, or if no answer comes.
"""

from utilities.command_line.script import EXIT_TASKS_FAILED, run_script

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from utilities import config
from utilities.command_line.options import Options, argument, option, parse_options
from utilities.command_line.signals import run_until_stopped
from utilities.command_line.terminal import say, show
from utilities.command_line.words import json_object, positive_int
from utilities.model_catalogue import CATALOGUE, SERVER_KEY_VARIABLE, ModelEntry
from utilities.model_files.writing import table_of
from utilities.models.checks import ModelCheck


@dataclass(frozen=True, kw_only=True)
class CheckOptions(Options):
    """What the user asked for."""

    model: str = argument("a name as --model_identifier takes it", "NAME")
    models: Path | None = option("your models (default: models.toml, if it is there)", "FILE")
    base_url: str | None = option("ask this server instead of the model's own", "URL")
    extra_body: Mapping[str, Any] | None = option(
        "more fields of each request: '{\"top_k\": 20}'", "JSON", parse=json_object
    )
    max_tokens: int = option("longest reply, thinking included", "N", default=1024)
    timeout_s: float = option("longest wait for a reply", "S", default=120.0)
    long_prompt_tokens: int = option(
        "length of the long prompt, which may not be cut silently",
        "N",
        default=6000,
        parse=partial(positive_int, most=10**6),
    )


async def check(options: CheckOptions) -> int:
    """Ask the questions and print what came of each; returns the exit code."""
    from utilities.models.factory import CLIENTS
    from utilities.models.interface import Sampling, check_sampling

    entry = config.find_model(
        options.model, base_url=options.base_url, models_path=options.models, option="NAME"
    )
    entry = replace(entry, request_timeout_s=options.timeout_s)
    given = {"max_tokens": options.max_tokens, "extra_body": options.extra_body}
    asked = {**entry.asked, **{name: one for name, one in given.items() if one is not None}}
    sampling = Sampling(**{name: one for name, one in asked.items() if name != "system_as_user"})
    check_sampling(entry, sampling)
    key = config.read_key(entry)
    show(f"{entry.name}: {entry.model_id!r} at {entry.base_url} ({entry.api})")
    findings = []
    async with CLIENTS[entry.api](entry, key).opened(1) as client:
        model_check = ModelCheck(client, sampling, options.long_prompt_tokens)
        async for finding in model_check.findings(await described_by_server(entry, key)):
            findings.append(finding)
            show(f"  {finding.about:14} {finding.verdict:8} {finding.said}")
    costs = [cost for cost in model_check.costs if cost is not None]
    unknown = len(model_check.costs) - len(costs)
    known = f"${sum(costs):.4f}" if costs or not unknown else "unknown"
    show(f"  {'cost':14} {known}, {len(model_check.costs)} replies")
    answered = findings[0].verdict != "no"
    if answered and entry.name not in CATALOGUE and entry.key_variable == SERVER_KEY_VARIABLE:
        show("", "For models.toml:", "", *table_of(learnt(entry, model_check, options.extra_body)))
    is_amiss = not answered or any(one.verdict == "wrong" for one in findings)
    return EXIT_TASKS_FAILED if is_amiss else 0


def learnt(
    entry: ModelEntry, model_check: ModelCheck, extra_body: Mapping[str, Any] | None
) -> ModelEntry:
    """The entry with what the answers told of it."""
    asked = {**entry.asked, **({"extra_body": extra_body} if extra_body else {})}
    if model_check.takes.get("system") is False:
        asked["system_as_user"] = True
    no_seed = {"seed"} if model_check.takes.get("seed") is False else set()
    return replace(
        entry,
        asked=asked,
        accepts=entry.accepts - no_seed,
        images=model_check.takes.get("images"),
        tools=model_check.takes.get("tools"),
        context_tokens=model_check.context_tokens,
        max_tokens_parameter=(
            (entry.api == "chat" and model_check.max_tokens_parameter) or entry.max_tokens_parameter
        ),
    )


async def described_by_server(entry: ModelEntry, key: str) -> Mapping[str, Any]:
    """What the server's list of models says of this one; empty if there is no such list."""
    import aiohttp

    headers = {"authorization": f"Bearer {key}", "x-api-key": key, **entry.extra_headers}
    url = f"{entry.base_url.rstrip('/')}{'/v1' if entry.api == 'messages' else ''}/models"
    timeout = aiohttp.ClientTimeout(total=min(20.0, entry.request_timeout_s))
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            document = await response.json(content_type=None)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return {}
    listed = document.get("data") if isinstance(document, dict) else None
    found = [one for one in listed or [] if isinstance(one, dict)]
    mine = [one for one in found if one.get("id") == entry.model_id]
    if not mine and found:
        ids = ", ".join(str(one.get("id")) for one in found[:5])
        say(f"the server's list of models has no {entry.model_id!r}, but {ids}")
    return (mine or (found if len(found) == 1 else []) or [{}])[0]


def main() -> int:
    """Run the script."""
    return run_until_stopped(check(parse_options(CheckOptions, __doc__)))


if __name__ == "__main__":
    sys.exit(run_script(main))
