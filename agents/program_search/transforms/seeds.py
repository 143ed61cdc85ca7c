"""Facts of place, seen from the only ink."""

import numpy as np

from agents.program_search.transforms.perception import background, parts
from agents.program_search.transforms.registry import SIGNED, Array, new_fact

CORNERS = {
    "middle": "the middle (of an even side the upper or left of the two)",
    "upper_left": "the upper left corner",
    "upper_right": "the upper right corner",
    "lower_left": "the lower left corner",
    "lower_right": "the lower right corner",
}


@new_fact(
    "the {count} of {measure} {corner} of the box of all ink",
    cost=0.5,
    reads=SIGNED,
    corner=CORNERS,
    measure={
        "row": "rows the cell lies below (negative: above)",
        "column": "columns the cell lies to the right (negative: to the left) of",
        "rising": "rows the cell lies below (negative: above) the rising diagonal through",
        "falling": "rows the cell lies below (negative: above) the falling diagonal through",
        "steps": "steps, none of them diagonal, the cell lies from",
    },
    count={
        "near": "number (3 and -3 stand for more, too)",
        "sign": "sign (1, 0 or -1) of the number",
        "twos": "number, counted 0, 1, 0, 1 and so on,",
    },
)
def seen_from_ink(grid: Array, corner: str, measure: str, count: str) -> Array | None:
    """Measure how far each cell lies from the box; None if it holds more than two objects."""
    found = parts(grid, "mixed_corners")
    if not 1 <= len(found) <= 2:
        return None
    start = point_of_ink(grid, corner)
    row, column = np.indices(grid.shape)
    down, right = row - start[0], column - start[1]
    steps = {
        "row": down,
        "column": right,
        "rising": down + right,
        "falling": down - right,
        "steps": abs(down) + abs(right),
    }[measure]
    return {
        "near": np.clip(steps, -3, 3),
        "sign": np.sign(steps),
        "twos": steps % 2,
    }[count]


def point_of_ink(grid: Array, corner: str) -> tuple[int, int]:
    """Give the row and column of the middle or a corner of the box of all ink."""
    rows, columns = np.nonzero(grid != background(grid))
    (top, low), (left, right) = ((int(axis.min()), int(axis.max())) for axis in (rows, columns))
    if corner == "middle":
        return (top + low) // 2, (left + right) // 2
    return low if "lower" in corner else top, right if "right" in corner else left
