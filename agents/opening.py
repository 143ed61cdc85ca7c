"""Which agent a run asks, over which model: chosen by the options, then opened for a run."""

import inspect
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agents.base import Agent, LanguageModelAgent, Library
from agents.catalogue import WITHOUT_A_KEY, AgentKind, agent_named_as_model, find_agent
from agents.prompts.building import PLAIN, Showing
from agents.prompts.directory import check_prompt_directory
from agents.strategies import strategy_of
from agents.strategies.strategy import Judge, no_verdicts
from agents.tool_conversation import ToolConversation, tools_prompt
from agents.viewed_agent import Views, viewed
from utilities import config
from utilities.errors import UsageError
from utilities.model_catalogue import UNNAMED_MODEL, ModelEntry
from utilities.models.content import image_tokens, images_in
from utilities.models.interface import Message, ModelClient, Sampling, sent_text
from utilities.models.json_fields import joined
from utilities.replies.asked_model import AskedModel, WorstCase
from utilities.replies.batches.queue import BatchQueue
from utilities.replies.request_plan import Prices
from utilities.results.entry import entry_of
from utilities.runs.options import NO_TOOLS, AskingOptions, OutputPlace, ToolOptions
from utilities.runs.run import AskingRun, open_run
from utilities.runs.strategy_options import StrategyOptions
from utilities.sandbox.session import Sessions
from utilities.tasks.task import Task
from utilities.verification.verdict import LocalVerifier, VerifierSettings
from utilities.views.pictures import Pictures

_TOKENS_AROUND_A_MESSAGE = 16
_BACKGROUND_TIMEOUT_S = 4 * 3600.0
"""How long a reply in the background is waited for, if the user says nothing else."""
PROMPT_OPTIONS = (
    *("prompt_directory", "grid_format"),
    *("images", "image_cell_size", "image_digits", "images_only"),
)
"""Options for agents that show tasks to a model."""


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model, its key, and how it is asked."""

    entry: ModelEntry
    key: str
    sampling: Sampling

    @property
    def keys(self) -> tuple[str, ...]:
        """The secrets that no log line may show."""
        return (self.key, *self.entry.extra_headers.values())


@dataclass(frozen=True, slots=True)
class ChosenAgent:
    """The agent that the options choose; `model` is None if it asks none."""

    kind: AgentKind
    model: ChosenModel | None
    showing: Showing = PLAIN
    turns: ToolOptions = NO_TOOLS

    @property
    def takes_library(self) -> bool:
        """Whether it has a prompt in which programs of a library can stand."""
        return issubclass(self.kind.made_by, LanguageModelAgent)

    @property
    def model_identifier(self) -> str:
        """What the records call the model, or the agent that asks none."""
        return self.kind.model_identifier if self.model is None else self.model.entry.name

    @property
    def keys(self) -> tuple[str, ...]:
        """The secrets that no log line may show."""
        return () if self.model is None else self.model.keys


@dataclass(frozen=True, slots=True)
class OpenAgent:
    """An agent of a run, and all that its samples depend on apart from the task."""

    agent: Agent
    identity: dict[str, Any]


def choose_agent(
    options: AskingOptions, default: str | AgentKind, turns: ToolOptions = NO_TOOLS
) -> ChosenAgent:
    """Find the agent and its model, key and sampling, before anything is opened or asked.

    `default` names the script's own agent, or is the only one that may be asked. Raises
    UsageError for an unknown agent or model, a missing key, a parameter that the model does not
    take, an option that does not fit the agent, and a cap on costs if the price is unknown.
    """
    is_open = options.agent is None and isinstance(default, str)
    kind = find_agent(options.agent or default) if isinstance(default, str) else default
    identifier = options.model_identifier
    if not kind.needs_model:
        return _without_model(kind, options, turns)
    if identifier is None:
        identifier = "LOCAL_0" if options.base_url else config.default_model_identifier()
    by_itself = agent_named_as_model(identifier)
    if is_open and identifier is None:
        by_itself = find_agent(WITHOUT_A_KEY)
    if by_itself is not None and is_open:
        return _without_model(by_itself, options, turns)
    if identifier is None or by_itself is not None:
        what = "no key is set" if identifier is None else f"{identifier} is none"
        raise UsageError(
            f"{kind.option} {kind.name}: it asks a model, and {what}; name one by "
            "--model_identifier"
        )
    has_tools = turns.tools == "python"
    showing = _showing(kind, options, turns)
    model = choose_model(identifier, options, has_tools=has_tools)
    if options.images is not None and model.entry.images is False:
        raise UsageError(f"--images: {model.entry.name} takes no pictures; leave it out")
    if turns.tools is not None:
        _check_tools(kind, model.entry, options, turns)
    return ChosenAgent(kind, model, showing, turns)


def _check_tools(
    kind: AgentKind, entry: ModelEntry, options: AskingOptions, turns: ToolOptions
) -> None:
    """Raise UsageError if the agent, or its model, cannot call tools as asked."""
    made_by = kind.made_by
    if not issubclass(made_by, LanguageModelAgent) or made_by.answers == "reasoning":
        raise UsageError(
            f"--tools: {kind.option} {kind.name} has no answer that they could lead to; leave it "
            "out"
        )
    if options.batch:
        raise UsageError(
            "--tools: a conversation goes on after each reply, and a batch takes up to a day for "
            "one; leave out --batch"
        )
    if turns.tools == "python" and entry.tools is False:
        raise UsageError(f"--tools python: {entry.name} takes no tools; use --tools python_text")


def _without_model(kind: AgentKind, options: AskingOptions, turns: ToolOptions) -> ChosenAgent:
    """An agent that asks no model; raises UsageError for options that are about one."""
    name = kind.model_identifier
    if options.model_identifier not in (None, name):
        raise UsageError(f"--model_identifier {options.model_identifier}: {name} asks no model")
    if options.base_url is not None:
        raise UsageError(f"--base_url: {name} asks no server; name a model as well")
    if options.batch:
        raise UsageError(f"--batch: {name} asks no provider; name a model as well")
    if turns.tools is not None:
        raise UsageError(f"--tools: {name} asks no model that could call them; name one as well")
    if (given := _given_for_prompts(options)) is not None:
        raise UsageError(f"--{given}: {name} has no prompt; name a model as well")
    return ChosenAgent(kind, None)


def _given_for_prompts(options: AskingOptions) -> str | None:
    """The first option about prompts that is given."""
    defaults = AskingOptions()
    return next(
        (name for name in PROMPT_OPTIONS if getattr(options, name) != getattr(defaults, name)), None
    )


def _showing(kind: AgentKind, options: AskingOptions, turns: ToolOptions) -> Showing:
    """How the agent shows tasks; raises UsageError if it cannot show them so."""
    made_by, given = kind.made_by, _given_for_prompts(options)
    if given is None:
        return PLAIN
    if not issubclass(made_by, LanguageModelAgent):
        raise UsageError(f"--{given}: --agent {kind.name} makes its prompts itself")
    directory = options.prompt_directory
    folders: tuple[Path, ...] = ()
    if directory is not None:
        names = (made_by.prompt_name, *made_by.further_prompts)
        more = () if turns.tools is None else (tools_prompt(turns.tools),)
        check_prompt_directory(directory, names, made_by.prompt_folder, more)
        folders = (directory.resolve(),)
    pictures = None
    if options.images is not None:
        if find_spec("PIL") is None:
            raise UsageError("--images: it needs Pillow; install the requirements again")
        pictures = Pictures(
            options.images, options.image_cell_size, options.image_digits, options.images_only
        )
    return Showing(folders, options.grid_format, pictures)


def choose_model(
    identifier: str,
    options: AskingOptions,
    *,
    has_tools: bool = False,
    option: str = "--model_identifier",
) -> ChosenModel:
    """Find the model that `option` names, its key and its sampling.

    Raises UsageError as `choose_agent` does.
    """
    from utilities.models import costs
    from utilities.models.interface import check_sampling
    from utilities.replies.batches.opening import in_batches

    others = (find_agent(WITHOUT_A_KEY).model_identifier,)
    entry = config.find_model(
        identifier,
        base_url=options.base_url,
        other_names=others,
        models_path=options.models,
        option=option,
    )
    sampling = _sampling(entry, options)
    if options.price is not None:
        entry = replace(entry, price_override=options.price, cached_price=None)
    entry = _asked_as(entry, sampling, options)
    _check_deadline(entry, options)
    if options.batch:
        entry = in_batches(entry)
    check_sampling(entry, sampling, has_tools=has_tools)
    key = config.LOCAL_KEY if options.asks_nothing else config.read_key(entry)
    if options.max_cost_usd is not None and costs.price_per_million(entry) is None:
        raise UsageError(
            f"--max_cost_usd: the price of {entry.name} is unknown; give it with --price IN,OUT "
            "(USD per million tokens)"
        )
    return ChosenModel(entry, key, sampling)


def _check_deadline(entry: ModelEntry, options: AskingOptions) -> None:
    """Raise UsageError if not even the first request could end in time; a batch may go on."""
    if options.deadline is None or options.batch or options.asks_nothing:
        return
    if options.deadline <= entry.request_timeout_s:
        raise UsageError(
            f"--deadline: {options.deadline:.0f} s, and a request may take "
            f"{entry.request_timeout_s:.0f} s; give --request_timeout_s as well"
        )


def _sampling(entry: ModelEntry, options: AskingOptions) -> Sampling:
    """What is asked of the model: by the options, else by the file that it comes from."""
    whole = dict(entry.asked)
    for field in fields(Sampling):
        value = getattr(options, field.name)
        if value is not None and value is not False:  # 0 is a value that was given
            whole[field.name] = value
    if extra_body := joined(entry.asked.get("extra_body") or {}, options.extra_body):
        whole["extra_body"] = extra_body
    return Sampling(**whole)


def _asked_as(entry: ModelEntry, sampling: Sampling, options: AskingOptions) -> ModelEntry:
    """The entry with what the options say of how its replies come."""
    given = {name: getattr(options, name) for name in ("request_timeout_s", "stall_timeout_s")}
    if options.background and options.request_timeout_s is None:
        given["request_timeout_s"] = _BACKGROUND_TIMEOUT_S
    entry = replace(entry, **{name: value for name, value in given.items() if value is not None})
    if options.no_stream:
        entry = replace(entry, streams=False)
    if entry.api == "responses" and sampling.seed is not None:
        entry = replace(entry, api="chat")  # the Responses API takes no seed
    if options.background:
        if entry.api != "responses" or options.batch or entry.other_base_urls:
            raise UsageError(
                f"--background: {entry.name} is not asked by the Responses API of one server; "
                "leave it out, or --seed, --batch and --base_url, or name a model of OpenAI's"
            )
        entry = replace(entry, background=True)
    return entry


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
        run = await stack.enter_async_context(
            open_run(options, place, keys=chosen.keys, shown_options=shown_options)
        )
        opened = await stack.enter_async_context(open_agent(run, chosen, library))
        strategy = strategy_of(spending, options, opened.agent, judge, chosen.model_identifier)
        identity = {**opened.identity, **depends_on}
        if needs_verdicts:
            identity |= strategy.identity()
        if run.replies.plan is not None:
            run.replies.plan.most_later_requests = strategy.most_later_samples

        async def answer(task: Task) -> dict[str, Any]:
            samples = [one async for one in strategy.samples(seen(task))]
            origin = strategy.origin_fields(samples) if needs_verdicts else {}
            return entry_of(task, [one.sample for one in samples], identity, **origin)

        return await run.answer_tasks(answer, identity)


def check_takes_library(chosen: Sequence[ChosenAgent], library: Library | None) -> None:
    """Raise UsageError if there is a library, and no agent that could show it."""
    if library is not None and not any(one.takes_library for one in chosen):
        name = chosen[0].model_identifier
        raise UsageError(f"--library: {name} has no prompt to show programs in; name a model")


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
    from utilities.models.costs import cost_of
    from utilities.models.factory import body_reader

    options, entry, client, batches = options or run.options, chosen.entry, None, None
    if run.budget.deadline is not None and not options.batch:
        run.budget.deadline.longest_s = entry.request_timeout_s
    worst_case = _worst_case(chosen, options)
    if run.replies.plan is not None and run.replies.plan.prices is None:
        run.replies.plan.prices = Prices(
            model_identifier=entry.name,
            max_tokens=chosen.sampling.max_tokens or entry.max_output_tokens,
            cost_of=partial(cost_of, entry),
            image_tokens=partial(image_tokens, entry),
            worst_usd_of=None if worst_case is None else worst_case.usd_of,
        )
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
