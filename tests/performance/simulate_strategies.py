"""What each strategy is worth with a stand-in for a model: score against requests and USD.

    python benchmark/run_code_benchmark.py --model_identifier PROGRAM_SEARCH --max_tasks 100 \
--best_of 24 --output_directory /tmp/strategy_candidates
    python tests/performance/simulate_strategies.py \
/tmp/strategy_candidates/code_benchmark_results.jsonl

The stand-in proposes the embedded agent's programs for a task, badly ranked ones more often, and
breaks them. A task has a difficulty between 0 and 1, drawn once; a proposal is wrong on each pair
(train and test alike) with that chance, and one in ten has no code. A refinement takes the best
program shown; it repairs each wrong pair with the chance 0.3 (0.6 if another program shown is right
on it), breaks a right one with 0.05, and with 0.2 it is a new proposal instead. Tasks that the
embedded agent has no program for get wrong programs only.

A request costs 3,000 tokens and 1,500 for each program shown, a reply 2,000, at 1 and 5 USD per
million. Strategies, stops and the choice of two attempts are the toolkit's own. The figures say
what a strategy does with such a model, not what it gains with yours.
"""

import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from agents.strategies import STRATEGIES
from agents.strategies.feedback import EarlierProgram
from agents.strategies.strategy import JudgedSample, Limits, StopRule, candidates_of
from utilities.models.interface import Reply
from utilities.results.entry import Sample
from utilities.results.reader import read_entries
from utilities.results.result_entry import ResultEntry
from utilities.runs.strategy_options import StrategyOptions
from utilities.sandbox.execution import Execution
from utilities.scoring.attempts import choose, grids_of, ranked
from utilities.scoring.outcomes import score_attempts
from utilities.tasks.task import Grid, Task
from utilities.verification.verdict import Verdict

SEEDS = range(5)
BUDGETS = (4, 8, 16, 32)
NO_CODE, REPAIRS, REPAIRS_AS_SHOWN, BREAKS, BEGINS_ANEW = 0.1, 0.3, 0.6, 0.05, 0.2


@dataclass(frozen=True)
class Known:
    """A task with its test outputs, and for each program of the embedded agent its answers."""

    task: Task
    answers: list[list[Grid | None]]


def known_task(entry: ResultEntry) -> Known:
    """The task of an entry, and what its programs that fit train gave for the test inputs."""
    return Known(entry.task(), [one for one in entry.test_outputs or () if one is not None])


class StandIn:
    """Proposes programs, written as `candidate | wrong pairs | name`."""

    def __init__(self, tasks: dict[str, Known], seed: int) -> None:
        """`seed` makes a model of its own."""
        self._tasks, self._seed = tasks, seed

    def identity(self) -> dict[str, Any]:
        return {}

    def refinement_identity(self) -> dict[str, Any]:
        return {}

    def choose_parents(self, task: Task, earlier: Sequence[JudgedSample]) -> list[EarlierProgram]:
        from agents.strategies.feedback import choose_parents
        from agents.strategies.rounds import programs_of

        return choose_parents(programs_of(earlier), task)

    async def sample(self, task: Task, index: int) -> Sample:
        return self._sample(task, index, [], random.Random(f"{self._seed} {task.task_id} {index}"))

    async def refine(
        self,
        task: Task,
        index: int,
        parents: Sequence[EarlierProgram],
        earlier: Sequence[JudgedSample],
    ) -> Sample:
        shown = [parent.code for parent in parents]
        chance = random.Random(f"{self._seed} {task.task_id} {index} {shown}")
        return self._sample(task, index, shown, chance)

    def _sample(
        self, task: Task, index: int, shown: Sequence[str], chance: random.Random
    ) -> Sample:
        cost = (3_000 + 1_500 * len(shown)) * 1e-6 + 2_000 * 5e-6
        reply = Reply("", cost_usd=cost)
        if chance.random() < NO_CODE:
            return Sample(task.task_id, index, [], "no_code", reply=reply)
        pairs = range(len(task.train) + len(task.test))
        difficulty = random.Random(f"{self._seed} {task.task_id}").random()
        if not shown or chance.random() < BEGINS_ANEW:
            count = max(1, len(self._tasks[task.task_id].answers))
            (candidate,) = chance.choices(range(count), [place + 1 for place in range(count)])
            wrong = {pair for pair in pairs if chance.random() < difficulty}
        else:
            *others, (candidate, before) = map(read_program, shown)
            wrong = set()
            for pair in pairs:
                if pair in before:
                    known = any(pair not in other for _, other in others)
                    repaired = chance.random() < (REPAIRS_AS_SHOWN if known else REPAIRS)
                    wrong |= set() if repaired else {pair}
                elif chance.random() < BREAKS:
                    wrong.add(pair)
        code = f"# {candidate} | {sorted(wrong)} | {chance.random()}\nx = {chance.random()}"
        return Sample(task.task_id, index, [], "ok", python_code=code, reply=reply)


def read_program(code: str) -> tuple[int, set[int]]:
    """The candidate and the pairs that a program is wrong on."""
    candidate, wrong, _ = code.split("\n", maxsplit=1)[0].removeprefix("# ").split(" | ")
    return int(candidate), {int(pair) for pair in wrong.strip("[]").split(", ") if pair}


def verdict_on(code: str, known: Known) -> Verdict:
    """What the program gives, by the answers of its candidate."""
    candidate, wrong = read_program(code)
    train = known.task.train
    junk = [[ord(digit) - 48 for digit in code[-12:] if digit.isdigit()]]
    right = [bool(known.answers) and pair not in wrong for pair in range(len(train))]
    outputs: list[Grid | None] = [
        pair.output if good else junk for pair, good in zip(train, right, strict=True)
    ]
    for place in range(len(known.task.test)):
        given = known.answers[candidate][place] if known.answers else junk
        outputs.append(junk if len(train) + place in wrong else given)
    executions = tuple(
        Execution("ok", output) if output else Execution("exception") for output in outputs
    )
    return Verdict(tuple(right), (None,) * len(known.task.test), executions)


@dataclass(frozen=True)
class Setting:
    """A row of the table."""

    name: str
    strategy: str
    evolution: StrategyOptions = StrategyOptions()
    stop: StopRule = StopRule()

    def limits(self, budget: int, seed: int) -> Limits:
        """At most `budget` requests a task: four rounds, unless they are independent."""
        rounds = 1 if self.strategy == "best_of" else 4
        return Limits(
            budget // rounds,
            refine=rounds - 1,
            steps=rounds,
            seed=seed,
            stop=self.stop,
            evolution=self.evolution,
            reshuffles=False,
        )


async def simulated(
    tasks: dict[str, Known], setting: Setting, budget: int, seed: int
) -> tuple[float, float, float]:
    """Macro score, requests and USD a task."""

    async def judge(task: Task, codes: Sequence[str | None]) -> list[Verdict | None]:
        return [None if code is None else verdict_on(code, tasks[task.task_id]) for code in codes]

    agent = StandIn(tasks, seed)
    strategy = STRATEGIES[setting.strategy](agent, judge, setting.limits(budget, seed))
    score = requests = usd = 0.0
    for known in tasks.values():
        done = await strategy.all_samples(known.task)
        requests += len(done)
        usd += sum((one.sample.reply and one.sample.reply.cost_usd) or 0.0 for one in done)
        choices = choose(ranked(candidates_of(done)), len(known.task.test))
        solved = score_attempts(grids_of(choices), [pair.output for pair in known.task.test])
        score += sum(map(bool, solved)) / len(solved)
    return score / len(tasks), requests / len(tasks), usd / len(tasks)


async def main(path: Path) -> None:
    """Print the table as Markdown."""
    entries = (entry for entry in read_entries(path) if isinstance(entry, ResultEntry))
    tasks = {known.task.task_id: known for known in map(known_task, entries)}
    print(f"{len(tasks)} tasks, {len(SEEDS)} seeds: macro score in % ± standard deviation,")
    print("requests and USD a task\n")
    print("| strategy |" + "".join(f" at most {budget} |" for budget in BUDGETS))
    print("|---|" + "---|" * len(BUDGETS))
    weighted = StrategyOptions(strategy="evolve", parents="weighted")
    settings = [
        Setting("best_of", "best_of"),
        Setting("rounds", "rounds"),
        Setting("chains", "chains"),
        Setting("evolve, rex", "evolve"),
        Setting("evolve, weighted", "evolve", weighted),
    ]
    stopping = [
        Setting(f"{one.name}, stop_when_agree 2", one.strategy, one.evolution, StopRule(2))
        for one in settings
    ]
    for setting in settings + stopping:
        cells = []
        for budget in BUDGETS:
            runs = [await simulated(tasks, setting, budget, seed) for seed in SEEDS]
            scores, requests, usd = zip(*runs, strict=True)
            cells.append(
                f"{100 * mean(scores):.1f} ± {100 * stdev(scores):.1f}, "
                f"{mean(requests):.1f}, ${mean(usd):.3f}"
            )
        print(f"| {setting.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
