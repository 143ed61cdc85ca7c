"""Opens the batch endpoint of a model's provider for a run."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from utilities.command_line.terminal import say
from utilities.config import read_retry_delay_s
from utilities.errors import UsageError
from utilities.model_catalogue import ModelEntry
from utilities.models.batches.anthropic_batches import AnthropicBatches
from utilities.models.batches.endpoint import PRICE_FACTOR, Exchanges
from utilities.models.batches.openai_batches import OpenAIBatches
from utilities.models.pacing.retry import RetryPolicy
from utilities.replies.batches.queue import Admission, BatchQueue
from utilities.replies.batches.service import BatchService
from utilities.replies.budget import Budget
from utilities.replies.journal import Journal

_log = logging.getLogger(__name__)

_ENDPOINTS: Mapping[str, type[OpenAIBatches | AnthropicBatches]] = {
    "openai": OpenAIBatches,
    "anthropic": AnthropicBatches,
}
"""The batch endpoint of each provider that has one."""
_BATCHES_SIDE_BY_SIDE = 2
"""Full batches under way at once; their prompts are held in memory."""


def in_batches(entry: ModelEntry) -> ModelEntry:
    """The entry at the price of batches; raises UsageError if its provider has no batches."""
    if entry.provider not in _ENDPOINTS:
        raise UsageError(
            f"--batch: {entry.name} has no batch endpoint known here; leave --batch out, or ask "
            f"a model of {' or '.join(_ENDPOINTS)}"
        )
    if entry.other_base_urls:
        raise UsageError("--batch: a batch goes to one server; give --base_url one address")
    api = "chat" if entry.api == "responses" else entry.api  # a batch of OpenAI's asks so
    return replace(entry, price_factor=PRICE_FACTOR, api=api)


@asynccontextmanager
async def open_batches(
    entry: ModelEntry,
    key: str,
    *,
    model: str,
    journal: Journal,
    budget: Budget,
    stopping: asyncio.Event,
    batch_size: int,
    poll_s: float,
    best_of: int,
    max_concurrent_tasks: int,
    quiet: bool,
) -> AsyncIterator[BatchQueue]:
    """The queue of a run, with the batches left open by earlier ones; `model` is `provider:id`.

    A batch has at most `batch_size` requests, and is first asked about after `poll_s` seconds.
    If `quiet`, progress goes into the log only.
    """
    admission = Admission(
        _BATCHES_SIDE_BY_SIDE * batch_size, best_of, at_least=max_concurrent_tasks
    )
    policy = RetryPolicy(first_delay_s=read_retry_delay_s())
    async with _ENDPOINTS[entry.provider].opened(entry, key) as endpoint:
        service = BatchService(
            endpoint=endpoint,
            exchanges=Exchanges(entry.name, entry.request_timeout_s, policy, stopping),
            journal=journal,
            announce=partial(_announce, quiet=quiet),
            model=model,
            base_url=entry.base_url,
            poll_s=poll_s,
        )
        queue = BatchQueue(
            service, admission, batch_size=batch_size, budget=budget, stopping=stopping
        )
        async with queue.opened():
            yield queue


def _announce(line: str, *, quiet: bool) -> None:
    _log.info(line)
    if not quiet:
        say(line)
