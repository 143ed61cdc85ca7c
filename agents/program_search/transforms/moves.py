"""Cells and objects that move to a place that another object gives."""

import numpy as np

from agents.program_search.transforms.layouts import moved_alone
from agents.program_search.transforms.perception import Part, background, parts
from agents.program_search.transforms.registry import Array, new_picture


@new_picture(
    "move every inked cell outside the largest one-colour object to the nearest place {where} the "
    "box of that object",
    cost=1.7,
    effort=6,
    where={"beside": "beside (at a side or a corner of)", "in": "in"},
)
def moved_to_box(grid: Array, where: str) -> Array | None:
    """Move each other cell to the nearest place; None if there are none or too many."""
    found, empty = parts(grid, "one_colour_corners"), background(grid)
    box = max(found, key=lambda one: int(one.mask.sum()), default=None)
    if box is None:
        return None
    result = moved_alone(grid, box)
    cells = np.argwhere((grid != empty) & (result == empty)).tolist()
    if not 1 <= len(cells) <= 20:
        return None
    rim = int(where == "beside")
    for row, column in cells:
        down, right = nearest_place(box, row, column, rim)
        if 0 <= down < len(grid) and 0 <= right < len(grid.T):
            result[down, right] = grid[row, column]
    return result


def nearest_place(box: Part, row: int, column: int, rim: int) -> tuple[int, int]:
    """Give the place in the part's box, made wider by the rim, that is nearest to the cell."""
    height, width = box.mask.shape
    down = min(max(row, box.top - rim), box.top + height - 1 + rim)
    return down, min(max(column, box.left - rim), box.left + width - 1 + rim)
