"""Composes new tasks without a model: own random grids, and the embedded agent's transforms."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import orjson

from agents import grid_makers
from agents.program_search import transforms
from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import OWN
from agents.program_search.search.sources import Source as Values
from agents.program_search.transforms.registry import Array, Step, steps_of
from agents.program_search.writing.program import (
    carried_definitions,
    program_of,
    steps_in_words,
)
from agents.task_sources import Source
from utilities.errors import RequestFailed
from utilities.files.hashing import file_sha256
from utilities.models.interface import Reply
from utilities.replies.journal import request_key
from utilities.replies.replies import Replies
from utilities.results.entry import Sample
from utilities.results.provenance import source_hash
from utilities.runs.options import AskingOptions
from utilities.tasks.task import Task

_SIDES = ((4, 8), (6, 12), (8, 16))
_OWN_SHARE = 0.7
"""How often a given program gets the inputs of its own task, and how often these are recoloured."""
_LOOKED_AT = 4
"""Grids that a rule is tried on before it is proposed."""
_TRIES = 30


@dataclass(frozen=True, slots=True)
class _Inputs:
    """A maker of grids and what it is called with."""

    maker: Any
    sides: tuple[int, int]
    colours: tuple[int, ...]

    def program(self) -> str:
        """The source of `generate_input` and of all that it uses."""
        carried = carried_definitions([self.maker])
        call = f"{self.maker.__name__}(rng, {self.sides}, {self.colours})"
        main = f"def generate_input(rng):\n    return {call}"
        return "\n\n\n".join([*carried, main])

    def examples(self, seed: str) -> list[Array]:
        """Some grids of it."""
        rngs = (random.Random(f"{seed} {place}") for place in range(_LOOKED_AT))  # noqa: S311
        return [np.array(self.maker(rng, self.sides, self.colours)) for rng in rngs]


class TaskComposer:
    """Its samples are programs of a grid maker and one or two transforms, drawn by chance.

    The same source and index give the same program. What a rule does not change, or what it does
    not apply to, is drawn again; whether the pairs are worth anything is not looked at here.
    """

    needs_model: ClassVar[bool] = False
    model_identifier: ClassVar[str] = "PROGRAM_SEARCH"

    def __init__(self, replies: Replies) -> None:
        """Programs are journalled like a model's replies."""
        self._replies = replies
        self._named = {"model_identifier": self.model_identifier, "model": self.model_identifier}

    @classmethod
    def for_run(cls, replies: Replies, _: AskingOptions) -> Self:
        """The agent for a run."""
        return cls(replies)

    def identity(self) -> dict[str, Any]:
        """The source of the makers and of the transforms."""
        files = [Path(__file__), Path(grid_makers.__file__)]
        return {
            "agent": type(self).__name__,
            **self._named,
            "source_hash": [
                *(file_sha256(path)[:16] for path in files),
                source_hash(Path(transforms.__file__).parent),
            ],
        }

    async def sample(self, task: Task, index: int) -> Sample:
        """The program of this source and index."""
        key = request_key(task, [], self.model_identifier, self.identity(), index)
        about = {"task_id": task.task_id, "sample_index": index, **self._named}
        try:
            async with self._replies.request(key, about) as request:
                if request.reply is None:
                    seed = request_key(task, [], self.model_identifier, {}, index)
                    program = task.program if isinstance(task, Source) else None
                    made = composed(seed) if program is None else around(program, task, seed)
                    text = orjson.dumps(made).decode()
                    request.reply = Reply(text=text, model=self.model_identifier, cost_usd=0.0)
                reply = request.reply
        except RequestFailed as error:
            return Sample(task.task_id, index, [], error.status, error=str(error))
        found = orjson.loads(reply.text)
        if found is None:
            return Sample(task.task_id, index, [], "no_program_found", reply=reply)
        return Sample(
            task.task_id,
            index,
            [],
            "ok",
            reasoning=found["reasoning"],
            python_code=found["python_code"],
            reply=reply,
        )


def composed(seed: str) -> dict[str, str] | None:
    """A program with `generate_input` and `solve_task`, and its rule in words.

    None if no rule that was drawn applies to the grids.
    """
    chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated, no secret
    colours = tuple(chance.sample(range(1, 10), chance.randint(1, 4)))
    inputs = _Inputs(chance.choice(grid_makers.MAKERS), chance.choice(_SIDES), colours)
    grids = inputs.examples(seed)
    for _ in range(_TRIES):
        candidate = _drawn(chance, grids)
        if candidate is not None:
            words = [" ".join(sentences) for sentences in steps_in_words(candidate)]
            return {
                "reasoning": "\n".join(words),
                "python_code": f"{inputs.program()}\n\n\n{program_of(candidate)}",
            }
    return None


def around(program: str, task: Task, seed: str) -> dict[str, str]:
    """A program with `generate_input` for another program, which has `solve_task`.

    The inputs are random grids, or those of the program's task, turned and perhaps recoloured.
    """
    chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated, no secret
    if chance.random() < _OWN_SHARE:
        grids = tuple(pair.input for pair in task.pairs)
        carried = carried_definitions([grid_makers.varied_grid])
        call = f"varied_grid(rng, {grids}, {chance.random() < _OWN_SHARE})"
        main = f"def generate_input(rng):\n    return {call}"
        generator = "\n\n\n".join([*carried, main])
    else:
        colours = tuple(chance.sample(range(1, 10), chance.randint(1, 4)))
        maker = chance.choice(grid_makers.MAKERS)
        generator = _Inputs(maker, chance.choice(_SIDES), colours).program()
    reasoning = f"The rule of a program that was written for the task {task.task_id}."
    return {"reasoning": reasoning, "python_code": f"{program}\n\n\n{generator}\n"}


def _drawn(chance: random.Random, grids: Sequence[Array]) -> Candidate | None:
    """One or two pictures, or a rule for the cells of one; None if it does nothing here."""
    steps: list[Step] = []
    states = list(grids)
    kind = chance.choice(["picture", "pictures", "rule", "picture and rule"])
    for _ in range({"rule": 0, "pictures": 2}.get(kind, 1)):
        step = _step(chance, "picture")
        results = [step.apply(grid) for grid in states]
        after = [one for one in results if one is not None]
        if len(after) < len(states) or _alike(states, after):
            return None
        steps, states = [*steps, step], after
    rule = _rule(chance, states) if "rule" in kind else None
    if ("rule" in kind and rule is None) or (steps and _alike(grids, states)):
        return None
    return Candidate(tuple(steps), rule, 0.0, ())


def _rule(chance: random.Random, grids: Sequence[Array]) -> Rule | None:
    """Cells that show one value of a fact get one colour; the others keep theirs."""
    fact = _step(chance, "fact")
    results = [fact.apply(grid) for grid in grids]
    shown = [one for one in results if one is not None]
    if len(shown) < len(grids):
        return None
    values = sorted({int(value) for one in shown for value in np.unique(one)})
    value, colour = chance.choice(values), chance.randint(1, 9)
    chosen = [one == value for one in shown]
    painted = [
        bool((where & (grid != colour)).any()) for where, grid in zip(chosen, grids, strict=True)
    ]
    if len(values) < 2 or not all(painted):
        return None
    return Rule((Values("picture", (fact,)),), {(value,): Values("constant", (), colour)}, OWN)


def _step(chance: random.Random, kind: Any) -> Step:
    """A step of this kind: first a transform, those of low cost more often, then its choices."""
    steps = steps_of(kind)
    transforms_of_kind = list(dict.fromkeys(step.transform for step in steps))
    weights = [2.0**-one.base_cost for one in transforms_of_kind]
    (transform,) = chance.choices(transforms_of_kind, weights)
    return chance.choice([step for step in steps if step.transform is transform])


def _alike(before: Sequence[Array], after: Sequence[Array]) -> bool:
    return any(map(np.array_equal, before, after))
