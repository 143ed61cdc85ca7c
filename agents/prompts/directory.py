"""A folder with prompts of the user's own, checked before anything is asked."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from string import Template

from agents.prompts.building import FOLDER, prompt_text
from utilities.errors import UsageError

_ROLES = ("system", "user")


def check_prompt_directory(
    directory: Path, names: Sequence[str], own: Path | None, more: Sequence[str] = ()
) -> None:
    """Raise UsageError unless the folder holds prompts that the agent can use.

    `names` are the agent's prompts, and `own` is the folder of the agent's file, if it is a user's.
    `more` are the stems of other files that are used.
    A user prompt must have the places of the one that it replaces (`$pairs`, …), and no other.
    """
    said = f"--prompt_directory {directory}"
    if not directory.is_dir():
        raise UsageError(f"{said}: there is no such folder")
    used = [f"{name}_{role}" for name in names for role in _ROLES]
    used += more
    known = {*used, *(path.stem for path in FOLDER.glob("*.md"))}
    found = {path.stem for path in directory.glob("*.md") if path.is_file()}
    for stem in sorted(found - known):
        if stem.endswith(tuple(f"_{role}" for role in _ROLES)):
            near = difflib.get_close_matches(stem, known, n=1)
            hint = f"; did you mean {near[0]}.md?" if near else ""
            raise UsageError(f"{said}: no agent has a prompt {stem}.md{hint}")
    if found.isdisjoint(used):
        files = ", ".join(f"{stem}.md" for stem in used)
        raise UsageError(f"{said}: it has none of {files}, which are the agent's prompts")
    for stem in used:
        if stem in found:
            original = prompt_text(stem, () if own is None else (own,))
            _check(directory / f"{stem}.md", prompt_text(stem, (directory,)), original)


def _check(path: Path, text: str, original: str) -> None:
    places = set(Template(text).get_identifiers())
    if not text:
        raise UsageError(f"the prompt {path} is empty")
    if path.stem.endswith("_system"):
        if misplaced := places & {"pairs", "test_inputs", "feedback"}:
            raise UsageError(
                f"the prompt {path} has ${min(misplaced)}, but a system prompt gets no grids; "
                "put it into the user prompt"
            )
        return
    needed = set(Template(original).get_identifiers())
    known = needed | {"test_inputs"}
    if unknown := places - known:
        near = difflib.get_close_matches(min(unknown), known, n=1)
        hint = f"did you mean ${near[0]}?" if near else "write $$ for a dollar sign"
        raise UsageError(f"the prompt {path} has the unknown place ${min(unknown)}; {hint}")
    if missing := needed - places:
        raise UsageError(f"the prompt {path} lacks ${min(missing)}; the prompt it replaces has it")
