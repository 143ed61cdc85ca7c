"""The files in `fixtures/`: copied, run again with the same options, compared.

Only the scripts' command lines and the tests' own servers are used, so that what is tested may
move about. A later version may add fields and write other words; what was paid for, judged and
scored has to come out as it did.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.batch_server import BatchServer
from tests.support.loopback_server import LoopbackServer, status
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries

FIXTURES = Path(__file__).parent / "fixtures"
_MAY_CHANGE = {
    "run_id", "entry_key", "configuration_hash", "execution_duration_s", "execution_message",
}  # fmt: skip
"""Of an entry: hashes of code besides the request's, what is measured, and words."""
_FIGURES = (
    "status", "usage", "cost_usd", "solved_task_ids", "unsolved_task_ids", "unscored_task_ids",
    "failed_task_ids", "scores",
)  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """A run of an asking script: `words` are its options but for the server's address."""

    name: str
    script: str
    words: list[str]
    exit_code: int
    server: str | None
    """openai, anthropic, either with " batches" behind it, an address, or none."""

    @property
    def stem(self) -> str:
        (journal,) = (FIXTURES / self.name).glob("*_partial_results.jsonl")
        return journal.name.removesuffix("_partial_results.jsonl")

    def results(self, folder: Path) -> Path:
        return folder / self.name / f"{self.stem}_results.jsonl"

    def journal(self, folder: Path) -> Path:
        return folder / self.name / f"{self.stem}_partial_results.jsonl"


RUNS = {
    name: Recorded(name, **about)
    for name, about in json.loads((FIXTURES / "runs.json").read_text()).items()
}


class Servers:
    """Servers of which nothing is bought: whoever asks for a reply is told that he may not."""

    def __init__(self, loopback: LoopbackServer, batches: BatchServer) -> None:
        self._loopback, self._batches = loopback, batches

    def address_of(self, run: Recorded) -> list[str]:
        if run.server is None:
            return []
        api, _, by_batch = run.server.partition(" ")
        server = self._batches if by_batch else self._loopback
        urls = {"openai": server.openai_url, "anthropic": server.anthropic_url}
        return ["--base_url", urls.get(api, run.server)]

    def requests(self) -> int:
        """How many have come so far, to either server and of any kind."""
        return len(self._loopback.ledger()) + self._batches.seen.total()


@contextmanager
def servers_that_sell_nothing() -> Iterator[Servers]:
    with LoopbackServer(then=status(401, "not for sale")) as loopback, BatchServer() as batches:
        yield Servers(loopback, batches)


@dataclass(frozen=True)
class Again:
    """What became of a run's second time, and how many requests reached a server."""

    done: subprocess.CompletedProcess[str]
    requests: int


def copied(tmp_path: Path, *, without: Path | None = None) -> Path:
    """All fixtures in a folder where scripts may write, perhaps without one file of them."""
    folder = tmp_path / "files"
    shutil.copytree(FIXTURES, folder)
    if without is not None:
        (folder / without).unlink()
    return folder


def script(folder: Path, name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script to its end in this folder, to which the recorded paths are relative."""
    return ScriptProcess(name, *words, folder=folder).completed()


def again(run: Recorded, folder: Path, servers: Servers, *more: str) -> Again:
    """The same command again, against the servers that sell nothing."""
    before = servers.requests()
    done = script(folder, run.script, *run.words, *servers.address_of(run), *more)
    return Again(done, servers.requests() - before)


def again_at(run: Recorded, folder: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The same command again, against a server that does."""
    return script(folder, run.script, *run.words, "--base_url", url, *more)


def latest_entries(path: Path) -> dict[str, dict[str, Any]]:
    """By task the entry that a run wrote last, without what may change from version to version."""
    return {entry["task_id"]: _settled(entry) for entry in entries(path)}


def _settled(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name not in _MAY_CHANGE}
    # A refinement's prompt describes what programs gave in the run that wrote the entry.
    first = entry.get("refinement_round", []).count(0) or None
    kept["prompt_messages"] = entry["prompt_messages"][:first]
    if entry["model_identifier"] == "PROGRAM_SEARCH":
        del kept["latency_s"]  # another source is another agent, and it searches again
    return kept


def figures(path: Path) -> dict[str, Any]:
    """What the last run's metadata says of all tasks, whatever their order."""
    last = entries(path, "metadata")[-1]
    found = {name: last[name] for name in _FIGURES if name in last}
    found["samples_by_status"] = last["counts"]["samples_by_status"]
    return {name: sorted(it) if isinstance(it, list) else it for name, it in found.items()}


def narrowed(now: Any, recorded: Any) -> Any:
    """What there is now, without fields that the record does not have.

    Intervals are the record's: how they are worked out has changed.
    """
    if not isinstance(now, dict) or not isinstance(recorded, dict):
        return now
    return {
        name: recorded[name] if "interval" in name else narrowed(it, recorded[name])
        for name, it in now.items()
        if name in recorded
    }


def outcomes(run: Recorded, folder: Path) -> tuple[Any, Any]:
    """Every sample, attempt, verdict and figure, of the run as it is now and as recorded."""
    recorded = [latest_entries(run.results(FIXTURES)), figures(run.results(FIXTURES))]
    now = [latest_entries(run.results(folder)), figures(run.results(folder))]
    return [narrowed(*pair) for pair in zip(now, recorded, strict=True)], recorded


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
