"""A judge: a model that is shown the different answers to a task and says which is best.

After a published scheme (the ARC-AGI-2 solver of beetree, 2026): each call sees all answers with
the reasoning behind them, and gives two points to the best and one to the next best.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from agents.agent_choice import ChosenModel, choose_model
from agents.base import status_of
from agents.opening import open_model
from agents.prompts.building import fenced, prompt_hash, prompt_messages, shortened
from utilities.errors import ASK_AGAIN, NotAsked, RequestFailed
from utilities.files.hashing import hash_of
from utilities.models.interface import Sampling
from utilities.replies.asked_model import AskedModel
from utilities.replies.budget import Deadline
from utilities.results.result_entry import ResultEntry, item_of
from utilities.runs.loop import Answer
from utilities.runs.options import AskingOptions
from utilities.runs.run import AskingRun
from utilities.scoring.attempts import different_answers, grids_of
from utilities.scoring.outcomes import choices_of, ranked_samples, sample_outputs
from utilities.scoring.run_score import attempt_fields, choice_fields
from utilities.tasks.grids import describe_shape, grid_to_text
from utilities.tasks.task import Grid, Task
from utilities.views.changes import is_turned

_PROMPT = "judge"
MOST_ANSWERS = 24
"""The best of more, by the order without a judge, are shown: a prompt has an end."""
_LONGEST_TEXT = 6_000
"""Of a program, and of its reasoning, in characters."""
_ALL_TEXTS = 60_000
"""Of the programs of all answers, and of their reasoning."""
_POINTS = (2, 1)
"""For a first choice and for a second."""
_CHOICE = re.compile(
    r"""\b(first|second)\b(?:[^\w\n]{0,9}(?:choice|place|best))?
    (?:[^\w\n]{0,9}[:=>–—−-]|\s{1,9}is\b)[^\w\n]{0,9}
    (?:(?:the|candidate|answer|number|no)\b[^\w\n]{0,9}){0,3}
    (\d+)[^\w\n]{0,9}?(?:[,;.}(<–—−-]|$)""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_BARE = re.compile(r"\D{0,9}(\d+)(?:\s*[,;>]\s*(\d+))?\D{0,9}")
"""The last line of a reply that has nothing but one or two numbers."""


def parse_choice(text: str, count: int) -> tuple[int | None, int | None]:
    """The first and the second choice among `count` candidates, from 0; None if there is none.

    Of several the last counts. Without a first choice there is no second.
    """
    numbers = {found[1].lower(): _number(found[2]) for found in _CHOICE.finditer(text)}
    lines = text.strip().splitlines()
    if not numbers and lines and (bare := _BARE.fullmatch(lines[-1].strip())):
        numbers = {"first": _number(bare[1]), "second": _number(bare[2] or "")}
    first, second = (
        place if 0 <= (place := numbers.get(name, 0) - 1) < count else None
        for name in ("first", "second")
    )
    return first, None if first is None or second == first else second


def _number(digits: str) -> int:
    return int(digits) if 0 < len(digits) < 5 else 0


def order_of_call(names: Sequence[str], call: int, seed: str) -> list[int]:
    """The places of `names` (all different) in the order in which a call shows them.

    Each call begins one further in a shuffled order, and after as many calls as there are names
    in a new one: each comes first equally often, so that a judge who likes the first place is
    evened out.
    """
    round_number, shift = divmod(call, len(names))
    order = sorted(range(len(names)), key=names.__getitem__)
    random.Random(f"{seed} {round_number}").shuffle(order)  # noqa: S311 - a choice, no secret
    return [*order[shift:], *order[:shift]]


@dataclass(frozen=True, slots=True)
class _Case:
    """A task without its test outputs, and its different answers, best first."""

    task: Task
    entry: ResultEntry
    answers: list[list[int]]
    """The samples of each answer, best first."""

    @property
    def texts(self) -> list[str]:
        """Each answer as it is shown, without its number."""
        most = min(_LONGEST_TEXT, _ALL_TEXTS // len(self.answers))
        return [self._text(samples, most) for samples in self.answers]

    def _text(self, samples: Sequence[int], most: int) -> str:
        outputs = sample_outputs(self.entry, self.task)[samples[0]]
        parts = [_output_text(number, grid) for number, grid in enumerate(outputs, start=1)]
        code = item_of(self.entry.python_code, samples[0])
        if code is not None:
            passed = item_of(self.entry.train_passed, samples[0]) or []
            solved = f"it solves {sum(map(bool, passed))} of {len(passed)} train pairs"
            parts.append(f"Program ({solved}):\n{fenced(shortened(code, most))}")
        reasoning = next(filter(None, map(self._reasoning, samples)), "none is known")
        return "\n\n".join([*parts, f"Reasoning: {shortened(reasoning, most)}"])

    def _reasoning(self, index: int) -> str:
        """What a sample says; nothing if it speaks of a turned view of the task."""
        if is_turned(self.entry.view[index]):
            return ""
        return (self.entry.reasoning[index] or self.entry.thinking[index] or "").strip()


def _output_text(number: int, grid: Grid | None) -> str:
    if grid is None:
        return f"Test output {number}: none"
    return f"Test output {number} ({describe_shape(grid)}):\n{grid_to_text(grid)}"


class AttemptJudge:
    """Chooses attempts anew by a model's points; the votes decide between equals."""

    def __init__(self, model: AskedModel, calls: int, deadline: Deadline | None = None) -> None:
        """Each task with two different answers or more is asked about `calls` times.

        Calls that are cut short by the run's `deadline` leave it to the votes.
        """
        self._model = model
        self.calls = calls
        self._deadline = deadline

    def identity(self) -> dict[str, Any]:
        """What an entry depends on because of the judge."""
        told = {"prompt_hash": prompt_hash(_PROMPT), "calls": self.calls}
        return {"judge": {**self._model.identity(), **told}}

    def judging(self, answer: Answer, attempts: int) -> Answer:
        """The same answers to tasks, with so many attempts chosen by the judge."""

        async def judged(task: Task) -> dict[str, Any]:
            return await self.judged(await answer(task), attempts)

        return judged

    async def judged(self, entry_fields: Mapping[str, Any], attempts: int) -> dict[str, Any]:
        """A benchmark's entry, in its fields, with `judge` and the attempts chosen anew.

        It stays as it is if samples are still to come. If a call was not made, or failed for a
        technical reason, the votes decide, and the entry is not complete: a later run asks what
        is missing. Raises FatalModelError if the judge cannot be asked.
        """
        entry = ResultEntry.of(entry_fields)
        if not entry.is_complete or entry.test_outputs is None:
            return dict(entry_fields)
        known = entry.task()
        case = _case_of(entry, known)
        voted = _voted(entry, known, attempts)
        calls: list[dict[str, Any]] = []
        if len(case.answers) > 1:
            calls = await self._all_calls(case)
        complete = not {call["status"] for call in calls} & ASK_AGAIN
        points = points_of(calls if complete else (), len(case.answers))
        told = {
            "model_identifier": self._model.model_identifier,
            "model": self._model.model,
            "answers": case.answers,
            "points": points,
            "calls": calls,
            "voted_attempts": voted,
        }
        chosen = attempt_fields(known, voted)
        if any(points) or voted != entry.attempts:
            by_sample = {i: points[at] for at, some in enumerate(case.answers) for i in some}
            choices = choices_of(entry, case.task, attempts, by_sample)
            chosen = choice_fields(known, choices, attempts)
        return {**entry_fields, **chosen, "complete": complete, "judge": told}

    async def _all_calls(self, case: _Case) -> list[dict[str, Any]]:
        try:
            return await asyncio.gather(*(self._call(case, at) for at in range(self.calls)))
        except asyncio.CancelledError:
            if self._deadline is None or not self._deadline.is_reached:
                raise
            return [{"status": NotAsked.status}] * self.calls  # the task has answers: keep them

    async def _call(self, case: _Case, number: int) -> dict[str, Any]:
        """Ask once; places in what is returned are those of `case.answers`."""
        texts = case.texts
        order = order_of_call(texts, number, hash_of(case.task.to_json()))
        shown = (f"## Candidate {place}\n\n{texts[at]}" for place, at in enumerate(order, start=1))
        messages = prompt_messages(_PROMPT, case.task, candidates="\n\n".join(shown))
        try:
            reply = await self._model.ask(case.task, number, messages)
        except RequestFailed as error:
            failed = [asdict(attempt) for attempt in error.failed_attempts]
            return {"order": order, "status": error.status, "error": str(error)} | {
                "failed_attempts": failed
            }
        first, second = (
            None if place is None else order[place]
            for place in parse_choice(reply.answer, len(order))
        )
        return {
            "order": order,
            "status": status_of(reply, usable=first is not None, otherwise="unparsable"),
            "first": first,
            "second": second,
            "cost_usd": reply.cost_usd,
            "usage": reply.usage.to_json(),
            "latency_s": reply.latency_s,
            "request_attempts": reply.attempts,
            "failed_attempts": [asdict(attempt) for attempt in reply.failed_attempts],
        }


def _case_of(entry: ResultEntry, known: Task) -> _Case:
    task = known.without_test_outputs()
    outputs = sample_outputs(entry, task)
    ranked = ranked_samples(entry, task)
    if entry.train_passed is not None:
        entry.ranking = ranked  # so that long programs are not read again
    answers = different_answers({index: outputs[index] for index in ranked})
    return _Case(task, entry, answers[:MOST_ANSWERS])


def _voted(entry: ResultEntry, task: Task, attempts: int) -> Sequence[Sequence[Grid | None]]:
    """The attempts without a judge: those that the entry has, if they are as many."""
    had = entry.attempts if entry.judge is None else entry.judge.voted_attempts
    counts = None if had is None else [len(tried) for tried in had]
    if had is not None and counts == [attempts] * len(task.test):
        return had
    return grids_of(choices_of(entry, task, attempts), attempts)


def points_of(calls: Sequence[Mapping[str, Any]], answers: int) -> list[int]:
    """Two points for each first choice and one for each second, by answer."""
    points = [0] * answers
    for call in calls:
        for name, value in zip(("first", "second"), _POINTS, strict=True):
            if (place := call.get(name)) is not None:
                points[place] += value
    return points


def choose_judge(model: str, asking: AskingOptions, *, asks_alone: bool = False) -> ChosenModel:
    """Find the judge before anything is asked; raises UsageError as `choose_model` does.

    Unless it `asks_alone`, options about the model are those of the one whose answers it judges,
    and its own are the provider's, or those of its table in a file of models.
    """
    if not asks_alone:
        mine = AskingOptions()
        names = (*(one.name for one in fields(Sampling)), "base_url", "price", "background")
        asking = replace(asking, **{name: getattr(mine, name) for name in names}, batch=False)
    return choose_model(model, asking, option="--judge")


@asynccontextmanager
async def open_judge(
    run: AskingRun, chosen: ChosenModel | None, calls: int
) -> AsyncIterator[AttemptJudge | None]:
    """The judge of a run, which pays for it; None if none was chosen."""
    if chosen is None:
        yield None
        return
    async with AsyncExitStack() as stack:
        options = replace(run.options, batch=False, best_of=calls)
        model = await open_model(chosen, run, stack, options)
        yield AttemptJudge(model, calls, run.budget.deadline)
