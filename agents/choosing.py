"""Which agent a run asks: one over a language model, or the embedded program search."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from agents.base import Agent
from agents.language_model_agent import LanguageModelAgent
from utilities import config
from utilities.asking_run import AskingRun
from utilities.cli import AskingOptions
from utilities.config import ModelEntry
from utilities.errors import UsageError
from utilities.model_catalogue import UNNAMED_MODEL
from utilities.model_clients.base import Message, Sampling
from utilities.replies import AskedModel, Bound

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
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    identifier = options.model_identifier
    if identifier is None:
        identifier = "LOCAL_0" if options.base_url else config.default_model_identifier()
    if identifier == config.PROGRAM_SEARCH:
        if options.base_url is not None:
            raise UsageError("--base_url: PROGRAM_SEARCH asks no server; name a model as well")
        if options.batch:
            raise UsageError("--batch: PROGRAM_SEARCH asks no provider; name a model as well")
        return ChosenModel(None, "", sampling)
    from utilities.model_clients import costs
    from utilities.model_clients.batches.opening import in_batches
    from utilities.model_clients.sampling import check_sampling

    entry = config.find_model(identifier, base_url=options.base_url)
    if options.price is not None:
        entry = replace(entry, price_override=options.price)
    if options.request_timeout_s is not None:
        entry = replace(entry, request_timeout_s=options.request_timeout_s)
    if options.batch:
        entry = in_batches(entry)
    check_sampling(entry, sampling)
    key = config.read_key(entry)
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
    from utilities.model_clients.factory import open_client

    client = open_client(
        chosen.entry,
        chosen.key,
        max_connections=options.max_concurrent_tasks * options.best_of,
        stopping=run.stopping,
    )
    async with AsyncExitStack() as stack:
        if options.batch:
            from utilities.model_clients.batches.opening import open_batches

            run.batches = await stack.enter_async_context(
                open_batches(run, chosen.entry, chosen.key, model=_name_of(chosen.entry))
            )
        await stack.enter_async_context(client)
        model = AskedModel(
            client,
            chosen.sampling,
            run.replies,
            model_identifier=chosen.entry.name,
            model=_name_of(chosen.entry),
            bound=_bound(chosen, options),
            is_free=chosen.entry.price_override == (0.0, 0.0),
            batches=run.batches,
        )
        yield kind(model)


def _name_of(entry: ModelEntry) -> str:
    """`provider:id`; a server's unnamed model is known by its address only."""
    name = f"{entry.provider}:{entry.model_id}"
    return f"{name}@{entry.base_url}" if entry.model_id == UNNAMED_MODEL else name


def _bound(chosen: ChosenModel, options: AskingOptions) -> Bound | None:
    """What a capped run sends and reserves, so that no single reply can pass the cap unseen."""
    if options.max_cost_usd is None or chosen.entry is None:
        return None
    from utilities.model_clients.costs import price_per_million

    entry = chosen.entry
    max_tokens = chosen.sampling.max_tokens or entry.max_output_tokens
    prices = price_per_million(entry)
    assert prices is not None, "choose_model refuses a cap without a price"
    per_input_token, per_output_token = (price / 1e6 for price in prices)

    def worst_usd_of(messages: Sequence[Message]) -> float:
        # No tokeniser makes more tokens than there are bytes.
        size = sum(len(message["content"].encode()) for message in messages)
        tokens = size + _TOKENS_AROUND_A_MESSAGE * len(messages)
        return tokens * per_input_token + max_tokens * per_output_token

    return Bound(replace(chosen.sampling, max_tokens=max_tokens), worst_usd_of)
