"""What a step goes by on one grid: the parts, counts, centres and tiles that it finds there.

A reader must be able to do each step by hand. So EVIDENCE has, for transforms whose result does
not show how it came about, a function that tells what they look at. Its parameters are named
`picture` (before the step), `made` (after it), or like the transform's.
"""

from collections.abc import Callable, Iterator, Mapping
from inspect import signature

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.layouts import centre_of, moved_alone, sideways
from agents.program_search.transforms.panes import ink_of, pane_table
from agents.program_search.transforms.perception import Cut, background, parts
from agents.program_search.transforms.pictures import best_image, continued, missing_colour
from agents.program_search.transforms.registry import COLOURS, Array, Step
from agents.program_search.transforms.seeds import point_of_ink
from agents.program_search.writing.evidence_words import (
    MOST_TOLD,
    axis_words,
    box_of,
    counts_words,
    first_of,
    shown_parts,
    side_by_side,
)
from agents.program_search.writing.grid_words import count_of, place_words, shape_words
from agents.program_search.writing.object_evidence import (
    bars_words,
    beginnings_words,
    blocks_words,
    boxes_words,
    charted_words,
    exemplars_words,
    fragments_words,
    ink_words,
    laid_together_words,
    largest_words,
    mask_words,
    ray_words,
    shifted_words,
    shot_words,
    similar_words,
    stamped_words,
    striped_words,
    tallied_words,
    written_words,
)

TABLES_SHOWN = 4
"""Of more tables of panes that change only the first are written out."""


def evidence_lines(step: Step, picture: Array, made: Array) -> list[str]:
    """What the step goes by on this picture, of which it makes the other; [] if it is plain."""
    tell = EVIDENCE.get(step.transform.function.__name__)
    if tell is None:
        return place_lines(step, picture, made)
    chosen = dict(zip(step.transform.choices, step.arguments, strict=True))
    known = {"picture": picture, "made": made, "hole": "patch", **chosen}
    return [f"  {line}" for line in tell(*(known[name] for name in signature(tell).parameters))]


def has_evidence(step: Step) -> bool:
    """Whether there is something to tell of what the step goes by."""
    return step.transform.function.__name__ in EVIDENCE


def place_lines(step: Step, picture: Array, made: Array) -> list[str]:
    """Where a picture that is cut out or cropped stands in the one before, if at one place."""
    is_cut = step.transform.sentence.startswith(("crop ", "cut out ", "drop the outermost"))
    if not is_cut or made.size == picture.size or any(np.greater(made.shape, picture.shape)):
        return []
    windows = np.lib.stride_tricks.sliding_window_view(picture, made.shape)
    places = np.argwhere((windows == made).all((2, 3))).tolist()
    if len(places) != 1:
        return []
    top, left = places[0]
    return [f"  That is {place_words(top, left, made.shape)}."]


def overlaid_words(picture: Array, cut: Cut) -> Iterator[str]:
    """The parts that are laid over each other."""
    yield from shown_parts(parts(picture, cut), "in reading order")


def rings_words(picture: Array, made: Array) -> Iterator[str]:
    """The colours from the rim inwards, before and after."""
    places = range((min(picture.shape) + 1) // 2)
    before = dict.fromkeys(int(picture[place, place]) for place in places)
    after = {int(one): int(other) for one, other in zip(picture.flat, made.flat, strict=True)}
    yield f"From the rim inwards the colours are {listing(map(COLOURS.__getitem__, before))}."
    changes = (f"{COLOURS[one]} becomes {COLOURS[after[one]]}" for one in before)
    yield f"So {listing(changes)}."


def image_words(picture: Array, made: Array, symmetry: str, hole: str) -> Iterator[str]:
    """About what the image is taken, and which missing cells it does not fill."""
    missing = missing_colour(picture, hole)
    assert missing is not None, "the step applies"
    place = best_image(picture, symmetry, missing)
    assert place is not None, "the step applies"
    down, right = len(picture) - 1 + place[0], len(picture.T) - 1 + place[1]
    row, column = axis_words(down, "row"), axis_words(right, "column")
    if symmetry != "falling":
        about = {"sideways": column, "upright": row}.get(symmetry, "")
        about = f"the line {about}" if about.startswith("between") else f"the middle of {about}"
        at = "" if row.startswith("between") else "at "
        about = about if symmetry in ("sideways", "upright") else f"the point {at}{row}, {column}"
        yield f"All cells that can be compared agree about {about}."
    left = int((made == missing).sum())
    if left and hole == "patch":
        yield (
            f"{count_of(left, 'cell')} of the missing colour, {COLOURS[missing]}, cannot be filled "
            "so: the image there is missing, too, or lies outside."
        )


def tile_words(made: Array, way: str) -> Iterator[str]:
    """The tile that is repeated."""
    (height, width), (row, column) = made.shape, np.indices(made.shape)
    tall = {"rows": [height], "diagonals": [1]}.get(way, range(1, height + 1))
    wide = {"columns": [width]}.get(way, range(1, width + 1))
    for rows, columns in sorted(((a, b) for a in tall for b in wide), key=lambda ab: ab[0] * ab[1]):
        if way == "diagonals":
            tiled = made[0, :columns][(row + column) % columns]
        else:
            tiled = made[row % rows, column % columns]
        if (tiled == made).all():
            break
    if way == "diagonals":
        colours = ", ".join(map(str, made[0, :columns].tolist()))
        yield f"The rising diagonals, from the top left on, are {colours}, and so on again."
    else:
        yield f"The tile, {shape_words((rows, columns))}, with its corner at (1, 1):"
        yield from side_by_side([made[:rows, :columns]])


def hidden_tile_words(picture: Array, hole: str, way: str) -> Iterator[str]:
    """The tile with which the missing cells are filled."""
    whole = continued(picture, way, hole)
    assert whole is not None, "the step applies"
    yield from tile_words(whole, way)


def centre_words(picture: Array, cut: str, centre: str) -> Iterator[str]:
    """The centre of the grid, or of each object."""
    found = [one for one in parts(picture, "mixed_corners") if one.mask.sum() > 3]
    figures = [picture] if cut == "grid" else [moved_alone(picture, one) for one in found]
    told = []
    for number, figure in enumerate(figures):
        middle = centre_of(figure, centre)
        assert middle is not None, "the step applies"
        about = f"{axis_words(middle[0], 'row')}, {axis_words(middle[1], 'column')}"
        told.append(
            about if cut == "grid" else f"{about} for the object at {box_of(found[number])}"
        )
    yield f"The centre is {'; '.join(told[:MOST_TOLD])}."


def pane_words(picture: Array) -> Iterator[str]:
    """The colours of each pane."""
    found = parts(picture, "panes")
    if len(found) <= MOST_TOLD:
        for one in found:
            yield f"The pane at {box_of(one)} has {counts_words(one.picture)}."


def box_repeated_words(picture: Array, lines: str) -> Iterator[str]:
    """The box of the ink, and which of its lines are repeated."""
    rows, columns = np.nonzero(picture != background(picture))
    top, left = int(rows.min()), int(columns.min())
    box = picture[top : rows.max() + 1, left : columns.max() + 1]
    told = f"The box is {place_words(top, left, box.shape)}"
    if lines == "full":
        inked = box != background(picture)
        full = [f"row {top + n + 1}" for n in np.flatnonzero(inked.all(1)).tolist()]
        full += [f"column {left + n + 1}" for n in np.flatnonzero(inked.all(0)).tolist()]
        told += f"; without background in it: {first_of(full) or 'none'}"
    yield f"{told}."


def seen_words(picture: Array, corner: str, measure: str) -> Iterator[str]:
    """The box of all ink, and the point of it that cells are seen from."""
    rows, columns = np.nonzero(picture != background(picture))
    shape = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    box = place_words(int(rows.min()), int(columns.min()), shape)
    row, column = point_of_ink(picture, corner)
    point = "middle" if corner == "middle" else f"{corner.replace('_', ' ')} corner"
    through = " (the diagonal goes through it)" if measure in ("rising", "falling") else ""
    yield f"The box of all ink is {box}; its {point} is ({row + 1}, {column + 1}){through}."


def chosen_pane_words(picture: Array, which: str | int, how: str) -> Iterator[str]:
    """The pane that is chosen, and where in it the colour lies that tells the panes."""
    table, empty = pane_table(picture), background(picture)
    found = [part for row in table or [] for part in row]
    values = [ink_of(part, empty) for part in found]
    if which in ("least", "most"):
        yield f"Inked cells of the panes, in reading order: {listing(map(str, values))}."
    if which not in ("least", "most"):
        values = [int((part.picture == which).any()) for part in found]
    best = found[values.index(min(values) if which == "least" else max(values))]
    yield f"The chosen pane is at {box_of(best)}:"
    yield from side_by_side([best.picture])
    if how == "marker":
        marks = (f"({row + 1}, {column + 1})" for row, column in np.argwhere(best.picture == which))
        yield f"In it {COLOURS[int(which)]} is at {first_of(marks)}; so is the copy in the table."


def table_words(picture: Array, made: Array) -> Iterator[str]:
    """The panes as a table before and after, if each has one colour."""
    tables = []
    for grid in (picture, made):
        boxes = [
            grid[one.top : one.top + len(one.mask), one.left : one.left + len(one.mask.T)]
            for one in parts(picture, "panes")
        ]
        rows = len({one.top for one in parts(picture, "panes")})
        if all((box == box[0, 0]).all() for box in boxes):
            tables.append(np.array([box[0, 0] for box in boxes]).reshape(rows, -1))
    if len(tables) == 2:
        yield "Each pane is of one colour; as a table they are, before and after:"
        yield from side_by_side(tables)
        return
    found = parts(picture, "panes")
    rows, shown = len({one.top for one in found}), 0
    for row, column in np.ndindex(*found[0].mask.shape):
        before, after = (
            np.array([grid[one.top + row, one.left + column] for one in found]).reshape(rows, -1)
            for grid in (picture, made)
        )
        if (before != after).any() and (shown := shown + 1) <= TABLES_SHOWN:
            yield f"The cells at row {row + 1}, column {column + 1} of each pane, before and after:"
            yield from side_by_side([before, after])


def evened_words(picture: Array, made: Array, line: str) -> Iterator[str]:
    """Whether rows or columns leave more cells as they are."""
    if line == "either":
        is_row = (made == made[:, :1]).all()
        kept = count_of(int((made == picture).sum()), "cell")
        yield f"Here {'rows' if is_row else 'columns'} do: {kept} of {picture.size} stay."


def side_words(picture: Array, made: Array) -> Iterator[str]:
    """The number that is read off the grid."""
    yield f"That number is {len(made) // len(picture)}."


def taller_words(picture: Array, made: Array) -> Iterator[str]:
    """After how many rows the pattern comes again, and how far it has moved sideways."""
    empty, height = background(picture), len(picture)
    for period in range(1, height):
        for right in range(-3, 4):
            moved = sideways(made[:-period], right, empty)
            if period * 2 <= height + 1 and (moved == made[period:]).all():
                far = f", moved {abs(right)} to the {'right' if right > 0 else 'left'}"
                yield (
                    f"Every row comes again {count_of(period, 'row')} further down"
                    f"{far if right else ''}."
                )
                return


def runs_words(picture: Array, made: Array, line: str) -> Iterator[str]:
    """The run of cells that is repeated in each line that changes."""
    before, after = (picture, made) if line == "row" else (picture.T, made.T)
    for number in np.flatnonzero((before != after).any(1)).tolist()[:MOST_TOLD]:
        row = after[number]
        run = next(n for n in range(1, len(row) + 1) if (np.resize(row[:n], len(row)) == row).all())
        yield f"The run of {line} {number + 1} is {' '.join(map(str, row[:run].tolist()))}."


EVIDENCE: Mapping[str, Callable[..., Iterator[str]]] = {
    "overlaid": overlaid_words,
    "laid_together": laid_together_words,
    "charted": charted_words,
    "tallied": tallied_words,
    "one_cell": ink_words,
    "rings_recoloured": rings_words,
    "written_out": written_words,
    "striped": striped_words,
    "completed": image_words,
    "hidden_by_symmetry": image_words,
    "continued": tile_words,
    "hidden_by_repetition": hidden_tile_words,
    "completed_about": centre_words,
    "one_cell_a_pane": pane_words,
    "chosen_pane": chosen_pane_words,
    "box_repeated": box_repeated_words,
    "at_panes_level": table_words,
    "shot": shot_words,
    "stamped": stamped_words,
    "stamped_at_marks": exemplars_words,
    "self_similar": similar_words,
    "seen_from_ink": seen_words,
    "part_colour": boxes_words,
    "coloured_mask": mask_words,
    "evened": evened_words,
    "brought_to_blocks": blocks_words,
    "moved_to_box": largest_words,
    "enlarged_by": side_words,
    "fragments_completed": fragments_words,
    "reflected_over_bars": bars_words,
    "repeated_by_fragments": beginnings_words,
    "shifted": shifted_words,
    "ray_colour": ray_words,
    "made_taller": taller_words,
    "lines_continued": runs_words,
}
"""For each transform by name: what it goes by, in lines."""
