"""What a run adds up while it goes: counts, tokens, cost."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from utilities.errors import RequestFailed
from utilities.models.costs import cost_text
from utilities.models.interface import Reply
from utilities.models.json_fields import list_at, text_at
from utilities.replies.request_plan import estimated_tokens
from utilities.results.result_entry import ResultEntry


@dataclass(slots=True)
class Tally:
    """Counts over the entries of a run, with those that earlier runs had finished."""

    asks_model: bool = True
    """Whether each sample is made of a model's reply, which is an HTTP request."""
    asked_count: int = 0
    """Tasks that this run wrote an entry for."""
    resumed_count: int = 0
    """Tasks whose entry an earlier run had written."""
    left_count: int = 0
    """Tasks begun but not finished, because the run was stopped."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Samples by status."""
    usage: Counter[str] = field(default_factory=Counter)
    """Tokens by kind, over all samples."""
    uncounted: Counter[str] = field(default_factory=Counter)
    """Replies whose tokens the server did not count, and by our own estimate their tokens."""
    replies: int = 0
    """HTTP requests that got a reply."""
    failed_attempts: Counter[str] = field(default_factory=Counter)
    """HTTP requests that got none, by cause."""
    cost_usd: float = 0.0
    """Over the samples whose cost is known."""
    unknown_cost_count: int = 0
    """Samples with a reply of unknown cost."""
    unfinished_replies: int = 0
    """Replies to tasks that have no entry yet; requests, tokens and cost hold them, too."""
    unfinished_cost_usd: float = 0.0
    """What these cost, as far as it is known."""
    unfinished_unknown_cost_count: int = 0
    """Those of unknown cost among them."""
    solved_task_ids: list[str] = field(default_factory=list)
    unsolved_task_ids: list[str] = field(default_factory=list)
    unscored_task_ids: list[str] = field(default_factory=list)
    """Tasks of a benchmark whose test outputs are not known."""
    failed_task_ids: list[str] = field(default_factory=list)
    """Tasks with a sample that failed for technical reasons; a later run asks those again."""

    may_stop: bool = False
    """Whether a stop rule could end tasks early."""
    stopped_tasks: int = 0
    """Tasks that it ended."""
    not_asked: int = 0
    """At most how many samples these did not get."""
    saved_usd: float = 0.0
    """About what those would have cost, by the mean sample of their task, as far as it is known."""

    def add(self, entry: ResultEntry, *, resumed: bool) -> None:
        """Count a finished entry."""
        if entry.stopping is not None:
            self.may_stop = True
            self.stopped_tasks += bool(entry.stopping.not_asked)
            self.not_asked += entry.stopping.not_asked
            mean_usd = entry.known_cost_usd / max(1, entry.samples - entry.unpriced)
            self.saved_usd += entry.stopping.not_asked * mean_usd
        if resumed:
            self.resumed_count += 1
        else:
            self.asked_count += 1
        self.statuses.update(status or "unknown" for status in entry.status)
        samples = zip(entry.usage or (), entry.cost_usd, strict=False)
        judged = ((call.usage, call.cost_usd) for call in entry.judge_calls)
        for usage, cost_usd in (*samples, *judged):
            if usage is not None:
                self.usage.update({kind: int(tokens or 0) for kind, tokens in usage.items()})
                self.cost_usd += cost_usd or 0.0
                self.unknown_cost_count += cost_usd is None
        if self.asks_model:
            self._estimate_uncounted(entry)
            both = zip(entry.turns, entry.request_attempts, strict=True)
            self.replies += sum(len(turns or ()) or bool(attempts) for turns, attempts in both)
        self.replies += sum(bool(call.request_attempts) for call in entry.judge_calls)
        failures = (call.failed_attempts for call in entry.judge_calls)
        for failed in (*entry.failed_attempts, *failures):
            self.failed_attempts.update(str(attempt.get("cause")) for attempt in failed or ())
        lists = {
            True: self.solved_task_ids,
            False: self.unsolved_task_ids,
            None: self.unscored_task_ids,
        }
        lists[entry.solved].append(task_id := entry.task_id or "")
        if not entry.complete:
            self.failed_task_ids.append(task_id)

    def _estimate_uncounted(self, entry: ResultEntry) -> None:
        """Estimate the tokens of replies that came without a count; their cost stays unknown."""
        for index, usage in enumerate(entry.usage or ()):
            if usage is not None and not any(usage.values()):
                lists = (entry.thinking, entry.reasoning, entry.python_code)
                reply = "".join(texts[index] or "" for texts in lists if index < len(texts))
                tokens = {"in": estimated_tokens(_prompt_text(entry, index))}
                self.uncounted.update({"replies": 1, **tokens, "out": estimated_tokens(reply)})

    def add_unfinished(self, got: Iterable[Reply | RequestFailed]) -> None:
        """Count what was spent on a task that the run did not finish."""
        for one in got:
            self.failed_attempts.update(attempt.cause for attempt in one.failed_attempts)
            if isinstance(one, Reply):
                self.usage.update(one.usage.to_json())
                self.replies += self.asks_model
                self.unfinished_replies += 1
                self.cost_usd += one.cost_usd or 0.0
                self.unfinished_cost_usd += one.cost_usd or 0.0
                self.unknown_cost_count += one.cost_usd is None
                self.unfinished_unknown_cost_count += one.cost_usd is None

    @property
    def done_count(self) -> int:
        """Tasks with an entry."""
        return self.asked_count + self.resumed_count

    def stopped_text(self) -> str:
        """What the stop rule saved, and what that means for the figures."""
        return (
            f"{self.stopped_tasks} tasks early; at most {self.not_asked:,} samples not asked, "
            f"about {cost_text(self.saved_usd, self.unknown_cost_count)} saved; pass@k counts only "
            "the first samples, which every task was sure to get"
        )

    def progress_text(self) -> str:
        """The counts in a few words, to be shown while the run goes."""
        solved, failed = len(self.solved_task_ids), len(self.failed_task_ids)
        return f"solved {solved}, failed {failed}, cost {self.cost_text()}"

    def cost_text(self, *, may_be_more: bool = False) -> str:
        """The cost as a person reads it; unknown is said, never shown as 0."""
        return cost_text(self.cost_usd, self.unknown_cost_count, may_be_more=may_be_more)

    def tokens_text(self) -> str:
        """The tokens as a person reads them, with the cached ones in brackets."""
        if not self.usage.total() and not self.uncounted:
            return "none"
        cached, written = (
            self.usage[name] for name in ("cached_input_tokens", "cache_write_tokens")
        )
        parts = [f"{cached:,} from the cache"] if cached else []
        parts += [f"{written:,} written to it"] if written else []
        of_them = f" ({', '.join(parts)})" if parts else ""
        told = f"{self.usage['input_tokens']:,} in{of_them}, {self.usage['output_tokens']:,} out"
        if not self.uncounted:
            return told
        count, came, made = (self.uncounted[name] for name in ("replies", "in", "out"))
        guess = f"estimated at {came:,} in, {made:,} out"
        return f"{told}, and {count:,} replies that the server did not count, {guess}"

    @property
    def requests(self) -> int:
        """HTTP requests of all samples."""
        return self.replies + self.failed_attempts.total()

    def requests_text(self) -> str:
        """The HTTP requests of all samples, failed ones by cause."""
        failed = self.failed_attempts.total()
        causes = ", ".join(f"{n} {cause}" for cause, n in self.failed_attempts.most_common())
        total = f"{self.requests:,}"
        return f"{total}, of which {failed:,} brought no reply ({causes})" if failed else total

    def to_json(self) -> dict[str, Any]:
        """The counts for the metadata; `cost_usd` is null if any part of it is unknown."""
        return {
            "counts": {
                "tasks": self.done_count,
                "asked": self.asked_count,
                "resumed": self.resumed_count,
                "left": self.left_count,
                "failed": len(self.failed_task_ids),
                "samples_by_status": dict(self.statuses),
                "requests": self.requests,
                "failed_attempts": dict(self.failed_attempts),
                **(
                    {"stopped_tasks": self.stopped_tasks, "samples_not_asked": self.not_asked}
                    if self.may_stop
                    else {}
                ),
            },
            **({"saved_usd": self.saved_usd} if self.may_stop else {}),
            "usage": dict(self.usage),
            "replies_without_usage": self.uncounted["replies"],
            "cost_usd": None if self.unknown_cost_count else self.cost_usd,
            "known_cost_usd": self.cost_usd,
            "samples_of_unknown_cost": self.unknown_cost_count,
            "unfinished_replies": self.unfinished_replies,
            "unfinished_cost_usd": self.unfinished_cost_usd,
            "unfinished_replies_of_unknown_cost": self.unfinished_unknown_cost_count,
            "solved_task_ids": self.solved_task_ids,
            "unsolved_task_ids": self.unsolved_task_ids,
            "unscored_task_ids": self.unscored_task_ids,
            "failed_task_ids": self.failed_task_ids,
        }


def _prompt_text(entry: ResultEntry, index: int) -> str:
    """The texts of a sample's prompt; empty if the entry has none."""
    messages = entry.prompt_messages[index] if index < len(entry.prompt_messages) else None
    contents = messages if isinstance(messages, list) else []
    parts = [part for one in contents for part in list_at(one, "content")]
    texts = [text_at(one, "content") for one in contents]
    return "\n".join([*texts, *(text_at(part, "text") for part in parts)])
