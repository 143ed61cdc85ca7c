"""Opens the batch endpoint of a model's provider for a run."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from utilities.command_line.terminal import say
from utilities.errors import UsageError
from utilities.model_catalogue import ModelEntry
from utilities.models.batches.anthropic_batches import AnthropicBatches
from utilities.models.batches.endpoint import PRICE_FACTOR
from utilities.models.batches.exchanges import Calls
from utilities.models.batches.openai_batches import OpenAIBatches
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import RateGate
from utilities.models.pacing.retry import Retrier
from utilities.models.pacing.retry_policy import RetryPolicy
from utilities.replies.batches.admission import Admission
from utilities.replies.batches.queue import BatchQueue
from utilities.replies.batches.slip import Desk

if TYPE_CHECKING:
    from utilities.runs.run import AskingRun

_log = logging.getLogger(__name__)

_PROVIDERS = {"openai": OpenAIBatches, "anthropic": AnthropicBatches}
_CONNECTIONS = 8
_BATCHES_SIDE_BY_SIDE = 2
"""So many full batches are under way at once; their prompts are what fills the memory."""


def in_batches(entry: ModelEntry) -> ModelEntry:
    """The entry at the price of batches; raises UsageError where its provider has no endpoint."""
    if entry.provider not in _PROVIDERS:
        raise UsageError(
            f"--batch: {entry.name} has no batch endpoint known here; leave --batch out, or ask "
            f"a model of {' or '.join(_PROVIDERS)}"
        )
    if entry.other_base_urls:
        raise UsageError("--batch: a batch goes to one server; give --base_url one address")
    return replace(entry, price_factor=PRICE_FACTOR)


@asynccontextmanager
async def open_batches(
    run: AskingRun, entry: ModelEntry, key: str, *, model: str
) -> AsyncIterator[BatchQueue]:
    """The queue of a run, with the batches left open by earlier ones; `model` is `provider:id`."""
    options, policy = run.options, RetryPolicy()
    endpoints = Endpoints([Endpoint(entry.base_url, RateGate(_CONNECTIONS))])
    retrier = Retrier(entry.name, entry.request_timeout_s, policy, endpoints=endpoints)
    kind = OpenAIBatches if entry.provider == "openai" else AnthropicBatches
    async with kind(entry, key, max_connections=_CONNECTIONS, retrier=retrier) as provider:
        desk = Desk(
            provider=provider,
            calls=Calls(entry.name, entry.request_timeout_s, policy, run.stopping),
            journal=run.store.journal,
            announce=partial(_announce, quiet=options.quiet),
            model=model,
            base_url=entry.base_url,
            poll_s=options.batch_poll_s,
        )
        admission = Admission(
            _BATCHES_SIDE_BY_SIDE * options.batch_size,
            options.best_of,
            at_least=options.max_concurrent_tasks,
        )
        async with BatchQueue(
            desk,
            admission,
            batch_size=options.batch_size,
            budget=run.budget,
            stopping=run.stopping,
        ) as queue:
            yield queue


def _announce(line: str, *, quiet: bool) -> None:
    _log.info(line)
    if not quiet:
        say(line)
