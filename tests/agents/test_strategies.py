"""Chains, evolution and stops against a model whose n-th program for given feedback is fixed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.code_generating_agent import CodeGeneratingAgent
from agents.strategies.chains import Chains
from agents.strategies.evolve import Evolve, parent_weights, thompson_sample
from agents.strategies.strategy import BestOf, JudgedSample, Limits, StopRule, Strategy
from tests.agents.test_agents import ScriptedClient, model_of
from utilities.errors import NotAsked, RateLimited
from utilities.models.interface import Reply
from utilities.runs.strategy_options import StopOptions, StrategyOptions
from utilities.tasks.task import Pair, Task
from utilities.verification.verifier import LocalVerifier, VerifierSettings

TASK = Task(
    "t",
    train=(
        Pair([[1, 2]], [[2, 1]]),
        Pair([[3, 4, 5]], [[5, 4, 3]]),
        Pair([[6], [7]], [[6], [7]]),
    ),
    test=(Pair([[8, 9]], None),),
)


def code(body: str) -> str:
    return f"```python\ndef solve_task(grid):\n    {body}\n```"


FLIPS = code("return [row[::-1] for row in grid]")
FLIPS_TOO = code("return [list(reversed(row)) for row in grid]")
KEEPS = code("return grid")
"""Solves one pair of three."""
RAISES = code("return grid[len(grid)]")
TWO = code("return [row[::-1] for row in grid] if len(grid[0]) == 3 else grid")
"""Solves two pairs of three."""


@pytest.fixture
async def verifier() -> AsyncIterator[LocalVerifier]:
    async with LocalVerifier(VerifierSettings(), workers=1, labels=False) as opened:
        yield opened


async def asked(
    kind: type[Strategy],
    folder: Path,
    verifier: LocalVerifier,
    script: Sequence[Any],
    **limits: Any,
) -> tuple[list[JudgedSample], list[str], dict[str, Any]]:
    """The samples, the user messages as they were asked, and the origin in the entry."""
    client = ScriptedClient(*(Reply(step) if isinstance(step, str) else step for step in script))
    async with model_of(folder, client) as model:
        strategy = kind(CodeGeneratingAgent(model), verifier.judge, Limits(**limits))
        done = await strategy.all_samples(TASK)
    prompts = [str(messages[-1]["content"]) for messages in client.asked]
    return done, prompts, strategy.origin_fields(done)


def order_shown(prompt: str) -> list[int]:
    """The order in which a prompt shows the train pairs, each known by its first row."""
    begins = {"1 2": 0, "3 4 5": 1, "6": 2}
    pairs = prompt.split("## Train pair ")[1:]
    return [next(n for row, n in begins.items() if f"\n{row}\n" in pair) for pair in pairs]


async def test_a_chain_is_fed_with_its_own_programs_and_ends_at_its_first_fit(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [KEEPS, RAISES, FLIPS, TWO, KEEPS]
    done, prompts, origin = await asked(
        Chains, tmp_path, verifier, script, best_of=2, steps=3, seed=5
    )
    assert origin["chain"] == [0, 1, 0, 1, 1]
    assert origin["refinement_round"] == [0, 0, 1, 1, 2]
    assert origin["parent_samples"] == [(), (), (0,), (1,), (1, 3)]
    assert origin["score"] == [1 / 3, 0.0, 1.0, 2 / 3, 1 / 3]
    assert [one.sample.index for one in done] == [0, 1, 2, 3, 4]
    assert "Earlier program" not in prompts[0]
    assert "return grid\n" in prompts[2]
    assert "grid[len(grid)]" not in prompts[2]
    assert prompts[4].index("grid[len(grid)]") < prompts[4].index("len(grid[0]) == 3")


async def test_each_step_of_a_chain_shows_the_train_pairs_in_the_order_of_seed_and_step(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [KEEPS] * 4
    done, prompts, _ = await asked(Chains, tmp_path, verifier, script, best_of=2, steps=2, seed=5)
    orders = []
    for seed in (5, 7, 6, 8):  # chain 0 begins at 5, chain 1 at 5 + 2 steps
        order = [0, 1, 2]
        random.Random(seed).shuffle(order)
        orders.append(order)
    assert [order_shown(prompt.split("## Earlier")[0]) for prompt in prompts] == orders
    assert len({tuple(order) for order in orders}) > 1, "the seeds would prove nothing"
    views = [one.sample.view and list(one.sample.view["train_order"]) for one in done]
    assert views == [None if order == [0, 1, 2] else order for order in orders]


async def test_feedback_in_a_chain_speaks_of_the_pairs_in_the_order_shown(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    _, prompts, _ = await asked(
        Chains, tmp_path, verifier, [KEEPS, KEEPS], best_of=1, steps=2, seed=6
    )
    (right,) = [number for number, pair in enumerate(order_shown(prompts[1]), 1) if pair == 2]
    assert right != 3, "the seed would prove nothing"
    assert f"Train pair {right}: right." in prompts[1]


async def test_evolution_draws_the_same_parents_again_and_ends_with_a_fit(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [KEEPS, RAISES, "no code", TWO, FLIPS, KEEPS]
    runs = [
        await asked(Evolve, tmp_path / str(n), verifier, script, best_of=3, steps=9, seed=1)
        for n in range(2)
    ]
    assert runs[0][1:] == runs[1][1:]
    done, prompts, origin = runs[0]
    assert origin["refinement_round"] == [0, 0, 0, 1, 1, 1]
    assert len(done) == 6
    codes = {0: "return grid\n", 1: "grid[len(grid)]"}
    for index in (3, 4, 5):
        (parent,) = origin["parent_samples"][index]
        shown = prompts[index].split("## Earlier program")[1]
        assert codes[parent] in shown
        drawn = random.Random(f"1 t {index}")
        used = [sum(p == (c,) for p in origin["parent_samples"][3:index]) for c in (0, 1)]
        beta = [
            drawn.betavariate(1 + 20 * h, 1 + 20 * (1 - h) + n)
            for h, n in zip((1 / 3, 0), used, strict=True)
        ]
        assert parent == beta.index(max(beta))


async def test_without_any_program_evolution_asks_for_independent_samples(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    _, prompts, origin = await asked(
        Evolve, tmp_path, verifier, ["no code", FLIPS], best_of=1, steps=2
    )
    assert origin["parent_samples"] == [(), ()]
    assert prompts[0] == prompts[1]


async def test_crossover_shows_two_different_parents_worst_first(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    evolution = StrategyOptions(strategy="evolve", parents="weighted", crossover=1.0)
    script = [RAISES, KEEPS, TWO, FLIPS, KEEPS, KEEPS]
    _, _, origin = await asked(
        Evolve, tmp_path, verifier, script, best_of=3, steps=2, evolution=evolution
    )
    for parents in origin["parent_samples"][3:]:
        assert len(parents) == 2
        assert list(parents) == sorted(set(parents)), "0 solves no pair, 1 one, 2 two"


def test_weights_are_a_sigmoid_around_the_percentile_less_what_has_children() -> None:
    settings = StrategyOptions(strategy="evolve", parents="weighted")
    weights = parent_weights([0.0, 0.5, 1.0], [0, 5, 1], settings)
    # The 99th percentile of the scores is 0.5 + 0.98 × 0.5 = 0.99.
    assert weights == pytest.approx(
        [1 / (1 + 2.718281828459045**9.9), 1 / (1 + 2.718281828459045**4.9) / 2,
         1 / (1 + 2.718281828459045**-0.1) / 1.2]
    )  # fmt: skip


def test_a_program_that_solves_more_and_was_used_less_is_drawn_more_often() -> None:
    def mean(share: float, used: int) -> float:
        chance = random.Random(3)
        return sum(thompson_sample(share, used, 20.0, chance) for _ in range(4000)) / 4000

    # The mean of Beta(a, b) is a ÷ (a + b).
    assert mean(0.5, 0) == pytest.approx(11 / 22, abs=0.01)
    assert mean(0.5, 22) == pytest.approx(11 / 44, abs=0.01)


async def test_no_reply_of_one_draw_is_recalled_for_another(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    asked_for = []
    for settings in (StrategyOptions(), StrategyOptions(exploration=1.0), StrategyOptions()):
        _, prompts, _ = await asked(
            Evolve, tmp_path, verifier, [KEEPS, TWO], best_of=1, steps=2, evolution=settings
        )
        asked_for.append(len(prompts))
    assert asked_for == [2, 1, 0], "the first generation is shared, the second is not"


async def test_a_task_ends_at_the_wave_in_which_enough_programs_agree(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [KEEPS, FLIPS, KEEPS, FLIPS_TOO, "never asked"]
    _, prompts, origin = await asked(
        BestOf, tmp_path, verifier, script, best_of=8, stop=StopRule(2)
    )
    assert len(prompts) == 4
    assert origin["stopping"] == {"stop_when_agree": 2, "least_samples": 2, "not_asked": 4}


async def test_equal_programs_are_verified_once(tmp_path: Path, verifier: LocalVerifier) -> None:
    script = [FLIPS, FLIPS, FLIPS_TOO, KEEPS, "never asked"]
    stop = StopRule(2, is_about_agreement=False, wave=1)
    _, prompts, origin = await asked(BestOf, tmp_path, verifier, script, best_of=8, stop=stop)
    assert len(prompts) == 3
    assert origin["stopping"] == {"until_verified": 2, "least_samples": 2, "not_asked": 5}


async def test_evolution_goes_on_after_a_fit_until_enough_agree(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    script = [FLIPS, KEEPS, FLIPS_TOO, KEEPS, "never asked"]
    _, prompts, origin = await asked(
        Evolve, tmp_path, verifier, script, best_of=2, steps=9, stop=StopRule(2)
    )
    assert len(prompts) == 4
    assert origin["parent_samples"][2:] == [(1,), (1,)], "the prompt says that none fits"


@pytest.mark.parametrize("kind", [Chains, Evolve])
@pytest.mark.parametrize("failure", [RateLimited("late"), NotAsked("the budget is spent")])
async def test_nothing_is_asked_after_a_sample_whose_reply_is_still_to_come(
    kind: type[Strategy], failure: Exception, tmp_path: Path, verifier: LocalVerifier
) -> None:
    done, prompts, _ = await asked(
        kind, tmp_path, verifier, [KEEPS, KEEPS, KEEPS, failure, "never"], best_of=2, steps=5
    )
    assert len(prompts) == 4
    assert [one.sample.status for one in done][:3] == ["ok"] * 3


@pytest.mark.parametrize(
    "words",
    [
        {"strategy": "rounds"},
        {"strategy": "chains", "refine": 2},
        {"steps": 3},
        {"strategy": "evolve", "sharpness": 3.0},
        {"strategy": "evolve", "parents": "weighted", "exploration": 3.0},
        {"wave": 3},
        {"strategy": "evolve", "wave": 3, "stop_when_agree": 2},
        {"stop_when_agree": 2, "until_verified": 2},
    ],
)
def test_an_option_that_the_strategy_does_not_use_is_refused(words: dict[str, Any]) -> None:
    assert (StrategyOptions(**words).fault() or "").startswith("--")


@pytest.mark.parametrize(
    ("kind", "stops"),
    [
        (StopOptions, "--stop_when_agree"),
        (StrategyOptions, "--stop_when_agree or --until_verified"),
    ],
)
def test_a_wave_without_a_stop_names_the_stops_that_the_script_has(
    kind: type[StopOptions], stops: str
) -> None:
    assert kind(wave=3).fault() == f"--wave: give {stops} as well"


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ({}, 2),
        ({"refine": 2}, 6),
        ({"strategy": "chains", "steps": 3}, 6),
        ({"strategy": "evolve", "steps": 3}, 6),
    ],
)
@pytest.mark.parametrize("stop", ["stop_when_agree", "until_verified"])
def test_a_stop_that_no_task_could_meet_is_refused(
    words: dict[str, Any], most: int, stop: str
) -> None:
    assert StrategyOptions(**words, **{stop: most}).stop_fault(best_of=2) is None
    fault = StrategyOptions(**words, **{stop: most + 1}).stop_fault(best_of=2)
    assert fault == f"--{stop}: a task gets at most {most}; raise --best_of or lower K"
