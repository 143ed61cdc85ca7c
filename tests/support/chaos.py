"""A script's runs against a server that fails in every way, killed and interrupted in between.

`Storm.rage` runs until all is done; the other methods are what the server's ledger, the journal and
the results must show then, each against the other two.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.loopback_server import (
    Behaviour,
    LedgerEntry,
    LoopbackServer,
    body,
    broken_json,
    cut_off,
    dropped,
    empty_choices,
    empty_reply,
    error_in_200,
    html,
    null_choices,
    reply,
    stalled,
    status,
    trickling,
)
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries
from utilities.models.pacing.retry import RetryPolicy

PRICE = (1.0, 10.0)
"""USD per million tokens, in and out."""
KILL, CTRL_C, CTRL_C_TWICE = "kill -9", "Ctrl-C", "Ctrl-C twice"
INTERRUPTIONS = (KILL, KILL, KILL, CTRL_C, CTRL_C_TWICE)
DONE, FAILED, BUDGET_SPENT = 0, 1, 3
INTERRUPTED = {130, -signal.SIGINT}
"""A second signal may also find Python itself ending; shells call both 130."""

FAULTS: tuple[tuple[float, Behaviour], ...] = (
    (0.03, status(429)),
    (0.03, status(429, retry_after="0.1")),
    (0.002, status(429, retry_after="4")),
    (0.01, status(429, retry_after_ms="250")),
    (0.02, status(500)),
    (0.02, status(503, retry_after="+1")),
    (0.02, status(529, error_type="overloaded_error")),
    (0.02, dropped()),
    (0.01, dropped(0.3)),
    (0.01, html()),
    (0.01, html(502)),
    (0.01, error_in_200(502)),
    (0.01, error_in_200("overloaded_error")),
    (0.01, empty_reply()),
    (0.01, empty_choices()),
    (0.01, null_choices()),
    (0.02, cut_off("a reply that ends in the midd" * 20)),
    (0.01, broken_json()),
    (0.01, body('["no", "completion"]')),
    (0.003, stalled()),
    (0.003, trickling()),
)


@dataclass(frozen=True)
class Case:
    """Which script is run, through which SDK, how large, and what comes in between."""

    script: str
    stem: str
    sdk: str
    tasks: int
    samples: int
    interruptions: tuple[str, ...] = INTERRUPTIONS
    cap_share: float = 0.5
    """The cap of each run, as a share of what all replies cost together."""
    tasks_under_way: int = 10
    maker: str = "identity_program"

    def __str__(self) -> str:
        return f"{self.stem}-{self.sdk}"

    @property
    def in_flight(self) -> int:
        return self.tasks_under_way * self.samples

    @property
    def cap_usd(self) -> float:
        whole = reply()
        each = whole.input_tokens * PRICE[0] + whole.output_tokens * PRICE[1]
        return self.cap_share * self.tasks * self.samples * each / 1e6


@dataclass
class Run:
    """One run of the script: when, how it was ended, and its exit code."""

    started: float
    interruption: str | None
    ended: float = 0.0
    code: int = 0


@dataclass
class Storm:
    """A case under way, and what can be read of it when it is over."""

    case: Case
    folder: Path
    dataset: Path
    runs: list[Run] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        return self.folder / f"{self.case.stem}_partial_results.jsonl"

    @property
    def results(self) -> Path:
        return self.folder / f"{self.case.stem}_results.jsonl"

    def rage(self, *, most_runs: int = 20) -> None:
        """Run and interrupt, then run until the script says that all is done."""
        slow = (0.02, reply(maker=self.case.maker, delay_s=1.0))
        calm = reply(maker=self.case.maker, delay_s=0.05)
        to_come = self._interruptions()
        with LoopbackServer(mixture=[*FAULTS, slow], then=calm) as server:
            while not self.runs or self.runs[-1].code != DONE or to_come:
                assert len(self.runs) < most_runs, [run.code for run in self.runs]
                self._run(server, to_come)
            self.ledger = server.ledger()

    def _interruptions(self) -> list[tuple[int, str]]:
        """At how many lines of the journal each interruption comes, in their order."""
        chance, samples = random.Random(str(self.case)), self.case.tasks * self.case.samples
        kinds = chance.sample(self.case.interruptions, len(self.case.interruptions))
        moments = chance.sample(range(samples // 20, samples * 4 // 5), len(kinds))
        return list(zip(sorted(moments), kinds, strict=True))

    def _started(self, server: LoopbackServer) -> ScriptProcess:
        case = self.case
        urls = {"openai": server.openai_url, "anthropic": server.anthropic_url}
        provider = {"openai": "local", "anthropic": "anthropic"}[case.sdk]
        return ScriptProcess(
            case.script,
            *("--model_identifier", f"{provider}:scripted", "--base_url", urls[case.sdk]),
            *("--dataset_directory", self.dataset, "--best_of", str(case.samples)),
            *("--max_concurrent_tasks", str(case.tasks_under_way)),
            *("--request_timeout_s", "4", "--price", ",".join(map(str, PRICE))),
            *("--max_tokens", "400", "--max_cost_usd", str(case.cap_usd)),
            *(("--seed", "1000") if case.sdk == "openai" else ()),
            *("--output_directory", self.folder),
        )

    def _run(self, server: LoopbackServer, to_come: list[tuple[int, str]]) -> None:
        """One run, ended by the next interruption if its moment comes before the run's own end."""
        run = Run(time.time(), None)
        process = self._started(server)
        # Only a run that has begun to ask can be interrupted in its midst.
        moment = max(to_come[0][0], self._journalled() + 1) if to_come else 0
        while process.poll() is None and self._journalled() < moment:
            time.sleep(0.02)
        if process.poll() is None and to_come:
            _, run.interruption = to_come.pop(0)
            _interrupt(process, run.interruption)
        done = process.completed()
        run.ended, run.code = time.time(), done.returncode
        self.runs.append(run)
        assert "Traceback" not in done.stderr, done.stderr
        assert run.code in self._codes(run), done.stderr

    def _codes(self, run: Run) -> set[int]:
        """What the run may end with; a signal may also come too late to matter."""
        by_itself = {DONE, FAILED, BUDGET_SPENT}
        if run.interruption is None:
            return by_itself
        return {-signal.SIGKILL} if run.interruption == KILL else by_itself | INTERRUPTED

    def _journalled(self) -> int:
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0

    @cached_property
    def replies(self) -> list[dict[str, Any]]:
        """The journal's lines with a reply; every line of the file must be whole JSON."""
        return entries(self.journal, "reply")

    @cached_property
    def failures(self) -> list[dict[str, Any]]:
        """The journal's lines of requests without a reply."""
        return entries(self.journal, "failed_request")

    def complete_entries(self) -> dict[str, dict[str, Any]]:
        """The finished entry of each task; there must not be two."""
        found = [entry for entry in entries(self.results) if entry["complete"]]
        assert len({entry["task_id"] for entry in found}) == len(found)
        return {entry["task_id"]: entry for entry in found}

    def asked_for_nothing(self) -> Iterator[LedgerEntry]:
        """Requests that came when every sample that they may have been for was journalled.

        With a seed a request tells which sample it is for; without one, which task.
        """
        journalled = defaultdict(list)
        for line in self.replies:
            at = datetime.fromisoformat(line["received_at"]).timestamp()
            journalled[self._group(line["task_id"], line["sample_index"])].append(at)
        task_ids = {
            entry["prompt_messages"][0][-1]["content"]: task_id
            for task_id, entry in self.complete_entries().items()
        }
        for request in self.ledger:
            task_id = task_ids[request.body["messages"][-1]["content"]]
            moments = journalled[self._group(task_id, request.body.get("seed", 1000) - 1000)]
            if max(moments) < request.received_at:
                yield request

    def _group(self, task_id: str, index: int) -> tuple[str, int]:
        return (task_id, index if self.case.sdk == "openai" else 0)

    def attempts_by_the_journal(self) -> int:
        """The HTTP requests that the journal tells of."""
        failed = [line["failed_attempts"] for line in self.failures]
        failed += [line["reply"]["failed_attempts"] for line in self.replies]
        return len(self.replies) + sum(map(len, failed))

    def attempts_beyond_the_bound(self) -> list[Counter[str]]:
        """The causes of the failed attempts at each request that had too many of them."""
        policy, found = RetryPolicy(), []
        lines = [line["failed_attempts"] for line in self.failures]
        lines += [line["reply"]["failed_attempts"] for line in self.replies]
        for attempts in lines:
            causes = Counter(attempt["cause"] for attempt in attempts)
            limited = causes["rate_limited"]
            if limited > policy.max_rate_limited or len(attempts) - limited > policy.max_attempts:
                found.append(causes)
        return found

    def most_unaccounted(self) -> int:
        """Attempts that no line can tell of: of requests in flight when a run was cut short."""
        policy = RetryPolicy()
        cuts = sum(run.interruption in {KILL, CTRL_C_TWICE} for run in self.runs)
        return cuts * self.case.in_flight * policy.max_attempts

    def bills_usd(self) -> list[float]:
        """What each run cost by the server's ledger, all that was generated for nobody included."""
        bills = []
        for run in self.runs:
            during = [r for r in self.ledger if run.started <= r.received_at <= run.ended]
            bills.append(sum(map(_billed_usd, during)))
        return bills


def _interrupt(process: ScriptProcess, kind: str) -> None:
    if kind == KILL:
        process.send_signal(signal.SIGKILL)
        return
    process.send_signal(signal.SIGINT)
    if kind == CTRL_C_TWICE:
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)


def _billed_usd(request: LedgerEntry) -> float:
    met = request.behaviour
    if met is None or met["kind"] != "reply" or met["error"]:
        return 0.0
    return (met["input_tokens"] * PRICE[0] + met["output_tokens"] * PRICE[1]) / 1e6


def whole_lines_only(path: Path) -> bool:
    """Whether the file is nothing but lines of JSON."""
    text = path.read_text()
    return text.endswith("\n") and all(json.loads(line) for line in text.splitlines())
