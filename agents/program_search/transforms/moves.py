"""Cells and objects that move to a place that another object gives."""

import numpy as np

from agents.program_search.transforms.layouts import moved_alone
from agents.program_search.transforms.perception import background, parts
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
    rim, (height, width) = int(where == "beside"), box.mask.shape
    for row, column in cells:
        down = min(max(row, box.top - rim), box.top + height - 1 + rim)
        right = min(max(column, box.left - rim), box.left + width - 1 + rim)
        if 0 <= down < len(grid) and 0 <= right < len(grid.T):
            result[down, right] = grid[row, column]
    return result
