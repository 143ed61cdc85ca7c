"""The registry: one decorated function is one transform, with its words, cost and program text.

A transform takes a grid (rows × columns of ints) and the chosen arguments. Four kinds:

picture  a new grid of any shape        a step of the search; its sentence is a command
paint    a colour for each cell         an outcome (or condition) of a rule; its sentence a noun
fact     an integer for each cell       a condition of a rule; its sentence a noun
number   an integer for the input grid  a condition or, being a colour, an outcome; a noun

It gives None if it does not apply. Its choices are listed the likeliest first, since later ones
cost more. Adding a transform is adding a function, decorated with `new_picture`, `new_paint`,
`new_fact` or `new_number`: the search tries its choices, the trace and the comments speak its
sentence, and the program carries its source with the functions that it calls.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from inspect import signature
from itertools import product
from math import log2
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from utilities.tasks.grids import COLOUR_NAMES

Array: TypeAlias = NDArray[Any]
Kind: TypeAlias = Literal["picture", "paint", "fact", "number"]
Function = TypeVar("Function", bound=Callable[..., Any])

COLOURS: Mapping[int, str] = {
    number: f"{name} ({number})" for number, name in enumerate(COLOUR_NAMES)
}
YES_NO: Mapping[int, str] = {0: "no", 1: "yes"}
NUMBER: Mapping[int, str] = {}
"""A number reads as it is written."""
SIGNED: Mapping[int, str] = {number: str(number) for number in range(-3, 4)}
"""A number that may be negative; else -1 reads "none"."""
DIRECTIONS: Mapping[str, str] = {"up": "up", "down": "down", "left": "left", "right": "right"}
LARGEST_SIDE = 30
ONE_COLOUR = re.compile(r"commonest colour of (the one-colour object)")
"""What has one colour only needs no word for which."""
ALIKE = (COLOURS, DIRECTIONS)
"""Tables of choices of which none is likelier than another."""
EVEN_SHARE = 0.5
"""The first of n choices costs this share of log2(n) bits."""
BITS_WEIGHT = 0.15
"""The cost of each bit that tells a choice from the others."""


@dataclass(frozen=True, eq=False, slots=True)
class Transform:
    """A registered function with all that is said about it."""

    function: Callable[..., Any]
    kind: Kind
    sentence: str
    base_cost: float
    choices: Mapping[str, Mapping[Any, str]]
    reads: Mapping[int, str]
    effort: int
    variants: tuple[tuple[Any, ...], ...]

    def cost(self, arguments: tuple[Any, ...]) -> float:
        """Description length of one use: the function's own and that of its choices.

        Choices listed first cost less, except for colours and directions, which cost alike.
        """
        bits = 0.0
        for words, argument in zip(self.choices.values(), arguments, strict=True):
            place = 0 if words in ALIKE else list(words).index(argument)
            weight = 1.0 if words in ALIKE else EVEN_SHARE
            bits += weight * log2(len(words)) + log2(1 + place)
        return self.base_cost + BITS_WEIGHT * bits

    def steps(self) -> "Iterator[Step]":
        """The transform with each choice of its arguments."""
        return (Step(self, arguments, self.cost(arguments)) for arguments in self.variants)


class Step(NamedTuple):
    """A transform with its arguments chosen."""

    transform: Transform
    arguments: tuple[Any, ...]
    cost: float

    def sentence(self) -> str:
        """What it does, every argument in words."""
        chosen = zip(self.transform.choices.items(), self.arguments, strict=True)
        words = {name: words[argument] for (name, words), argument in chosen}
        return ONE_COLOUR.sub(r"colour of \1", self.transform.sentence.format(**words))

    def code(self, variable: str) -> str:
        """The call as a program writes it."""
        arguments = ", ".join([variable, *map(written, self.arguments)])
        return f"{written(self.transform.function)}({arguments})"

    def told(self) -> tuple[str, str]:
        """Its function's name with what it does, as a command."""
        words, kind = self.sentence(), self.transform.kind
        if kind != "picture":
            verb = "tell" if words.startswith(("whether", "how", "which", "where")) else "give"
            words = f"{'' if kind == 'number' else 'for each cell '}{verb} {words}"
        return self.transform.function.__name__, words

    def functions(self) -> list[Callable[..., Any]]:
        """The functions that the call names."""
        return [self.transform.function, *filter(callable, self.arguments)]

    def apply(self, grid: Array) -> Array | None:
        """The result; None if the transform does not apply or gives no grid of 1-30 a side."""
        result = self.transform.function(grid, *self.arguments)
        if result is None or not result.size or max(result.shape) > LARGEST_SIDE:
            return None
        return np.ascontiguousarray(result, dtype=np.int64)


REGISTRY: dict[str, Transform] = {}
"""Every transform by its name; the search reads it anew for each task."""


def transform(
    kind: Kind,
    sentence: str,
    *,
    cost: float,
    effort: int = 1,
    reads: Mapping[int, str] | None = None,
    unless: Callable[..., bool] | None = None,
    **choices: Mapping[Any, str],
) -> Callable[[Function], Function]:
    """Register the decorated function `(grid, *arguments) -> array, int or None`.

    `choices` maps each argument's name to its possible values with their words; `reads` gives
    words for a fact's values; `effort` says how many passes over the cells a call takes;
    `unless` skips combinations of arguments. Raises ValueError if the choices are not the
    function's arguments or the sentence leaves one out.
    """

    def register(function: Function) -> Function:
        arguments = list(signature(function).parameters)[1:]
        if arguments != list(choices) or any(f"{{{name}}}" not in sentence for name in choices):
            raise ValueError(f"{function.__name__}: choices and sentence must name {arguments}")
        words = reads if reads is not None else (COLOURS if kind == "paint" else NUMBER)
        combinations = product(*choices.values())
        variants = tuple(each for each in combinations if unless is None or not unless(*each))
        REGISTRY[function.__name__] = Transform(
            function, kind, sentence, cost, choices, words, effort, variants
        )
        return function

    return register


new_picture = partial(transform, "picture")
new_paint = partial(transform, "paint")
new_fact = partial(transform, "fact")
new_number = partial(transform, "number")


def steps_of(*kinds: Kind) -> list[Step]:
    """Every step of these kinds, cheapest first (ties in the order of registration)."""
    return by_cost(tuple(entry for entry in REGISTRY.values() if entry.kind in kinds))


@lru_cache(maxsize=16)
def by_cost(entries: tuple[Transform, ...]) -> list[Step]:
    """The steps of the entries, cheapest first."""
    return sorted((step for entry in entries for step in entry.steps()), key=lambda one: one.cost)


REMEMBERED = set[str]()
"""The names of the functions whose results are cached; they change nothing that they get."""


def remembered(function: Function) -> Function:
    """Cache `function(grid, *arguments)` by the grid's content; programs leave this out."""
    REMEMBERED.add(function.__name__)

    @lru_cache(maxsize=512)
    def by_content(shape: tuple[int, ...], cells: bytes, *arguments: Any) -> Any:
        return function(np.frombuffer(cells, dtype=np.int64).reshape(shape), *arguments)

    @wraps(function)
    def wrapper(grid: Array, *arguments: Any) -> Any:
        whole = np.ascontiguousarray(grid, dtype=np.int64)
        return by_content(whole.shape, whole.tobytes(), *arguments)

    return wrapper  # type: ignore[return-value]


def written(argument: Any) -> str:
    """An argument as a program writes it; functions are named."""
    return argument.__name__ if callable(argument) else repr(argument)
