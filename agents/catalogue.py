"""The agents that `--agent` can name, and those that it takes from a user's own file."""

import hashlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from agents.base import LanguageModelAgent
from agents.code_generating_agent import CodeGeneratingAgent
from agents.language_model_agents import (
    DirectAnswerAgent,
    ReasoningCodeGenerator,
    ReasoningTraceGenerator,
)
from agents.program_search.agent import ProgramSearchAgent
from utilities.errors import UsageError
from utilities.files.hashing import KEY_DIGITS, hash_of

AGENTS: Mapping[str, type] = {
    "reasoning_trace": ReasoningTraceGenerator,
    "reasoning_code": ReasoningCodeGenerator,
    "code_generating": CodeGeneratingAgent,
    "direct_answer": DirectAnswerAgent,
    "program_search": ProgramSearchAgent,
}
WITHOUT_A_KEY = "program_search"
"""The agent of a run that names neither an agent nor a model, if no key is set."""


@dataclass(frozen=True, slots=True)
class AgentKind:
    """An agent's class, and what it says of itself."""

    name: str
    """As `--agent` was given it."""
    made_by: type
    file_hash: str | None = None
    """Of the user's file that it comes from."""
    option: str = "--agent"
    """What names it."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """What it is made with besides its model."""

    @property
    def needs_model(self) -> bool:
        """Whether it is made with a model to ask; if not, it takes no options about models."""
        return bool(getattr(self.made_by, "needs_model", False))

    @property
    def model_identifier(self) -> str:
        """What stands for a model's name in the records of an agent that asks none."""
        return str(getattr(self.made_by, "model_identifier", self.made_by.__name__))

    def full_identity(self, identity: Any, model: Mapping[str, str] | None) -> dict[str, Any]:
        """An agent's own `identity`; for a user's file also its hash, and the names of `model`.

        So the entries of an edited agent are made anew. Raises UsageError if `identity` is
        no dict of JSON values.
        """
        try:
            hash_of(dict(identity))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"--agent {self.name}: identity() must give a dict of JSON values: {error}"
            ) from error
        if self.file_hash is None:
            return dict(identity)
        named = model or {"model_identifier": self.model_identifier, "model": self.model_identifier}
        return {
            "agent": self.made_by.__name__,
            **identity,
            **named,
            "agent_file_hash": self.file_hash,
        }


def find_agent(name: str) -> AgentKind:
    """The agent of a name in AGENTS, or of `FILE.py:CLASS`; raises UsageError if there is none."""
    if name in AGENTS:
        return AgentKind(name, AGENTS[name])
    file, colon, class_name = name.rpartition(":")
    if not colon:
        raise UsageError(
            f"--agent {name}: unknown; write one of {', '.join(AGENTS)}, or FILE.py:CLASS for an "
            "agent of your own"
        )
    return _agent_of_file(name, Path(file), class_name)


def agent_named_as_model(identifier: str | None) -> AgentKind | None:
    """The listed agent that asks no model and has this name in place of a model's."""
    kinds = (AgentKind(name, made_by) for name, made_by in AGENTS.items())
    return next(
        (kind for kind in kinds if not kind.needs_model and kind.model_identifier == identifier),
        None,
    )


def _agent_of_file(name: str, path: Path, class_name: str) -> AgentKind:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--agent {name}: cannot read {path}: {error.strerror}") from error
    module = _executed(name, path.resolve(), source)
    made_by = getattr(module, class_name, None)
    if not isinstance(made_by, type):
        own = [
            one.__name__
            for one in vars(module).values()
            if isinstance(one, type) and one.__module__ == module.__name__
        ]
        has = f"it has {', '.join(own)}" if own else "it has none"
        raise UsageError(f"--agent {name}: {path} has no class {class_name!r}; {has}")
    _check_class(name, made_by)
    if issubclass(made_by, LanguageModelAgent):
        made_by.prompt_folder = path.resolve().parent
    return AgentKind(name, made_by, hashlib.sha256(source).hexdigest()[:KEY_DIGITS])


def _executed(name: str, path: Path, source: bytes) -> ModuleType:
    """The module that a user's file makes; its hash and its code are of the same bytes."""
    module = ModuleType(f"agent_of_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - the user's own program
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else next(reversed(lines), None)
        raise UsageError(
            f"--agent {name}: {path}, line {line}: {type(error).__name__}: {said}"
        ) from error
    return module


def _check_class(name: str, made_by: type) -> None:
    """Raise UsageError if the class lacks what the protocol of agents demands."""
    if not inspect.iscoroutinefunction(getattr(made_by, "sample", None)):
        raise UsageError(
            f"--agent {name}: {made_by.__name__} needs `async def sample(self, task, index)`, "
            "which returns a Sample"
        )
    if not callable(getattr(made_by, "identity", None)):
        raise UsageError(
            f"--agent {name}: {made_by.__name__} needs `def identity(self)`, which returns a dict"
        )
    if issubclass(made_by, LanguageModelAgent) and not hasattr(made_by, "prompt_name"):
        raise UsageError(
            f'--agent {name}: {made_by.__name__} needs `prompt_name = "NAME"`, and the files '
            "NAME_system.md and NAME_user.md beside it"
        )
