"""A run that is started again: its options, and what is no longer as it was."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.results.entry import RunMetadata
from utilities.results.reader import read_entries
from utilities.runs.options import AskingOptions

_NOT_REPEATED = frozenset({"from_metadata", "quiet", "verbose"})
_COMPARED = ("dataset_hash", "configuration", "git_commit", "sandbox", "seeds", "versions")


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The metadata entries of an earlier call of a script, one for each model and dataset."""

    path: Path
    parts: tuple[Mapping[str, Any], ...]

    def options_to_repeat(self, given: AskingOptions) -> dict[str, Any]:
        """Its options, as they stand in its metadata, without those that `given` excludes.

        A model that was chosen by the keys of that day is named.
        """
        options = dict(self.parts[0]["options"])
        if options.get("model_identifier") is None:
            names = dict.fromkeys(part["model_identifier"] for part in self.parts)
            options["model_identifier"] = ",".join(names)
        left_out = set(_NOT_REPEATED)
        if given.reparse:  # the one excludes the other, and what is given now counts
            left_out.add("no_resume")
        if given.no_resume:
            left_out.add("reparse")
        return {name: value for name, value in options.items() if name not in left_out}

    def part_of(self, model_identifier: str, dataset: str) -> Mapping[str, Any]:
        """The metadata of the same model and dataset, or of one of them, or else the first."""

        def likeness(part: Mapping[str, Any]) -> int:
            names = part.get("model_identifier"), part.get("configuration", {}).get("dataset")
            return int(names[0] == model_identifier) + int(names[1] == dataset)

        return max(self.parts, key=likeness)


def find_earlier_run(path: Path, stem: str) -> EarlierRun:
    """The last run of the script `stem` in a results file or snapshot, with the whole of its call.

    Raises UsageError where there is none.
    """
    found = [
        entry.fields
        for entry in read_entries(path)
        if isinstance(entry, RunMetadata) and entry.script == stem and entry.options is not None
    ]
    if not found:
        raise UsageError(f"--from_metadata {path}: no metadata of a {stem} run in it")
    call = found[-1].get("call")
    if call is None:
        return EarlierRun(path, (found[-1],))
    parts = (entry for entry in found if (entry.get("call") or {}).get("id") == call["id"])
    return EarlierRun(path, tuple(parts))


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not as it was then, a line each: dataset, prompts, options, code, versions."""
    was, is_now = (_compared(run) for run in (earlier, now))
    lines = [
        f"{name}: {was.get(name)} then, {is_now.get(name)} now"
        for name in dict.fromkeys((*was, *is_now))
        if was.get(name) != is_now.get(name)
    ]
    changed = [when for when, run in (("then", earlier), ("now", now)) if run.get("git_dirty")]
    if changed:
        lines.append(f"git_dirty: files differ from the commit {' and '.join(changed)}")
    return lines


def _compared(run: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared, by name; of the options those that the configuration does not tell."""
    found = dict(_flat({key: run.get(key) for key in _COMPARED}))
    told = {name.rpartition(".")[2] for name in found}
    told |= _NOT_REPEATED | {"output_directory", "snapshot", "no_resume"}
    options = _flat(run.get("options", {}), "options")
    return found | {name: value for name, value in options if name.rpartition(".")[2] not in told}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects with their dotted names; a list is a leaf."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, list(value) if isinstance(value, tuple) else value
