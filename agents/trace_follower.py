"""Followers: a model is given a trace and one input grid, and draws the output that it leads to.

The share of followers that arrive at the right grid tells how much of the rule a trace says.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from agents.language_model_agents import DirectAnswerAgent
from agents.prompts.building import prompt_messages
from agents.quoted_grids import TextWithGrids
from utilities.results.entry import Sample
from utilities.results.result_entry import ResultEntry
from utilities.tasks.task import Pair, Task

ANSWERED = frozenset({"ok", "unparsable"})
"""Statuses of followers who answered, with a grid or without; of others it is not known whether the
trace would have led them there."""


@dataclass(frozen=True, slots=True)
class AskedPair:
    """A pair whose input followers are given, and what the trace may have known of it."""

    pair: Pair
    part: Literal["fresh", "train", "test"]
    index: int
    """Its place in that part, from 0 on."""
    in_prompt: bool | None
    """Whether the trace's own prompt showed its output; None if that is not known."""
    in_trace: bool
    """Whether its output is written out in the trace; followers see that hidden."""

    @property
    def _rank(self) -> tuple[bool, int, bool]:
        part = ("fresh", "train", "test").index(self.part)
        return self.in_trace, part, self.in_prompt is not False

    def to_json(self) -> dict[str, Any]:
        """What the records say of it."""
        told = {name: getattr(self, name) for name in ("index", "in_prompt", "in_trace")}
        return {"part": self.part, **told}


def asked_pairs(
    task: Task,
    trace: str,
    *,
    prompt: str | None = None,
    fresh: Sequence[Pair] = (),
    most: int,
    seed: str,
) -> list[AskedPair]:
    """Up to `most` pairs for the followers of a trace, all of them of the best kind there is.

    Best are pairs whose output does not stand in the trace: fresh ones, then train pairs that the
    trace's prompt did not show, then other train pairs, then test pairs of known output. If every
    output stands there, it is the same with those. The order within a kind depends on `seed`.
    """
    text = TextWithGrids(trace)
    shown = None if prompt is None else TextWithGrids(prompt)
    own = [pair.input for pair in task.pairs]
    listed: list[tuple[Literal["fresh", "train", "test"], Sequence[Pair]]] = [
        ("fresh", [pair for pair in fresh if pair.input not in own]),
        ("train", task.train),
        ("test", task.test),
    ]
    known = [
        (part, index, pair, pair.output)
        for part, pairs in listed
        for index, pair in enumerate(pairs)
        if pair.output is not None
    ]
    in_prompt: list[bool | None] = [None] * len(known)
    if shown is not None:
        in_prompt = [bool(shown.places_of(output)) for *_, output in known]
    if not any(in_prompt):  # its grids are pictures, or in a notation that is not read here
        in_prompt = [None] * len(known)
    found = [
        AskedPair(pair, part, index, is_shown, bool(text.places_of(output)))
        for (part, index, pair, output), is_shown in zip(known, in_prompt, strict=True)
    ]
    random.Random(seed).shuffle(found)  # noqa: S311 - a choice that can be repeated, no secret
    best = min((one._rank for one in found), default=None)
    return [one for one in found if one._rank == best][:most]


@dataclass(frozen=True)
class FollowedTask(Task):
    """A task whose test pairs are those that followers of a trace are asked about."""

    trace: str = ""
    """The trace, the task's outputs hidden."""
    asked: tuple[AskedPair, ...] = ()

    @classmethod
    def of(cls, task_id: str, task: Task, trace: str, asked: Sequence[AskedPair]) -> "FollowedTask":
        """The trace's task under an id of its own."""
        pairs = tuple(one.pair for one in asked)
        outputs = [pair.output for pair in (*task.pairs, *pairs) if pair.output is not None]
        hidden = TextWithGrids(trace).without(outputs)
        return cls(task_id, task.train, pairs, trace=hidden, asked=tuple(asked))


class TraceFollower(DirectAnswerAgent):
    """Sample i follows the trace on input i of those that are asked about, and then round again."""

    prompt_name: ClassVar[str] = "follow_reasoning"

    async def sample(self, task: Task, index: int) -> Sample:
        """Ask for one output; the prompt has neither pairs nor any other input."""
        assert isinstance(task, FollowedTask), "no others are asked about"
        place = index % len(task.test)
        shown = Task(task.task_id, train=(), test=(Pair(task.test[place].input, None),))
        messages = prompt_messages(
            self.prompt_name, shown, self.showing, self.answers, trace=task.trace
        )
        return replace(await self.sample_by(shown, index, messages), test_input=place)


def entry_fields(task: FollowedTask, samples: Sequence[Sample]) -> dict[str, Any]:
    """What an entry has besides: the pairs, the followers' outputs, and whether these are right."""
    outputs = [_at_its_place(one, task) for one in samples]
    passed = [_passed(one, task) for one in samples]
    return {
        "solved": any(True in flags for flags in passed if flags),
        "asked_pairs": [one.to_json() for one in task.asked],
        "test_outputs": outputs,
        "test_passed": passed,
    }


def _at_its_place(sample: Sample, task: Task) -> list[Any]:
    grids: list[Any] = [None] * len(task.test)
    if sample.answers is not None and sample.test_input is not None:
        grids[sample.test_input] = sample.answers[0]
    return grids


def _passed(sample: Sample, task: Task) -> list[bool | None] | None:
    """Whether a follower has arrived, at the place of its pair; None if it has not answered."""
    if sample.status not in ANSWERED or sample.test_input is None:
        return None
    answer = None if sample.answers is None else sample.answers[0]
    flags: list[bool | None] = [None] * len(task.test)
    flags[sample.test_input] = answer == task.test[sample.test_input].output
    return flags


@dataclass(frozen=True, slots=True)
class Score:
    """How many followers answered, and the share of them that arrived; None if none did."""

    followed: float | None
    followers: int
    followed_by: dict[str, Any]
    """Who followed, on which pairs, and what came of each."""

    @classmethod
    def of(cls, entry: ResultEntry) -> "Score":
        """The score in the entry of a trace's followers."""
        answers, known = [], []
        for index, status in enumerate(entry.status):
            place, flags = entry.test_input[index], (entry.test_passed or [None])[index]
            arrived = None if flags is None or place is None else flags[place]
            answers.append({"pair": place, "status": status, "arrived": arrived})
            known += [] if arrived is None else [arrived]
        model = {"model_identifier": entry.model_identifier, "model": entry.model}
        return cls(
            round(sum(known) / len(known), 4) if known else None,
            len(known),
            {**model, "pairs": entry.asked_pairs or [], "answers": answers},
        )
