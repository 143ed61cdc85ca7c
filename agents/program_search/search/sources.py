"""Where a rule's values come from: what it looks at, and what it gives cells."""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from agents.program_search.transforms.registry import COLOURS, Step
from utilities.tasks.grids import COLOUR_NAMES

PARITY = {0: "even", 1: "odd"}
LIES_IN = " that the cell lies in "
"""Facts with these words are -1 for cells that lie in no such part."""
NOTHING_MET = (
    (
        re.compile(
            r"the colour of the ray that meets the cell \(background if none\), of those that each "
            r"one-colour object sends (.*)"
        ),
        "no ray meets the cell, of those that each one-colour object sends {}",
    ),
    (
        re.compile(r"the first colour besides background met (.*) from the cell \(.*\)"),
        "no ink is met {} from the cell",
    ),
    (
        re.compile(
            r"the colour at the cell's place in its pane once all panes(.*) are laid over each .*"
        ),
        "no pane{} has ink at the cell's place in its pane",
    ),
)
"""Colours that are background only if nothing is met, and the question whether that is so."""


class Source(NamedTuple):
    """Where a value for each cell comes from.

    "picture": the steps (at most one, and whether what it gives is background) applied to the
    picture that the rule paints;
    "grid": picture steps applied to the input grid; "number": a step that sums that grid up;
    "constant": one colour everywhere.
    """

    origin: Literal["picture", "grid", "number", "constant"]
    steps: tuple[Step, ...] = ()
    colour: int = 0

    def code(self, variable: str) -> str:
        """The expression as a program writes it."""
        if self.origin == "constant":
            return str(self.colour)
        text = variable if self.origin == "picture" else "grid"
        for step in self.steps:
            text = step.code(text)
        return f"np.full_like({variable}, {text})" if self.origin == "number" else text

    def noun(self) -> str:
        """What it is, as a noun phrase."""
        if self.origin == "constant":
            named = COLOURS.get(self.colour)  # from 10 on, colours that have no rank
            return named or f"{COLOUR_NAMES[self.colour - 10]} itself"
        if self.origin == "grid":
            made = f"when, in the input grid, you {self.command()}"
            return f"the colour at its place {made if self.steps else 'in the input grid'}"
        if len(self.steps) > 1:
            return asked_of_background(self.steps[0].sentence())
        return self.steps[0].sentence() if self.steps else "the cell's own colour"

    def command(self) -> str:
        """Its steps as a command."""
        return "; then ".join(step.sentence() for step in self.steps)

    def answers(self) -> tuple[int, ...]:
        """All that it can be, if it is a question of yes or no; else nothing."""
        noun = self.noun()
        if not noun.startswith("whether "):
            return ()
        return (-1, 0, 1) if LIES_IN in noun and len(self.steps) == 1 else (0, 1)

    def reads(self) -> Mapping[int, str]:
        """How its values read."""
        is_step = self.origin in ("picture", "number") and self.steps
        if is_step and self.noun().endswith("(even or odd)"):
            return PARITY
        return self.steps[-1].transform.reads if is_step else COLOURS


OWN = Source("picture")


def asked_of_background(noun: str) -> str:
    """The question whether the colour is background; of what is met, whether nothing is."""
    for form, question in NOTHING_MET:
        if found := form.fullmatch(noun):
            return f"whether {question.format(*found.groups())}"
    return f"whether {noun} is background"
