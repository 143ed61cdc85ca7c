"""The plain words that traces and programs' comments share."""

from collections.abc import Iterable, Mapping

from utilities.tasks.grids import COLOUR_NAMES

COLOURS: Mapping[int, str] = {
    number: f"{name} ({number})" for number, name in enumerate(COLOUR_NAMES)
}
YES_NO: Mapping[int, str] = {0: "no", 1: "yes"}
NUMBER: Mapping[int, str] = {}
"""How a number reads: as it is written (see `reading`)."""
DIRECTIONS: Mapping[str, str] = {"up": "up", "down": "down", "left": "left", "right": "right"}


def reading(value: int, reads: Mapping[int, str]) -> str:
    """The value in words; -1 stands for "none" wherever `reads` has no word of its own."""
    return reads.get(value, "none" if value == -1 else str(value))


def colour_noun(colour: int) -> str:
    """The colour's name; from 10 on, in renumbered grids, the colour itself, whatever its rank."""
    return COLOURS[colour] if colour < 10 else f"{COLOUR_NAMES[colour - 10]} itself"


def listing(items: Iterable[str], last: str = "and", most: int = 12) -> str:
    """`a, b and c`; what exceeds `most` items is counted instead of listed."""
    words = list(items)
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def count_of(number: int, noun: str) -> str:
    """`1 cell`, `3 cells`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shape_words(shape: tuple[int, ...]) -> str:
    """Rows × columns."""
    return f"{shape[0]}×{shape[1]}"


def colours_words(colours: Iterable[int]) -> str:
    """The colours by name and number, in their order."""
    return listing(COLOURS[colour] for colour in sorted(colours))
