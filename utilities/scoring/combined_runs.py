"""Several runs as one: what they give together, and what each adds."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import msgspec

from utilities.errors import UsageError
from utilities.scoring.combining import Ballot, CombinedChoice, ballot_of, combine
from utilities.scoring.comparison import PairedDifference, RunRow, differences, means_of
from utilities.scoring.outcomes import TaskOutcome, missing_outcome, score_attempts
from utilities.scoring.scored_run import ScoredRun, counted_entries
from utilities.scoring.scores import score
from utilities.tasks.task import Grid, Task

ALL, ORACLE = "all", "oracle"
"""The names of the combination, and of a perfect choice among all samples."""
Outcomes = dict[str, TaskOutcome]
"""By task id."""
_MOST_STEPS = 20
"""Of a cascade's table."""


@dataclass(slots=True)
class Member:
    """A run that is combined with others."""

    name: str
    run: ScoredRun
    ballots: dict[str, Ballot] = field(default_factory=dict)
    """By task id."""
    weight: float = 1.0
    weighed_by: str = ""
    """Where its weight comes from, in words."""

    @property
    def has_programs(self) -> bool:
        """Whether its samples are programs."""
        return any(ballot.has_programs for ballot in self.ballots.values())


@dataclass(slots=True)
class Supply:
    """What a run gave to the combination, in test inputs."""

    first: int = 0
    """First attempts that it gave, alone or with others."""
    second: int = 0
    solved: int = 0
    """Test outputs solved by an attempt that it gave."""
    solved_alone: int = 0
    """Of these, those that no other run's answers solve."""


@dataclass(frozen=True, slots=True)
class CascadeStep:
    """What comes out if the second run is asked only if the first is less sure than this."""

    below: float
    asked: int
    """Tasks for which the second run is asked."""
    row: RunRow


class Combination:
    """Runs read into memory, grids alone, and what becomes of them together."""

    def __init__(self, runs: Sequence[ScoredRun], names: Sequence[str]) -> None:
        """Nothing is known of the runs before `read`, and nothing is chosen before `weigh`."""
        self.members = [Member(name, run) for name, run in zip(names, runs, strict=True)]
        self.tasks: dict[str, Task] = {}
        """Every task that some run answered, by id."""
        self.outputs: dict[str, int] = {}
        """Of every task that some run was given: how many test outputs it has."""

    def read(self, spool: sqlite3.Connection) -> None:
        """Read every entry that counts; the whole entries go into the spool,
        for `combined_results.write`.

        Raises UsageError if two runs have other pairs under one task's id.
        """
        numbers = {id(one.run): number for number, one in enumerate(self.members)}
        for run, task, entry in counted_entries(*(one.run for one in self.members)):
            number = numbers[id(run)]
            known = self.tasks.get(task.task_id)
            if known is not None and not _is_same(known, task):
                raise UsageError(
                    f"task {task.task_id} has other pairs in {self.members[number].name} than in "
                    "a run before it; combine runs of one dataset"
                )
            if known is None or not known.is_scorable:
                self.tasks[task.task_id] = task
            self.members[number].ballots[task.task_id] = ballot_of(entry, task)
            spool.execute(
                "INSERT INTO entries VALUES (?, ?, ?)",
                (task.task_id, number, msgspec.json.encode(entry)),
            )
        for member in self.members:
            for task_id, outcome in member.run.outcomes.items():
                self.outputs.setdefault(task_id, len(outcome.outputs_solved))

    def weigh(self, weights: Sequence[float] | None) -> None:
        """Give each run its weight; without `weights` by its train fits, or its agreement.

        Of programs that is the share that fits. Of grids it is the root of how often two samples
        of the run agree, which is the share of right ones if right ones alone agree. With a sample
        a task, and of chosen attempts, it is the share of answers that another model gives, too
        (another run, if all are of one model). Runs of one model are one voice and share its vote.
        """
        models = Counter(one.run.model_identifier for one in self.members)
        for number, member in enumerate(self.members):
            if weights is not None:
                member.weight, member.weighed_by = weights[number], "as given"
            elif member.has_programs:
                votes = [vote for one in member.ballots.values() for vote in one.votes]
                member.weight = sum(vote.fits for vote in votes) / max(1, len(votes))
                member.weighed_by = "samples whose program solves all train pairs"
            else:
                own = _own_agreement(member.ballots.values())
                told = "root of how often two of its samples agree"
                member.weight, member.weighed_by = (
                    self._agreement(member) if own is None else (sqrt(own), told)
                )
            if weights is None and (alike := models[member.run.model_identifier]) > 1:
                member.weight /= alike
                member.weighed_by += f"; {alike} runs of this model share its vote"

    def _agreement(self, member: Member) -> tuple[float, str]:
        """The share of a run's answers that some run of another model gives, too.

        Of attempts that were chosen to differ one is enough.
        """
        others = [one for one in self.members if one is not member]
        model = member.run.model_identifier
        strangers = [one for one in others if one.run.model_identifier != model]
        others, whose = (strangers, "another model") if strangers else (others, "another run")
        given = shared = 0
        for task_id, ballot in member.ballots.items():
            beside = [one.ballots[task_id] for one in others if task_id in one.ballots]
            for place in range(len(ballot.attempts)) if beside else ():
                said = [vote.outputs[place] for other in beside for vote in other.votes]
                answers = [vote.outputs[place] for vote in ballot.votes]
                alike = [answer in said for answer in answers if answer is not None]
                given += bool(alike) if ballot.are_chosen else len(alike)
                shared += any(alike) if ballot.are_chosen else sum(alike)
        return shared / given if given else 1.0, f"answers that {whose} gives, too"

    def choices(
        self, task_id: str, members: Sequence[Member] | None = None
    ) -> list[list[CombinedChoice]]:
        """What is handed in for a task that is at hand; `members` are all runs by default."""
        chosen = self.members if members is None else members
        return combine(
            [one.ballots.get(task_id) for one in chosen],
            [one.weight for one in chosen],
            len(self.tasks[task_id].test),
        )

    def shared_ids(self) -> list[str]:
        """The tasks of known outputs that every run answered, in order of their ids."""
        answered = [
            {key for key, one in member.run.outcomes.items() if one.is_answered and one.scored}
            for member in self.members
        ]
        return sorted(set.intersection(*answered))

    def all_ids(self) -> list[str]:
        """The tasks of known outputs that some run was given."""
        return sorted(task_id for task_id in self.outputs if self.is_scored(task_id))

    def is_scored(self, task_id: str) -> bool:
        """Whether the task's outputs are known."""
        if task_id in self.tasks:
            return self.tasks[task_id].is_scorable
        given = (one.run.outcomes.get(task_id) for one in self.members)
        return all(outcome.scored for outcome in given if outcome is not None)

    def own(self, member: Member, task_ids: Sequence[str]) -> Outcomes:
        """What a run alone made of these tasks; what it did not answer is missing and counts 0."""
        return {
            task_id: member.run.outcomes.get(task_id)
            or missing_outcome(task_id, self.outputs[task_id])
            for task_id in task_ids
        }

    def together(
        self, task_ids: Sequence[str], members: Sequence[Member] | None = None
    ) -> Outcomes:
        """What the runs come to together; `members` are all of them by default."""
        chosen = self.members if members is None else members
        return {
            task_id: self._outcome(
                task_id,
                [[one.output for one in tried] for tried in self.choices(task_id, chosen)]
                if task_id in self.tasks
                else [],
                chosen,
            )
            for task_id in task_ids
        }

    def oracle(self, task_ids: Sequence[str]) -> Outcomes:
        """What a perfect choice among the samples of all runs would come to."""
        reached = {}
        for task_id in task_ids:
            ballots = [one.ballots[task_id] for one in self.members if task_id in one.ballots]
            every = [
                [vote.outputs[place] for ballot in ballots for vote in ballot.votes]
                for place in range(self.outputs[task_id])
            ]
            reached[task_id] = self._outcome(task_id, every, self.members)
        return reached

    def _outcome(
        self,
        task_id: str,
        attempts: Sequence[Sequence[Grid | None]],
        members: Sequence[Member],
    ) -> TaskOutcome:
        """A task's outcome with these attempts, at the cost of all these runs."""
        given = [one.run.outcomes[task_id] for one in members if task_id in one.run.outcomes]
        empty = missing_outcome(task_id, self.outputs[task_id])
        if task_id not in self.tasks:
            return empty
        whole = next((one for one in given if one.task_hash), empty)
        return TaskOutcome(
            task_id,
            score_attempts(attempts, [pair.output for pair in self.tasks[task_id].test]),
            samples=sum(one.samples for one in given),
            known_cost_usd=sum(one.known_cost_usd for one in given),
            unpriced=sum(one.unpriced for one in given),
            input_tokens=sum(one.input_tokens for one in given),
            output_tokens=sum(one.output_tokens for one in given),
            latency_s=sum(one.latency_s for one in given),
            task_hash=whole.task_hash,
            train_pairs=whole.train_pairs,
            largest_grid=whole.largest_grid,
        )

    def rows(self, task_ids: Sequence[str]) -> list[RunRow]:
        """Each run alone, all of them together, and their oracle, on the same tasks."""
        named = [(one.name, self.own(one, task_ids)) for one in self.members]
        named += [(ALL, self.together(task_ids)), (ORACLE, self.oracle(task_ids))]
        return [_row(name, outcomes) for name, outcomes in named]

    def supplies(self, task_ids: Sequence[str]) -> dict[str, Supply]:
        """Which run gave what to the attempts of these tasks, by the run's name."""
        found = {one.name: Supply() for one in self.members}
        for task_id in task_ids:
            task = self.tasks[task_id]
            for tried, pair in zip(self.choices(task_id), task.test, strict=True):
                for number, choice in enumerate(tried):
                    for run in choice.runs:
                        supply = found[self.members[run].name]
                        supply.first += number == 0
                        supply.second += number > 0
                        supply.solved += choice.output == pair.output
                        if choice.output == pair.output and len(choice.runs) == 1:
                            supply.solved_alone += 1
        return found

    def gain_over_best(self, rows: Sequence[RunRow], task_ids: Sequence[str]) -> PairedDifference:
        """All together against the best single run, of equals the first."""
        best = max(self.members, key=lambda one: _row_named(rows, one.name).scores.macro)
        return _paired(best.name, self.own(best, task_ids), ALL, self.together(task_ids))

    def without_each(self, task_ids: Sequence[str]) -> list[PairedDifference]:
        """What all of them together have over all but one, for each one; weights stay."""
        whole = self.together(task_ids)
        return [
            _paired(
                f"{ALL} but {left_out.name}",
                self.together(task_ids, [one for one in self.members if one is not left_out]),
                ALL,
                whole,
            )
            for left_out in self.members
        ]

    def cascade(self, second: Member, task_ids: Sequence[str]) -> list[CascadeStep]:
        """What comes of it to ask the first run, and this one only where the first is unsure.

        A step for each level of the first run's sureness, from asking never to asking always.
        """
        first = self.members[0]
        alone = self.own(first, task_ids)
        both = self.together(task_ids, [first, second])
        sure = {
            task_id: ballot.sureness() if (ballot := first.ballots.get(task_id)) else 0.0
            for task_id in task_ids
        }
        levels = sorted(set(sure.values()))
        spacing = max(1, len(levels) // _MOST_STEPS)
        steps = []
        for below in [0.0, *levels[spacing::spacing], 2.0]:
            asked = {task_id for task_id in task_ids if sure[task_id] < below}
            mixed = {one: (both if one in asked else alone)[one] for one in task_ids}
            steps.append(CascadeStep(below, len(asked), _row("", mixed)))
        return [one for at, one in enumerate(steps) if not at or one.asked != steps[at - 1].asked]


def _own_agreement(ballots: Iterable[Ballot]) -> float | None:
    """The chance that two samples give a test input the same answer; None without two."""
    chances = []
    for ballot in (one for one in ballots if not one.are_chosen):
        for place in range(len(ballot.attempts)):
            answers = [vote.outputs[place] for vote in ballot.votes]
            pairs = len(answers) * (len(answers) - 1)
            alike = sum(answers.count(one) - 1 for one in answers if one is not None)
            chances += [alike / pairs] if pairs else []
    return sum(chances) / len(chances) if chances else None


def _is_same(one: Task, other: Task) -> bool:
    return one.without_test_outputs() == other.without_test_outputs()


def _row(name: str, outcomes: Outcomes) -> RunRow:
    tasks = list(outcomes.values())
    return RunRow(name, score(tasks), means_of(tasks))


def _row_named(rows: Sequence[RunRow], name: str) -> RunRow:
    return next(row for row in rows if row.name == name)


def _paired(first: str, before: Outcomes, second: str, after: Outcomes) -> PairedDifference:
    """The second against the first on the same tasks, all of them: what is missing counts 0."""
    runs = [
        ScoredRun("", {}, "", outcomes={key: _as_answered(one) for key, one in outcomes.items()})
        for outcomes in (before, after)
    ]
    (difference,) = differences(runs, [first, second])
    return difference


def _as_answered(outcome: TaskOutcome) -> TaskOutcome:
    return replace(outcome, missing=False, failures=Counter(), task_hash=outcome.task_id)
