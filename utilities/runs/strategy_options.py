"""The options of how a task's samples are spent, and when a task has had enough of them."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from utilities.command_line.options import Options, option
from utilities.command_line.words import non_negative_float, positive_int, share, whole_number

_spent = partial(option, group="how samples are spent")

StrategyName = Literal["best_of", "rounds", "chains", "evolve"]
ParentChoice = Literal["rex", "weighted"]

_STOPS = ("stop_when_agree", "until_verified")
_OF_ROUNDS = ("refine",)
_OF_EVOLVE = ("parents", "exploration", "sharpness", "midpoint", "novelty", "crossover")
_OF_REX, _OF_WEIGHTED = _OF_EVOLVE[1:2], _OF_EVOLVE[2:]


@dataclass(frozen=True, kw_only=True)
class StopOptions(Options):
    """When a task has had enough samples, before it has had all."""

    stop_when_agree: int | None = _spent(
        "end a task when K programs that fit all train pairs, or K answers in grids, agree on all "
        "test inputs",
        "K",
        parse=partial(positive_int, most=10_000),
    )
    wave: int | None = _spent(
        "independent samples that are asked for at once, before a stop is looked at (default: K)",
        "W",
        parse=partial(positive_int, most=10_000),
    )

    @property
    def stops(self) -> bool:
        """Whether a task may end early."""
        return self.stop_when_agree is not None

    def fault(self) -> str | None:
        """A wave is of use only before a stop."""
        if self.wave is not None and not self.stops:
            stops = " or ".join(f"--{name}" for name in _STOPS if hasattr(self, name))
            return f"--wave: give {stops} as well"
        return None

    def most_samples(self, best_of: int) -> int:
        """How many samples a task may get."""
        return best_of

    def stop_fault(self, best_of: int) -> str | None:
        """What is wrong with a stop that no task could meet."""
        most = self.most_samples(best_of)
        for name in _STOPS:
            if (getattr(self, name, None) or 0) > most:
                return f"--{name}: a task gets at most {most}; raise --best_of or lower K"
        return None


@dataclass(frozen=True, kw_only=True)
class StrategyOptions(StopOptions):
    """How the samples of a task depend on each other, if they are programs."""

    strategy: StrategyName | None = _spent(
        "best_of (default): independent samples; rounds: see --refine; chains: --best_of chains "
        "side by side, each fed with its own programs; evolve: generations of --best_of programs "
        "whose parents are drawn"
    )
    refine: int = _spent(
        "the strategy rounds: up to R further rounds of --best_of samples for each task without a "
        "program that fits all train pairs",
        "R",
        default=0,
        parse=partial(whole_number, most=100),
    )
    steps: int = _spent(
        "chains: most programs of a chain; evolve: most generations (10 is "
        "poetiq-arc-agi-solver's max_iterations; it has 1, 2, 8 or 20 chains)",
        "R",
        default=10,
        parse=partial(positive_int, most=1000),
    )
    parents: ParentChoice = _spent(
        "evolve: how a parent is drawn; rex: by Thompson sampling (SOAR); weighted: by score and "
        "novelty, sometimes two (Imbue's darwinian_evolver)",
        default="rex",
    )
    exploration: float = _spent(
        "rex: C in Beta(1 + C h, 1 + C (1 - h) + times used), h the share of train pairs solved "
        "(20: SOAR)",
        "C",
        default=20.0,
        parse=non_negative_float,
    )
    sharpness: float = _spent(
        "weighted: how steeply the weight rises with the score (10: Imbue)",
        "S",
        default=10.0,
        parse=non_negative_float,
    )
    midpoint: float = _spent(
        "weighted: the percentile of all scores at which the weight is half (99: Imbue)",
        "P",
        default=99.0,
        parse=partial(share, most=100.0),
    )
    novelty: float = _spent(
        "weighted: a program with n children weighs 1 / (1 + N n) of what it did (0.2: Imbue)",
        "N",
        default=0.2,
        parse=non_negative_float,
    )
    crossover: float = _spent(
        "weighted: how often two parents are shown, from 3 programs on (0.25: Imbue)",
        "P",
        default=0.25,
        parse=partial(share, most=1.0),
    )
    until_verified: int | None = _spent(
        "end a task when K different programs fit all of its train pairs",
        "K",
        parse=partial(positive_int, most=10_000),
    )

    @property
    def stops(self) -> bool:
        """Whether a task may end early."""
        return self.stop_when_agree is not None or self.until_verified is not None

    @property
    def name(self) -> StrategyName:
        """The strategy that is asked for; --refine means rounds."""
        return self.strategy or ("rounds" if self.refine else "best_of")

    def fault(self) -> str | None:
        """Each option belongs to a strategy, and the two stops exclude each other."""
        if self.stop_when_agree is not None and self.until_verified is not None:
            return "--until_verified: it excludes --stop_when_agree; leave one of them out"
        if self.name == "rounds" and not self.refine:
            return "--strategy rounds: say how many further rounds by --refine R"
        if self.wave is not None and self.name != "best_of":
            return f"--wave: {self.name} asks for --best_of samples at a time; leave it out"
        defaults = type(self)()
        others = {
            **dict.fromkeys(_OF_ROUNDS, self.name == "rounds"),
            "steps": self.name in {"chains", "evolve"},
            **dict.fromkeys(_OF_EVOLVE, self.name == "evolve"),
        }
        if self.name == "evolve":
            others |= dict.fromkeys(_OF_REX, self.parents == "rex")
            others |= dict.fromkeys(_OF_WEIGHTED, self.parents == "weighted")
        for name, belongs in others.items():
            if not belongs and getattr(self, name) != getattr(defaults, name):
                besides = f" --parents {self.parents}" if self.name == "evolve" else ""
                return f"--{name}: --strategy {self.name}{besides} does not use it; leave it out"
        return super().fault()

    def most_samples(self, best_of: int) -> int:
        """`best_of` in each round, step or generation."""
        waves = {"best_of": 1, "rounds": 1 + self.refine}
        return best_of * waves.get(self.name, self.steps)

    def parent_settings(self) -> dict[str, Any]:
        """What the draw of parents depends on."""
        names = _OF_REX if self.parents == "rex" else _OF_WEIGHTED
        return {"parents": self.parents, **{name: getattr(self, name) for name in names}}
