"""ARC Prize's community leaderboard: a `submission.yaml` with the scores of runs, and its rules.

The rules are those that github.com/arcprize/ARC-AGI-Community-Leaderboard states and its checks
apply (CONTRIBUTING.md, .github/scripts/validate_submission.py), apart from looking links up.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.atomic import write_atomically
from utilities.files.json_files import reported_reading
from utilities.scoring.outcomes import ATTEMPTS
from utilities.scoring.scored_run import ScoredRun
from utilities.tasks.hashes import task_hash
from utilities.tasks.public_sets import read_part
from utilities.tasks.task import Task

BENCHMARKS = {"arc1_evaluation": "arc-agi-1", "arc2_evaluation": "arc-agi-2"}
_NEEDED = ("name", "authors", "description", "code_url", "versions")
_LINKS = ("url", "twitter", "linkedin", "scholar", "github")
_FOLDER = re.compile(r"[a-z0-9][a-z0-9\-]*[a-z0-9]")
_TEMPLATE: dict[str, Any] = {
    "name": "",
    "authors": [{"name": "", "affiliation": "", "url": ""}],
    "description": "",
    "code_url": "",
    "versions": [],
}


def write_entry(path: Path, runs: Sequence[ScoredRun]) -> list[str]:
    """Add a version with the scores of `runs` to the entry in a file; says what is still to do.

    If there is no file, one is written whose other fields are to be filled in. A version with the
    same scores is not added again. Raises UsageError if a run is none of a whole public evaluation
    set, has more attempts than two, or the file is no such entry.
    """
    import yaml

    entry = _read(path)
    version = _version(runs, len(entry["versions"]) + 1)
    told = [{**one, "version": None} for one in entry["versions"] if isinstance(one, dict)]
    if {**version, "version": None} not in told:
        entry["versions"].append(version)
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100)
    write_atomically(path, text.encode(), option="--leaderboard_entry")
    return list(faults(entry, path.resolve().parent.name))


def _read(path: Path) -> dict[str, Any]:
    import yaml

    with reported_reading(path):
        if not path.exists():
            return {**_TEMPLATE, "versions": []}
        content = path.read_bytes()
    try:
        entry = yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"--leaderboard_entry {path}: it is no YAML: {reason}") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("versions") or [], list):
        raise UsageError(f"--leaderboard_entry {path}: it is no entry with a list of versions")
    return {**entry, "versions": list(entry.get("versions") or [])}


def _version(runs: Sequence[ScoredRun], number: int) -> dict[str, Any]:
    started = max((run.started_at or "" for run in runs), default="")[:10]
    return {
        "version": f"{number}.0",
        "date": started or date.today().isoformat(),  # noqa: DTZ011 - the user's own day
        "changes": "; ".join(dict.fromkeys(run.name for run in runs)),
        "models": [{"name": name} for name in dict.fromkeys(run.model_identifier for run in runs)],
        "scores": [_score(run) for run in runs],
    }


def _score(run: ScoredRun) -> dict[str, Any]:
    """ARC Prize's score in percent, and the cost of the run if all of it is known."""
    if run.attempts > ATTEMPTS:
        raise UsageError(
            f"--leaderboard_entry: {run.name} has {run.attempts} attempts; {ATTEMPTS} are allowed"
        )
    score: dict[str, Any] = {
        "benchmark": BENCHMARKS[_public_set_of(run)],
        "score": round(100 * run.scores().macro, 2),
        "set": "public",
    }
    return score if run.unpriced else {**score, "cost": round(run.known_cost_usd, 2)}


def _public_set_of(run: ScoredRun) -> str:
    """The public evaluation set whose tasks the run has, all of them and no others."""
    hashes = {one.task_hash for one in run.outcomes.values() if not one.missing}
    for name in BENCHMARKS:
        tasks = [Task.from_json(key, content) for key, content in read_part(name).items()]
        missing = {key for key, one in run.outcomes.items() if one.missing}
        left = {task_hash(task) for task in tasks if task.task_id not in missing}
        if len(run.outcomes) == len(tasks) and hashes == left:
            return name
    raise UsageError(
        f"--leaderboard_entry: {run.name}: its {len(run.outcomes)} tasks are not those of "
        f"{' or '.join(BENCHMARKS)}; run the whole set, or name it by --dataset"
    )


def faults(entry: dict[str, Any], folder: str) -> Iterator[str]:
    """What the leaderboard's checks would refuse, a line each; links are not looked up."""
    if not folder.startswith(".") and not _FOLDER.fullmatch(folder):
        yield f"folder {folder}: lowercase letters, digits and hyphens only"
    for name in _NEEDED:
        if entry.get(name) in (None, "", []):
            yield f"{name}: fill it in"
    for name in ("name", "description"):
        if entry.get(name) and not str(entry[name]).strip():
            yield f"{name}: fill it in"
    for name in ("code_url", "paper_url", "twitter_url"):
        if entry.get(name) and not str(entry[name]).startswith("http"):
            yield f"{name}: give an address that begins with http"
    authors = entry.get("authors")
    for place, author in enumerate(authors if isinstance(authors, list) else []):
        yield from _faults_of_author(author, f"authors[{place}]")
    for place, version in enumerate(entry.get("versions") or []):
        yield from _faults_of_version(version, f"versions[{place}]")


def _faults_of_author(author: Any, place: str) -> Iterator[str]:
    if not isinstance(author, dict) or not author.get("name"):
        yield f"{place}.name: fill it in"
        return
    links = {key: author[key] for key in _LINKS if str(author.get(key) or "").strip()}
    if not links:
        yield f"{place}: give one of {', '.join(_LINKS)}"
    for key, link in links.items():
        if not str(link).startswith("http"):
            yield f"{place}.{key}: give an address that begins with http"


def _faults_of_version(version: Any, place: str) -> Iterator[str]:
    if not isinstance(version, dict):
        yield f"{place}: it is no object"
        return
    for name in ("version", "date", "models", "scores"):
        if version.get(name) in (None, "", []):
            yield f"{place}.{name}: fill it in"
    for number, told in enumerate(version.get("scores") or []):
        score = told.get("score") if isinstance(told, dict) else None
        is_three = isinstance(told, dict) and told.get("benchmark") == "arc-agi-3"
        if not is_three and not (isinstance(score, int | float) and 0 <= score <= 100):
            yield f"{place}.scores[{number}].score: give a number from 0 to 100"
