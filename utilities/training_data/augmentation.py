"""Further versions of a verified task and its program: turned, recoloured, reordered."""

import random
from collections.abc import Sequence
from dataclasses import replace

from utilities.tasks.grids import COLOURS
from utilities.tasks.symmetries import SAME_COLOURS, SYMMETRIES
from utilities.tasks.task import Task
from utilities.training_data.samples import TrainingSample, verdict_on_answers
from utilities.views.changes import Change, Kind
from utilities.views.programs import wrapped_program


def draw_changes(task: Task, count: int, kinds: Sequence[Kind], seed: str) -> list[Change]:
    """Up to `count` different changes that change something; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated, no secret
    found: dict[Change, None] = {}
    for _ in range(20 * count):  # enough, even if few changes exist and are drawn again and again
        if len(found) == count:
            break
        change = Change(
            chance.choice(SYMMETRIES) if "symmetry" in kinds else SYMMETRIES[0],
            tuple(chance.sample(range(COLOURS), COLOURS)) if "colours" in kinds else SAME_COLOURS,
            _order(len(task.train), chance, kinds),
            _order(len(task.test), chance, kinds),
        )
        if not change.is_none:
            found[change] = None
    return list(found)


def _order(count: int, chance: random.Random, kinds: Sequence[Kind]) -> tuple[int, ...]:
    return tuple(chance.sample(range(count), count) if "pairs" in kinds else range(count))


def changed_sample(sample: TrainingSample, change: Change) -> TrainingSample:
    """The sample for the changed task, with its program wrapped and not yet verified.

    Right answers of grids become the changed test outputs. The reasoning is left out: it speaks of
    the colours, sides and pairs of the unchanged task. Nothing was asked or paid for it. Raises
    SyntaxError if the program cannot be split into tokens.
    """
    task = change.of(sample.task)
    answers = None if sample.answers is None else [pair.output or [] for pair in task.test]
    code = sample.python_code
    return replace(
        sample,
        task=task,
        python_code=None if code is None else wrapped_program(code, change),
        answers=answers,
        reasoning=None,
        thinking=None,
        followed=None,
        followers=0,
        prompt_messages=[],
        turns=None,
        verdict=None if answers is None else verdict_on_answers(answers, task),
        cost_usd=0.0,
        usage={},
        augmentation=change.to_json(),
    )
