"""The words that a rule uses in a sense of their own, with what they mean."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from agents.program_search.transforms.perception import background, evenly, gaps
from agents.program_search.transforms.registry import Array

GROUND = (
    "Background is black (0), or the commonest colour of the picture at hand if that has no black "
    "(of equally common ones that of the lowest number); the rest is ink."
)
BLACK_GROUND = "Background is black (0); the rest is ink."
ONE_COLOUR = "A one-colour object is cells of one ink colour that are joined by sides or corners."
ANY_COLOURS = (
    "An object of any colours is cells of ink that are joined by sides or corners, whatever their "
    "colours."
)
ANY_OBJECT = (
    "An object, if no more is said, is cells of ink joined by sides or corners, whatever their "
    "colours."
)
UNQUALIFIED = ", if no more is said, "
JOINED = (ONE_COLOUR, ANY_COLOURS)
ONLY_SIDES = " Where it says so, only sides join."
BOX = "The box of cells is the smallest rectangle around them."
PANES = "Panes are what full rows and columns of one colour divide the grid into."
UNDIVIDED = "A grid without such lines is one pane."
SEVERAL_COLOURS = (
    "Only lines of one and the same colour count. If several colours have some, those count that "
    "leave panes of equal size; if that does not decide, ink rather than background; then those "
    "that make the most panes."
)
UNDIVIDED_ALL = "No grid here has such lines, so each is one pane."
LINES_OF_BACKGROUND = (
    "If some of the background's rows (or columns) part the grid into panes of one height (or "
    "width) of at least 2, single lines and none at the edge, only those count."
)
TERMS = (
    (
        r"\bbackground\b|\bink(ed)?\b|\bobject|\bempty grid\b|\berase\b",
        GROUND,
    ),
    (r"\berase\b", "What is erased becomes background."),
    (
        r"block of background",
        (
            "A block of background is a rectangle of at least 2×2 cells of nothing else; the "
            "largest has the most cells."
        ),
    ),
    (
        r"\b(first|second|third|last|all) quarters?\b",
        "The quarters are the four equal parts that halving height and width makes.",
    ),
    (
        r"walled-in background \(ways",
        (
            "Walled-in background cannot reach the border of the grid by steps over background, "
            "diagonal ones included."
        ),
    ),
    (
        r"walled-in background(?! \(ways)",
        (
            "Walled-in background cannot reach the border of the grid by steps over background "
            "(up, down, left or right; not diagonally)."
        ),
    ),
    (
        r"\bcut out (the|every|each) [^.;]*(object|set of)",
        "Of what is cut out its box is taken, with background for all else in it.",
    ),
    (
        r"\bfall (up|down|left|right)\b",
        "What falls goes that way until ink or the border stops it.",
    ),
    (
        r"with its shape\b|share[s]? .*\bshape|\bthe shape of the one",
        (
            "The shape of an object is where its inked cells are, whatever their colours; equal "
            "shapes are so as they stand, not turned or mirrored."
        ),
    ),
    (
        r"one-colour objects?",
        ONE_COLOUR,
    ),
    (
        r"objects? of (any|several) colours",
        ANY_COLOURS,
    ),
    (
        (
            r"(?<!one-colour )(?<!one-cell )(?<!that )(?<!first )(?<!its )\bobjects?\b"
            r"(?!'| of (any|several|it)| \()"
        ),
        ANY_OBJECT,
    ),
    (
        r"(?<!cell)(?<!that)(?<!there) is (not )?background\b(?! between| from)",
        (
            "A colour that is looked up for every cell counts as background if it is black; if it "
            "is black for no cell, the colour that most cells get counts (of several that of the "
            "lowest number)."
        ),
    ),
    (
        r"(\bits|\bthe) commonest colour\b(?! besides| \(rank)",
        "Of colours that are equally common that of the lowest number counts.",
    ),
    (
        r"(commonest|rarest) colour( besides background)? of the whole grid",
        "Of colours that are equally common the one of the lower number ranks as the commoner.",
    ),
    (
        r"(commonest|rarest) colour besides background of the input grid",
        "Of colours that are equally common the one of the higher number ranks as the commoner.",
    ),
    (
        r"answer with one cell of the (rarest|commonest)",
        (
            "Of equally common colours the one of the highest number counts, of equally rare ones "
            "that of the lowest."
        ),
    ),
    (
        r"for each [^.;]*, (in a row|in a column|on the falling|repeated in)",
        "Of colours that are equally common that of the lowest number counts.",
    ),
    (
        r"\blargest (one-colour )?object",
        "Of equally large objects the first in reading order counts.",
    ),
    (
        r"cells fit a part of",
        (
            "If an object's cells fit several parts, the first in reading order counts. A copy is "
            "drawn on background only; what would lie beyond the border is left out."
        ),
    ),
    (
        r"cells fit a part of[^.]*turned or mirrored",
        (
            "A copy is tried as it is, then mirrored left to right, top to bottom, turned by half "
            "a turn, a quarter to the left, to the right, then mirrored about its diagonals."
        ),
    ),
    (r"\(the least first\)", "Of equal ones the earlier in reading order comes first."),
    (r"\(the greatest first\)", "Of equal ones the later in reading order comes first."),
    (
        r"mirror images and turns",
        (
            "Its mirror images and turns: left to right, top to bottom, about both diagonals; by "
            "a quarter to either side and by half a turn."
        ),
    ),
    (
        r"on a diagonal (by|that have only background)",
        "Where a falling and a rising line cross, the falling one shows.",
    ),
    (
        r"(the only|the only two|nearest) one-cell objects?\b",
        "A one-cell object is an inked cell with no cell of its colour at its sides or corners.",
    ),
    (
        r"over every one-cell object",
        "A one-cell object is an inked cell with no ink at its sides or corners.",
    ),
    (r"\bbox\b", BOX),
    (
        r"\bpanes?\b",
        PANES,
    ),
    (r"reading order", "Reading order goes row by row from the top, in each from the left."),
    (
        r"(?<!one-cell )(object|region|pane|part|set of)\b[^.]*,? (counted [^.]*)?in reading order",
        "Objects, regions and panes come in the order of their first cells.",
    ),
    (
        r"background between ink",
        (
            "A background cell lies between ink of one colour if the nearest ink on both its sides "
            "in the row, or column, is of the same colour."
        ),
    ),
    (
        r"all cells that can be compared",
        ("A cell can be compared if its image lies in the grid and neither of the two is missing."),
    ),
    (
        r"the line across which all cells",
        "A cell on the line is its own image.",
    ),
    (
        r"all of whose regions",
        "A region of a colour is its cells joined by sides.",
    ),
    (
        r"only neighbour in its one-colour object",
        "Such a ray goes on diagonally, away from that neighbour.",
    ),
    (
        r"\bray (that )?meets\b",
        (
            "A ray has the colour of its object. It begins just outside the object's box and ends "
            "before the next ink or at the edge of the grid. Where several meet, that of the "
            "object later in reading order shows."
        ),
    ),
    (
        r"where the cell lies about an? [^.]* near it",
        (
            "Widen the box of each object on all four sides by half its longer side, rounded down: "
            "near an object are the cells of the wider box. Those of the box itself are in its "
            "box; of the others those above, below, left or right of it are straight beside, and "
            "the rest off a corner. If several objects are near, the first of these three counts."
        ),
    ),
    (
        r"find most often looking",
        (
            "A cell looks past background and its object's own colours to the first other ink; "
            "cells that find none do not count."
        ),
    ),
    (
        r"in the table of panes",
        "The table of panes has a place for each pane, in their rows and columns.",
    ),
    (
        r"\b(width|height) of the (one-colour object|object|region|pane)",
        "The width and height of an object, region or pane are those of its box.",
    ),
    (
        r"place of the mark",
        "The mark in the chosen pane is the colour by which it is chosen.",
    ),
    (
        r"cells of the rarest colour",
        "Of equally rare colours that of the lowest number counts.",
    ),
    (
        r"square blocks of one colour",
        "The blocks are the largest ones of which the whole box is made.",
    ),
    (
        r"repeat the largest one-colour object",
        "What would lie beyond the edge of the grid is left out.",
    ),
    (
        r"let each cell move next to",
        "Cells that have the fewest steps to go move first; those behind stop before them.",
    ),
    (
        r"spreads over background step by step",
        "A cell that several colours reach at once stays background and passes none on.",
    ),
    (
        r"commonest ink along the sides of the",
        (
            "Along its sides lie the cells outside it that touch it by a side, each counted "
            "once for every such side. Of inks that are equally common that of the lowest number "
            "counts."
        ),
    ),
    (
        r"once all panes|no pane has ink|some pane has ink",
        "Cells of the dividing lines lie in no pane; on them their own colour counts.",
    ),
    (
        r"\bto the frame\b",
        (
            "A frame is a rectangle whose four corners hold one ink colour, and of whose sides the "
            "left and right ones (or top and bottom ones, or all four) hold one ink colour, too, "
            "corners not counted: these sides count."
        ),
    ),
    (
        r"sets of the cells of each ink colour|set of all cells of one ink colour",
        "Such sets come in the order of their colours' numbers.",
    ),
    (
        r"nearest bar\b",
        (
            "A bar is a full row or column of an object along a long side of its box (an object is "
            "cells joined by sides or corners). What moves leaves background."
        ),
    ),
    (
        r"(rarest colour of each object|gap of a one-colour object).*straight or diagonally",
        (
            "Such a ray goes diagonally if it starts as many rows as columns from the middle of "
            "its object's box, up or down if more rows than columns, left or right if fewer. Only "
            "objects of at least 3 cells count."
        ),
    ),
    (
        r"from the middle of its box|their middle cells",
        "The middle of a side of even length is the lower or right one of its two middle cells.",
    ),
    (
        r"falling diagonal|rising diagonal",
        "A falling diagonal goes down to the right, a rising one up to the right.",
    ),
    (
        r"\bring\b[^.]*\bbox\b",
        "A ring is all cells at the same distance from the border of the box.",
    ),
    (
        r"\brings\b",
        "A ring is all cells at the same distance from the border of the grid.",
    ),
    (
        r"\bholes?\b(?! hide)",
        "A hole of a part is a region outside it that it walls in (ways out go by sides).",
    ),
    (
        r"(that|\([abc]\)) is (not )?none\b(?! of)",
        "A value is none if the cell lies in no such part, or if what is asked for is not there.",
    ),
    (
        r"number of the (?!half|third|quarter|ninth|fourth)[^.]*\bthe cell lies in, counted 1, 2",
        "Where parts are counted from 1, cells that lie in none have 0.",
    ),
)
PLACE = (
    "A picture's place on the canvas is where its cells lie in the input grid. If a step makes a "
    "picture of another size, other than by cutting, cropping or outlining, its place is the top "
    "left corner. What lies outside the canvas is cut off, and where a picture does not reach it "
    "counts as empty."
)
BACKGROUND = "Background is black (0), or the commonest colour of a picture without black."


def asks_for_background(sentence: str) -> bool:
    """Whether a step or a fact of this sentence tells ink from background."""
    return bool(re.search(TERMS[0][0], sentence, re.IGNORECASE))


def terms_in(
    rule: str, grids: Sequence[Array] = (), *, is_stack: bool, have_black: bool = False
) -> list[str]:
    """What the words of the rule mean that have a sense of their own, a line each.

    Of panes only that is told which the rule meets in these grids; the background is simply black
    if all pictures `have_black`.
    """
    if is_stack:
        background = [f"- {BACKGROUND}"] if "background" in rule else []
        return [
            f"- {PLACE}",
            *background,
            *(f"- {text}" for form, text in TERMS[2:] if re.search(form, rule, re.IGNORECASE)),
        ]
    told = [text for form, text in TERMS if re.search(form, rule, re.IGNORECASE)]
    whole = " ".join([rule, *told])
    told += [BOX] if "box" in whole else []
    ground = [text for form, text in TERMS[:1] if re.search(form, whole, re.IGNORECASE)]
    ground = [] if "background is here" in rule else ground
    told = [
        f"{text} {' '.join(panes_met(grids))}".strip() if text == PANES else text for text in told
    ]
    told = [text for text in told if text != GROUND]
    ground = [BLACK_GROUND for _ in ground] if have_black else ground
    told = [text for text in told if text != ANY_COLOURS or ANY_OBJECT not in told]
    only = ONE_COLOUR not in told
    told = [
        text.replace(UNQUALIFIED, " ") if only and text == ANY_OBJECT else text for text in told
    ]
    told = [joined_words(text, rule) if text in JOINED else text for text in told]
    return [f"- {text}" for text in dict.fromkeys([*ground, *told])]


def joined_words(text: str, rule: str) -> str:
    """What objects are, joined as the rule says each time, or as it says by default."""
    kind = "one-colour objects?" if text == ONE_COLOUR else "objects? of any colours"
    ways = re.findall(rf"\b{kind}(?: \((joined by sides(?: or corners)?)\))?", rule)
    if "joined by sides" not in ways:
        return text
    return text.replace(" or corners", "") if len({*ways}) == 1 else f"{text}{ONLY_SIDES}"


def panes_met(grids: Sequence[Array]) -> Iterator[str]:
    """What else is to be known of panes to find those of the grids."""
    colours = [line_colours(grid) for grid in grids]
    if grids and not any(colours):
        yield UNDIVIDED_ALL
    elif not all(colours):
        yield UNDIVIDED
    if any(len(found) > 1 for found in colours):
        yield SEVERAL_COLOURS
    if any(map(has_uneven_lines, grids)):
        yield LINES_OF_BACKGROUND


def has_uneven_lines(grid: Array) -> bool:
    """Whether not all full rows and columns of the background divide the grid."""
    full = [(grid == background(grid)).all(axis) for axis in (1, 0)]
    return any((evenly(flags) != flags).any() for flags in full)


def line_colours(grid: Array) -> list[int]:
    """The colours whose full rows and columns divide the grid."""
    return [
        colour
        for colour in np.unique(grid).tolist()
        if len(gaps((grid == colour).all(1))) * len(gaps((grid == colour).all(0))) > 1
    ]
