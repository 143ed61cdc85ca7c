"""Properties of the transforms of panes, mirror images, areas and counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.program_search.transforms.areas import (
    box_repeated,
    cropped_to_frame,
    in_group_box,
    part_touches,
)
from agents.program_search.transforms.layouts import reflected_over_bars
from agents.program_search.transforms.panes import chosen_pane
from agents.program_search.transforms.perception import background, lines, parts
from agents.program_search.transforms.registry import Array
from agents.program_search.transforms.summaries import striped, written_out
from tests.program_search.test_properties import GRIDS, quick

COLOUR = st.integers(0, 9)


def with_lines(panes: list[Array]) -> Array:
    """Four panes of one size, two by two, between lines of 9."""
    rows = [
        np.hstack([left, np.full((len(left), 1), 9), right])
        for left, right in (panes[:2], panes[2:])
    ]
    return np.vstack([rows[0], np.full((1, rows[0].shape[1]), 9), rows[1]])


PANED = st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=4, max_size=4).map(
    lambda panes: with_lines([np.array([pane[:2], pane[2:]]) for pane in panes])
)


@quick
@given(PANED, st.sampled_from(["most", "least", 1, 2]), st.sampled_from(["cells", "all"]))
def test_a_pane_laid_over_all_leaves_the_lines(grid: Array, which: str | int, how: str) -> None:
    result, line = chosen_pane(grid, which, how), lines(grid)
    assert result is None or (result[line] == grid[line]).all()


@quick
@given(GRIDS)
def test_cells_mirrored_over_bars_leave_the_commonest_ink(grid: Array) -> None:
    result = reflected_over_bars(grid)
    if result is not None:
        counts = np.bincount(grid[grid != background(grid)], minlength=10)
        assert ((result == counts.argmax()) <= (grid == counts.argmax())).all()
        assert (result != background(grid)).sum() <= (grid != background(grid)).sum()


@quick
@given(GRIDS, COLOUR)
def test_boxes_of_groups_hold_all_cells_of_the_colour(grid: Array, colour: int) -> None:
    inside = in_group_box(grid, colour)
    assert inside is None or (inside[grid == colour] == 1).all()


@quick
@given(GRIDS)
def test_a_repeated_box_agrees_with_the_ink(grid: Array) -> None:
    result, inked = box_repeated(grid, "all"), grid != background(grid)
    assert result is None or (result[inked] == grid[inked]).all()


@quick
@given(GRIDS)
def test_the_inside_of_a_frame_is_the_frame_less_its_rim(grid: Array) -> None:
    whole, inside = cropped_to_frame(grid, 0), cropped_to_frame(grid, 1)
    assert (whole is None) == (inside is None)
    if whole is not None and inside is not None:
        np.testing.assert_array_equal(whole[1:-1, 1:-1], inside)
        assert len({whole[0, 0], whole[0, -1], whole[-1, 0], whole[-1, -1]}) == 1


def test_a_frame_with_longer_sides_is_taken_before_a_wider_one() -> None:
    grid = np.zeros((9, 12), int)
    grid[0:3, 0] = grid[0:3, 11] = [4, 2, 4]
    assert cropped_to_frame(grid, 0) is not None
    grid[4:9, 3] = grid[4:9, 7] = [5, 3, 3, 3, 5]
    whole = cropped_to_frame(grid, 0)
    assert whole is not None
    assert (whole.shape, whole[0, 0]) == ((5, 5), 5)


def test_all_lines_of_ink_part_a_grid_but_of_background_those_that_part_it_evenly() -> None:
    grid = np.full((5, 5), 1)
    grid[2] = grid[3] = 0
    assert lines(grid)[:, 0].tolist() == [False, False, True, False, False]
    inked = np.where(grid == 0, 4, 0)
    assert lines(inked)[:, 0].tolist() == [False, False, True, True, False]


@quick
@given(GRIDS, COLOUR)
def test_what_a_colour_touches_lies_beside_it(grid: Array, colour: int) -> None:
    flags = part_touches(grid, "one_colour_corners", colour)
    if flags is not None:
        assert (flags[grid == background(grid)] == -1).all()
        assert (flags[grid == colour] == 0).all()


@quick
@given(GRIDS, st.sampled_from(["border", "largest"]))
def test_stripes_are_full_lines_of_colours_of_the_grid(grid: Array, what: str) -> None:
    result = striped(grid, what, "stripes")
    if result is not None:
        assert (result == result[:1]).all() or (result == result[:, :1]).all()
        assert set(result.ravel().tolist()) <= set(grid.ravel().tolist()) - {background(grid)}


@quick
@given(GRIDS, COLOUR)
def test_as_many_cells_are_written_as_there_are_objects(grid: Array, colour: int) -> None:
    result = written_out(grid, colour, (3, 3))
    found = [part for part in parts(grid, "one_colour_sides") if part.mask.sum() > 1]
    count = sum(int(part.picture[part.mask][0]) == colour for part in found)
    if result is None:
        assert colour == background(grid) or not 0 < count <= 9
    else:
        assert (result == colour).sum() == count
