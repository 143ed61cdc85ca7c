"""Parts that match others: copies that fragments begin."""

import numpy as np

from agents.program_search.transforms.perception import regions
from agents.program_search.transforms.rays import COMPASS
from agents.program_search.transforms.registry import LARGEST_SIDE, Array, new_picture


@new_picture(
    "repeat the largest one-colour object towards each smaller one, in that one's colour, by equal "
    "steps (straight or diagonal) to the border, so that the first copy covers the smaller one and "
    "lies {gap} (background is here the commonest colour, even if there is black; the rest is ink)",
    cost=1.4,
    effort=30,
    gap={
        "apart": "one row or column of cells away from the largest",
        "close": "as near as it can without overlapping the largest or touching it by a side",
    },
)
def repeated_by_fragments(grid: Array, gap: str) -> Array | None:
    """Lay copies of the largest object at equal steps over fragments; None if none fits."""
    ground = int(np.bincount(grid.ravel()).argmax())
    numbers = regions(np.where(grid == ground, -1, grid), True)
    if not 2 <= numbers.max() <= 12:
        return None
    found = [np.argwhere(numbers == number) for number in range(1, int(numbers.max()) + 1)]
    found.sort(key=lambda cells: -len(cells))
    result, whole = grid.copy(), found[0]
    for fragment in found[1:]:
        step = step_to(whole, fragment, gap)
        for times in range(1, LARGEST_SIDE if step else 0):
            rows, columns = (whole + times * np.array(step)).T
            inside = (rows >= 0) & (rows < len(grid)) & (columns >= 0) & (columns < len(grid.T))
            result[rows[inside], columns[inside]] = grid[tuple(fragment[0])]
    return None if (result == grid).all() else result


def step_to(whole: Array, fragment: Array, gap: str) -> tuple[int, int] | None:
    """Find the least step, one of eight ways, that lays the cells over the fragment."""
    own, wanted = set(map(tuple, whole.tolist())), set(map(tuple, fragment.tolist()))
    height, width = np.ptp(whole, axis=0) + 1
    around = {(row + y, column + x) for row, column in own for y, x in list(COMPASS.values())[:4]}
    row, column = fragment[0].tolist()
    for far in range(1, LARGEST_SIDE):
        for down, right in COMPASS.values():
            if (row - far * down, column - far * right) not in own:
                continue
            copy = {(row + far * down, column + far * right) for row, column in own}
            is_far = far * abs(down) > height or far * abs(right) > width
            if wanted <= copy and (is_far if gap == "apart" else not copy & (own | around)):
                return far * down, far * right
    return None
