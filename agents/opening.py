"""Which agent a run asks: one over a language model, or the embedded program search."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from agents.base import Agent
from agents.language_model_agent import LanguageModelAgent
from utilities import config
from utilities.errors import UsageError
from utilities.model_catalogue import UNNAMED_MODEL, ModelEntry
from utilities.models.interface import Message, ModelClient, Sampling
from utilities.replies.asked_model import AskedModel, WorstCase
from utilities.replies.request_plan import Prices
from utilities.runs.options import AskingOptions
from utilities.runs.run import AskingRun

if TYPE_CHECKING:
    from utilities.replies.batches.queue import BatchQueue

_TOKENS_AROUND_A_MESSAGE = 16


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """What the user's options come to; `entry` is None for the embedded agent."""

    entry: ModelEntry | None
    key: str
    sampling: Sampling

    @property
    def keys(self) -> tuple[str, ...]:
        """The secrets that no log line may show."""
        return (self.key,) if self.entry is not None else ()


def choose_model(options: AskingOptions) -> ChosenModel:
    """Find the model, its key and its sampling, before anything is opened or asked.

    Raises UsageError for an unknown model, a missing key, a parameter that the model does not
    take, and a cap on costs where the price is unknown.
    """
    sampling = Sampling(**{field.name: getattr(options, field.name) for field in fields(Sampling)})
    identifier = options.model_identifier
    if identifier is None:
        identifier = "LOCAL_0" if options.base_url else config.default_model_identifier()
    if identifier == config.PROGRAM_SEARCH:
        if options.base_url is not None:
            raise UsageError("--base_url: PROGRAM_SEARCH asks no server; name a model as well")
        if options.batch:
            raise UsageError("--batch: PROGRAM_SEARCH asks no provider; name a model as well")
        return ChosenModel(None, "", sampling)
    from utilities.models import costs
    from utilities.models.interface import check_sampling
    from utilities.replies.batches.opening import in_batches

    entry = config.find_model(identifier, base_url=options.base_url)
    if options.price is not None:
        entry = replace(entry, price_override=options.price)
    if options.request_timeout_s is not None:
        entry = replace(entry, request_timeout_s=options.request_timeout_s)
    if options.batch:
        entry = in_batches(entry)
    check_sampling(entry, sampling)
    key = config.LOCAL_KEY if options.asks_nothing else config.read_key(entry)
    if options.max_cost_usd is not None and costs.price_per_million(entry) is None:
        raise UsageError(
            f"--max_cost_usd: the price of {entry.name} is unknown; give it with --price IN,OUT "
            "(USD per million tokens)"
        )
    return ChosenModel(entry, key, sampling)


@asynccontextmanager
async def open_agent(
    run: AskingRun, chosen: ChosenModel, kind: type[LanguageModelAgent]
) -> AsyncIterator[Agent]:
    """The agent of this run: `kind` over the chosen model, or the embedded one."""
    options = run.options
    if chosen.entry is None:
        from agents.program_search.agent import ProgramSearchAgent

        budget = options.search_budget or config.DEFAULT_SEARCH_BUDGET
        async with ProgramSearchAgent(
            run.replies, best_of=options.best_of, search_budget=budget
        ) as agent:
            yield agent
        return
    worst_case = _worst_case(chosen, options)
    if run.replies.plan is not None:
        run.replies.plan.prices = _prices(chosen, worst_case)
    client = None
    async with AsyncExitStack() as stack:
        if options.batch and not options.asks_nothing:
            run.batches = await stack.enter_async_context(_batches(chosen.entry, chosen.key, run))
        elif not options.asks_nothing:
            client = await stack.enter_async_context(_client(chosen.entry, chosen.key, run))
        model = AskedModel(
            client,
            chosen.sampling,
            run.replies,
            model_identifier=chosen.entry.name,
            model=_name_of(chosen.entry),
            worst_case=worst_case,
            is_free=chosen.entry.price_override == (0.0, 0.0),
            min_cached_prompt_tokens=_worth_caching_from(chosen.entry, options.best_of),
            batches=run.batches,
        )
        yield kind(model)


def _client(
    entry: ModelEntry, key: str, run: AskingRun
) -> AbstractAsyncContextManager[ModelClient]:
    options = run.options
    from utilities.models.factory import open_client
    from utilities.models.pacing.rate_gate import START

    return open_client(
        entry,
        key,
        max_connections=options.max_concurrent_requests
        or options.max_concurrent_tasks * options.best_of,
        # Who names a number has found out what the server bears.
        start=options.max_concurrent_requests or START,
        stopping=run.stopping,
    )


def _batches(
    entry: ModelEntry, key: str, run: AskingRun
) -> AbstractAsyncContextManager[BatchQueue]:
    from utilities.replies.batches.opening import BatchSettings, open_batches

    options = run.options
    settings = BatchSettings(
        batch_size=options.batch_size,
        poll_s=options.batch_poll_s,
        best_of=options.best_of,
        max_concurrent_tasks=options.max_concurrent_tasks,
        quiet=options.quiet,
    )
    return open_batches(
        entry,
        key,
        settings,
        model=_name_of(entry),
        journal=run.store.journal,
        budget=run.budget,
        stopping=run.stopping,
    )


def _prices(chosen: ChosenModel, worst_case: WorstCase | None) -> Prices:
    from utilities.models.costs import cost_of

    entry = chosen.entry
    assert entry is not None, "only a model has a price"
    return Prices(
        model_identifier=entry.name,
        max_tokens=chosen.sampling.max_tokens or entry.max_output_tokens,
        cost_of=lambda usage: cost_of(entry, usage),
        worst_usd_of=None if worst_case is None else worst_case.usd_of,
    )


def _worth_caching_from(entry: ModelEntry, best_of: int) -> int | None:
    """The length in tokens of a prompt that is cached; a task's only sample shares it with none."""
    return entry.min_cached_prompt_tokens if best_of > 1 else None


def _name_of(entry: ModelEntry) -> str:
    """`provider:id`; an unnamed model is known by its servers' addresses only, in any order."""
    name = f"{entry.provider}:{entry.model_id}"
    if entry.model_id != UNNAMED_MODEL:
        return name
    return f"{name}@{','.join(sorted((entry.base_url, *entry.other_base_urls)))}"


def _worst_case(chosen: ChosenModel, options: AskingOptions) -> WorstCase | None:
    """What is sent and what it costs at worst; None where the price is unknown.

    A capped run sends a limit on the tokens, so that no single reply can pass the cap unseen.
    """
    from utilities.models.costs import price_per_million

    assert chosen.entry is not None, "only a model has a price"
    prices = price_per_million(chosen.entry)
    if prices is None:
        return None
    max_tokens = chosen.sampling.max_tokens or chosen.entry.max_output_tokens
    per_input_token, per_output_token = (price / 1e6 for price in prices)

    def worst_usd_of(messages: Sequence[Message]) -> float:
        # No tokeniser makes more tokens than there are bytes.
        size = sum(len(message["content"].encode()) for message in messages)
        tokens = size + _TOKENS_AROUND_A_MESSAGE * len(messages)
        return tokens * per_input_token + max_tokens * per_output_token

    is_capped = options.max_cost_usd is not None
    sent = replace(chosen.sampling, max_tokens=max_tokens) if is_capped else chosen.sampling
    return WorstCase(sent, worst_usd_of)
