"""The chosen agent and its model, opened for a run."""

import inspect
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from agents.agent_choice import ChosenAgent, ChosenModel, check_takes_library, choose_agent
from agents.base import Agent, LanguageModelAgent, Library
from agents.catalogue import AgentKind
from agents.prompts.building import PLAIN
from agents.strategies import strategy_of
from agents.strategies.strategy import Judge, Strategy, no_verdicts
from agents.tool_conversation import ToolConversation
from agents.viewed_agent import Views, viewed
from utilities import config
from utilities.errors import UsageError
from utilities.model_catalogue import UNNAMED_MODEL, ModelEntry
from utilities.models.content import image_tokens, images_in
from utilities.models.interface import Message, ModelClient, sent_text
from utilities.replies.asked_model import AskedModel, WorstCase
from utilities.replies.batches.queue import BatchQueue
from utilities.replies.request_plan import Prices
from utilities.results.entry import entry_of
from utilities.runs.options import NO_TOOLS, AskingOptions, OutputPlace, ToolOptions
from utilities.runs.run import AskingRun, open_run
from utilities.runs.strategy_options import StrategyOptions
from utilities.sandbox.session import Sessions
from utilities.tasks.task import Task
from utilities.verification.verifier import LocalVerifier, VerifierSettings

_TOKENS_AROUND_A_MESSAGE = 16


@dataclass(frozen=True, slots=True)
class OpenAgent:
    """An agent of a run, and all that its samples depend on apart from the task."""

    agent: Agent
    identity: dict[str, Any]


@asynccontextmanager
async def open_agent(
    run: AskingRun, chosen: ChosenAgent, library: Library | None = None
) -> AsyncIterator[OpenAgent]:
    """The chosen agent, made for this run, over its model if it asks one.

    Its prompts show programs of the `library`, if it has prompts.
    """
    async with AsyncExitStack() as stack:
        if chosen.model is None:
            run.agent_without_model = chosen.kind.model_identifier
            agent, named = _made(chosen.kind, run, None), None
        else:
            model = await open_model(chosen.model, run, stack, turns=chosen.turns)
            named = {"model_identifier": model.model_identifier, "model": model.model}
            agent = _made(chosen.kind, run, model)
            if chosen.showing != PLAIN:
                agent.shown_by = chosen.showing
            if chosen.turns.tools is not None:
                agent.conversation = await _conversation(agent, chosen.turns, run, stack)
        if library is not None and chosen.takes_library:
            agent.library = library
        if isinstance(agent, AbstractAsyncContextManager):
            await stack.enter_async_context(agent)
        identity = chosen.kind.full_identity(agent.identity(), named)
        if run.options.vary is not None:
            views = Views(run.options.vary, run.options.vary_seed)
            agent, identity = viewed(agent, views), {**identity, **views.identity()}
        yield OpenAgent(agent, identity)


async def ask_for_data(
    options: AskingOptions,
    place: OutputPlace,
    default: str,
    seen: Callable[[Task], Task],
    *,
    depends_on: Mapping[str, Any] = MappingProxyType({}),
    turns: ToolOptions = NO_TOOLS,
    spending: StrategyOptions | None = None,
    shown_options: Mapping[str, Any] | None = None,
    library: Library | None = None,
) -> int:
    """Write an entry of samples for each task; returns the exit code.

    `seen` makes what the agent and the judge of programs see of a task. `depends_on` is what an
    entry depends on apart from the agent. `spending` says how samples are spent, else `best_of` are
    asked for. `shown_options` stand in the metadata in place of `options`. `default` and the
    errors are those of `choose_agent`.
    """
    spending = spending or StrategyOptions()
    chosen = choose_agent(options, default, turns)
    check_takes_library([chosen], library)
    needs_verdicts = spending.name != "best_of" or spending.stops
    async with AsyncExitStack() as stack:
        judge: Judge = no_verdicts
        if needs_verdicts and not options.dry_run:
            judge = (await stack.enter_async_context(LocalVerifier(VerifierSettings()))).judge
        opening = open_run(options, place, keys=chosen.keys, shown_options=shown_options)
        run = await stack.enter_async_context(opening)
        opened = await stack.enter_async_context(open_agent(run, chosen, library))
        strategy = strategy_of(spending, options, opened.agent, judge, chosen.model_identifier)
        identity = {**opened.identity, **depends_on}
        identity |= strategy.identity() if needs_verdicts else {}
        if run.replies.plan is not None:
            run.replies.plan.most_later_requests = strategy.most_later_samples

        answer_task = partial(answer, strategy, seen, identity, has_origin=needs_verdicts)
        return await run.answer_tasks(answer_task, identity)


async def answer(
    strategy: Strategy,
    seen: Callable[[Task], Task],
    identity: Mapping[str, Any],
    task: Task,
    *,
    has_origin: bool,
) -> dict[str, Any]:
    """The entry of a task's samples; `has_origin` if it says what each was made of."""
    samples = [one async for one in strategy.samples(seen(task))]
    origin = strategy.origin_fields(samples) if has_origin else {}
    return entry_of(task, [one.sample for one in samples], identity, **origin)


def _made(kind: AgentKind, run: AskingRun, model: AskedModel | None) -> Any:
    """The agent: of its model, or by `for_run` if its class has that, or of nothing."""
    if model is None and hasattr(kind.made_by, "for_run"):
        return kind.made_by.for_run(run.replies, run.options)
    given = () if model is None else (model,)
    try:
        inspect.signature(kind.made_by).bind(*given, **kind.made_with)
    except TypeError as error:
        what = "a model" if given else "nothing"
        raise UsageError(f"--agent {kind.name}: it must be made of {what}: {error}") from error
    return kind.made_by(*given, **kind.made_with)


async def _conversation(
    agent: LanguageModelAgent, turns: ToolOptions, run: AskingRun, stack: AsyncExitStack
) -> ToolConversation:
    """How the agent's samples take turns; their sessions end with the run."""
    assert turns.tools is not None, "they are asked for"
    if run.replies.plan is not None:
        run.replies.plan.most_turns = turns.max_turns
    sessions = Sessions(most_open=turns.max_sessions, workers=os.cpu_count() or 1)
    if not run.options.asks_nothing:
        await stack.enter_async_context(sessions)
    return ToolConversation(turns.tools, turns.max_turns, sessions, agent.answers, agent.showing)


async def open_model(
    chosen: ChosenModel,
    run: AskingRun,
    stack: AsyncExitStack,
    options: AskingOptions | None = None,
    *,
    turns: ToolOptions = NO_TOOLS,
) -> AskedModel:
    """The model, ready to be asked in a run; `options` count in place of the run's own."""
    from utilities.models.factory import body_reader

    options, entry, client, batches = options or run.options, chosen.entry, None, None
    if run.budget.deadline is not None and not options.batch:
        run.budget.deadline.longest_s = entry.request_timeout_s
    worst_case = _worst_case(chosen, options)
    _price_plan(run, chosen, worst_case)
    if options.batch and not options.asks_nothing:
        run.batches = batches = await stack.enter_async_context(_batches(chosen, run))
    elif not options.asks_nothing:
        client = await stack.enter_async_context(_client(chosen, run, options))
    return AskedModel(
        client,
        chosen.sampling,
        run.replies,
        model_identifier=entry.name,
        model=_name_of(entry),
        worst_case=worst_case,
        is_free=entry.price_override == (0.0, 0.0),
        # A task's only sample shares its prompt with none, unless it goes on in turns.
        min_cached_prompt_tokens=entry.min_cached_prompt_tokens
        if options.best_of > 1 or turns.tools is not None
        else None,
        batches=batches,
        read_body=body_reader(entry, chosen.key),
    )


def _price_plan(run: AskingRun, chosen: ChosenModel, worst_case: WorstCase | None) -> None:
    """Tell a dry run's plan what the model's tokens cost; the first model opened counts."""
    from utilities.models.costs import cost_of

    plan, entry = run.replies.plan, chosen.entry
    if plan is None or plan.prices is not None:
        return
    plan.prices = Prices(
        model_identifier=entry.name,
        max_tokens=chosen.sampling.max_tokens or entry.max_output_tokens,
        cost_of=partial(cost_of, entry),
        image_tokens=partial(image_tokens, entry),
        worst_usd_of=None if worst_case is None else worst_case.usd_of,
    )


def _client(
    chosen: ChosenModel, run: AskingRun, options: AskingOptions
) -> AbstractAsyncContextManager[ModelClient]:
    from utilities.models.factory import open_client
    from utilities.models.pacing.rate_gate import START
    from utilities.models.pacing.retry import RetryPolicy

    return open_client(
        chosen.entry,
        chosen.key,
        max_connections=options.max_concurrent_requests
        or options.max_concurrent_tasks * options.best_of,
        # A user who gives a number knows what the server can take.
        start=options.max_concurrent_requests or START,
        stopping=run.stopping,
        retry=RetryPolicy(
            first_delay_s=config.read_retry_delay_s(), max_silence_s=options.max_silence_s
        ),
    )


def _batches(chosen: ChosenModel, run: AskingRun) -> AbstractAsyncContextManager[BatchQueue]:
    from utilities.replies.batches.opening import open_batches

    options = run.options
    return open_batches(
        chosen.entry,
        chosen.key,
        model=_name_of(chosen.entry),
        journal=run.store.journal,
        budget=run.budget,
        stopping=run.stopping,
        batch_size=options.batch_size,
        poll_s=options.batch_poll_s,
        best_of=options.best_of,
        max_concurrent_tasks=options.max_concurrent_tasks,
        quiet=options.quiet,
    )


def _name_of(entry: ModelEntry) -> str:
    """`provider:id`; an unnamed model is known by its servers' addresses only, in any order."""
    name = f"{entry.provider}:{entry.model_id}"
    if entry.model_id != UNNAMED_MODEL:
        return name
    return f"{name}@{','.join(sorted((entry.base_url, *entry.other_base_urls)))}"


def _worst_case(chosen: ChosenModel, options: AskingOptions) -> WorstCase | None:
    """What is sent and what it costs at worst; None if the price is unknown.

    A capped run sends a limit on the tokens, so that no single reply can pass the cap unseen.
    """
    from utilities.models.costs import price_per_million

    prices = price_per_million(chosen.entry)
    if prices is None:
        return None
    max_tokens = chosen.sampling.max_tokens or chosen.entry.max_output_tokens
    per_input_token, per_output_token = (price / 1e6 for price in prices)

    def worst_usd_of(messages: Sequence[Message]) -> float:
        # No tokeniser makes more tokens than there are bytes.
        contents = [message["content"] for message in messages]
        size = sum(len(sent_text(message).encode("utf-8", "replace")) for message in messages)
        for image in (image for content in contents for image in images_in(content)):
            size += image_tokens(chosen.entry, image["width"], image["height"])
        tokens = size + _TOKENS_AROUND_A_MESSAGE * len(messages)
        return tokens * per_input_token + max_tokens * per_output_token

    is_capped = options.max_cost_usd is not None
    sent = replace(chosen.sampling, max_tokens=max_tokens) if is_capped else chosen.sampling
    return WorstCase(sent, worst_usd_of)
