"""Which agent a run asks, over which model: found and checked before anything is opened."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path

from agents.base import LanguageModelAgent, Library
from agents.catalogue import WITHOUT_A_KEY, AgentKind, agent_named_as_model, find_agent
from agents.prompts.building import PLAIN, Showing
from agents.prompts.directory import check_prompt_directory
from agents.tool_conversation import tools_prompt
from utilities import config
from utilities.errors import UsageError
from utilities.model_catalogue import ModelEntry
from utilities.models.interface import Sampling
from utilities.models.json_fields import joined
from utilities.runs.options import NO_TOOLS, SEARCH_OPTIONS, AskingOptions, ToolOptions
from utilities.views.pictures import Pictures

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
    if (given := options.first_given(SEARCH_OPTIONS)) is not None:
        raise UsageError(f"--{given}: {identifier} is asked, and no search is made; leave it out")
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
    if (given := options.first_given(PROMPT_OPTIONS)) is not None:
        raise UsageError(f"--{given}: {name} has no prompt; name a model as well")
    return ChosenAgent(kind, None)


def _showing(kind: AgentKind, options: AskingOptions, turns: ToolOptions) -> Showing:
    """How the agent shows tasks; raises UsageError if it cannot show them so."""
    made_by, given = kind.made_by, options.first_given(PROMPT_OPTIONS)
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


def check_takes_library(chosen: Sequence[ChosenAgent], library: Library | None) -> None:
    """Raise UsageError if there is a library, and no agent that could show it."""
    if library is not None and not any(one.takes_library for one in chosen):
        name = chosen[0].model_identifier
        raise UsageError(f"--library: {name} has no prompt to show programs in; name a model")


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
