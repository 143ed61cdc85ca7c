"""Transforms that move cells to objects, repeat objects, and see places from the only ink."""

from __future__ import annotations

import numpy as np
import pytest

from agents.program_search.transforms.cropping import commonest_part
from agents.program_search.transforms.facts import in_free_block, largest_free
from agents.program_search.transforms.matching import repeated_by_fragments
from agents.program_search.transforms.moves import moved_to_box
from agents.program_search.transforms.part_facts import part_fellows
from agents.program_search.transforms.rays import brought_to_blocks
from agents.program_search.transforms.seeds import seen_from_ink
from agents.program_search.transforms.summaries import rings_recoloured
from agents.program_search.transforms.traits import look, shape
from tests.program_search.test_parts import grid


def test_cells_move_beside_the_box_or_into_it() -> None:
    given_one = grid("500000/002200/002200/000005")
    beside = moved_to_box(given_one, "beside")
    within = moved_to_box(given_one, "in")
    assert beside is not None
    assert within is not None
    assert beside.tolist() == grid("050000/002200/002200/000050").tolist()
    assert within.tolist() == grid("000000/005200/002500/000000").tolist()


def test_cells_that_move_to_a_block_stop_before_each_other() -> None:
    moved = brought_to_blocks(grid("30055/00055/03055"), "move", "largest")
    assert moved is not None
    assert moved.tolist() == grid("00355/00055/00355").tolist()
    queue = brought_to_blocks(grid("30300055/00000055"), "move", "largest")
    assert queue is not None
    assert queue.tolist() == grid("00003355/00000055").tolist()


def test_copies_that_fragments_begin_go_on_to_the_border() -> None:
    apart = repeated_by_fragments(grid("880300000/880000000"), "apart")
    close = repeated_by_fragments(grid("8000/0300/0000/0000"), "close")
    assert apart is not None
    assert apart.tolist() == grid("880330330/880330330").tolist()
    assert close is not None
    assert close.tolist() == grid("8000/0300/0030/0003").tolist()


def test_a_speck_that_no_copy_covers_repeats_nothing() -> None:
    assert repeated_by_fragments(grid("8800000/8800000/0000000/0000003"), "apart") is None


@pytest.mark.parametrize("measure", ["row", "column", "rising", "falling", "steps"])
def test_places_seen_from_the_only_dot_move_with_it(measure: str) -> None:
    whole = np.zeros((9, 9), int)
    whole[4, 4] = 3
    for count in ("near", "sign", "twos"):
        first = seen_from_ink(whole, "middle", measure, count)
        second = seen_from_ink(np.roll(whole, (2, 3), (0, 1)), "middle", measure, count)
        assert first is not None
        assert second is not None
        assert (first[:7, :6] == second[2:, 3:]).all()


def test_places_are_seen_from_at_most_two_objects() -> None:
    assert seen_from_ink(grid("10001/00000/00200"), "middle", "row", "sign") is None


@pytest.mark.parametrize("text", ["00100/10000/00000/01001", "00001/00000/10000/00010/00000"])
def test_the_largest_free_block_is_free_and_no_larger_one_is(text: str) -> None:
    whole = grid(text)
    flags, (tall, wide) = in_free_block(whole, "largest"), largest_free(whole)
    assert flags.any()
    assert not whole[flags == 1].any()
    for height in range(2, len(whole) + 1):
        for width in range(tall * wide // height + 1, len(whole.T) + 1):
            if width > 1:
                assert not in_free_block(whole, (height, width)).any()


def test_the_commonest_object_is_cut_out() -> None:
    made = commonest_part(grid("2202/0000/2202"), "one_colour_sides", look)
    assert made is None  # two of each
    made = commonest_part(grid("22022/00000/20000"), "one_colour_sides", look)
    assert made is not None
    assert made.tolist() == [[2, 2]]


def test_fellows_are_counted_in_reading_order() -> None:
    first = part_fellows(grid("1020/0003"), "one_colour_sides", shape, "first")
    assert first.tolist() == [[1, -1, 2, -1], [-1, -1, -1, 3]]


def test_rings_of_a_grid_without_black_change_colours_too() -> None:
    made = rings_recoloured(grid("3333/3223/3223/3333"), "reverse")
    assert made is not None
    assert made.tolist() == grid("2222/2332/2332/2222").tolist()
