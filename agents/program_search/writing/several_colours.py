"""Cells that a colour is looked up for and that meet several, so that they get the background."""

from collections.abc import Collection, Iterator

import numpy as np

from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import Source
from agents.program_search.transforms.paints import inks_in_sight, inks_nearby
from agents.program_search.transforms.perception import background
from agents.program_search.transforms.registry import Array
from agents.program_search.writing.rule_working import values

VIEWS = {"colour_in_sight": inks_in_sight, "colour_nearby": inks_nearby}
"""For each such transform what its cells meet, a grid for each place or direction."""


def meeting_several(rule: Rule, start: Array, picture: Array) -> dict[Source, list[int]]:
    """For each outcome that looks a colour up: the cells that get it and meet several colours."""
    found = dict[Source, list[int]]()
    facts = [values(fact, picture, start).ravel().tolist() for fact in rule.facts]
    cases = zip(*facts, strict=True) if facts else [()] * picture.size
    outcomes = [rule.table.get(case, rule.otherwise) for case in cases]
    for outcome in dict.fromkeys(outcomes):
        views = views_of(outcome, picture)
        if not views:
            continue
        inks = np.stack(views)
        inked = inks != background(picture)
        differ = np.where(inked, inks, -1).max(0) > np.where(inked, inks, 99).min(0)
        places = np.flatnonzero(differ & inked.any(0)).tolist()
        found[outcome] = [place for place in places if outcomes[place] == outcome]
    return found


def views_of(outcome: Source, picture: Array) -> list[Array]:
    """What each cell of the picture meets, if the outcome is a colour so looked up."""
    if outcome.origin != "picture" or len(outcome.steps) != 1:
        return []
    step = outcome.steps[0]
    look = VIEWS.get(step.transform.function.__name__)
    return look(picture, *step.arguments) if look else []


def unseen_meetings(
    rule: Rule, start: Array, picture: Array, shown: Collection[Source]
) -> Iterator[tuple[list[int], str]]:
    """The cells that meet several colours, by outcomes of which no pair shows such a cell."""
    for outcome, places in meeting_several(rule, start, picture).items():
        if places and outcome not in shown:
            one = len(places) == 1
            meets, become = ("it meets", "it becomes") if one else ("they meet", "they become")
            words = "ink of several colours, as no such cell of the pairs does"
            yield places, f"{meets} {words}; that {become} background"
