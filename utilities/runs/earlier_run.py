"""A run that is started again (`--from_metadata`): its options, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utilities.errors import UsageError
from utilities.runs.options import SEARCH_OPTIONS, AskingOptions

if TYPE_CHECKING:  # the options of the benchmarks need this module, and --help should be quick
    from utilities.results.result_entry import RunMetadata

_NOT_REPEATED = frozenset({"from_metadata", "quiet", "verbose"})
_COMPARED = ("dataset_hash", "configuration", "git_commit", "sandbox", "seeds", "versions")


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier call of a script: the metadata of its runs, one for each model and dataset."""

    runs: Sequence[RunMetadata]

    def options_to_repeat(self, given: AskingOptions) -> dict[str, Any]:
        """The call's options, without those that cannot stand beside the options `given` now.

        If no model was named then, the one that was found by its key is named here. Options of the
        search are left out if none was made.
        """
        options = dict(self.runs[0].options)
        if options.get("model_identifier") is None:
            options["model_identifier"] = ",".join(
                dict.fromkeys(run.model_name for run in self.runs)
            )
        left_out = set(_NOT_REPEATED)
        if not any("search_budget" in (run.configuration or {}) for run in self.runs):
            left_out.update(SEARCH_OPTIONS)
        if given.reparse:  # it excludes --no_resume, and what is given now counts
            left_out.add("no_resume")
        if given.no_resume:
            left_out.add("reparse")
        return {name: value for name, value in options.items() if name not in left_out}

    def run_of(self, model_identifier: str, dataset: str) -> RunMetadata:
        """The run of the same model and dataset; else one of the same model or dataset, or any."""

        def likeness(run: RunMetadata) -> int:
            is_same_dataset = (run.configuration or {}).get("dataset") == dataset
            return (run.model_identifier == model_identifier) + is_same_dataset

        return max(self.runs, key=likeness)


def find_earlier_run(path: Path, stem: str) -> EarlierRun:
    """The last run of the script `stem` in a results file or snapshot, and the others of its call.

    Raises UsageError if there is none.
    """
    from utilities.results.reader import read_entries
    from utilities.results.result_entry import RunMetadata

    found = [
        entry
        for entry in read_entries(path)
        if isinstance(entry, RunMetadata) and entry.script == stem and entry.options is not None
    ]
    if not found:
        raise UsageError(
            f"--from_metadata {path}: it has no metadata of a {stem} run; give the results file "
            "of one"
        )
    call = found[-1].call
    if call is None:
        return EarlierRun(found[-1:])
    return EarlierRun([run for run in found if (run.call or {}).get("id") == call.get("id")])


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What has changed between the metadata of two runs, a line each.

    Compared are the dataset, the configuration (prompts, model, sampling), options, code and
    versions.
    """
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
    """What is compared, by dotted name: of the options only what the configuration lacks."""
    compared = dict(_flat({key: run.get(key) for key in _COMPARED}))
    left_out = {name.rpartition(".")[2] for name in compared}
    left_out |= _NOT_REPEATED | {"output_directory", "snapshot", "no_resume"}
    options = _flat(run.get("options", {}), "options")
    return compared | {
        name: value for name, value in options if name.rpartition(".")[2] not in left_out
    }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects with their dotted names; a list is a leaf."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, list(value) if isinstance(value, tuple) else value
