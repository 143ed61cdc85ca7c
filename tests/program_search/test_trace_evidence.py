"""What steps and rules go by on a grid is told so that each can be carried out by hand."""

from __future__ import annotations

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import OWN, Source
from agents.program_search.transforms.perception import COLOUR_SETS, DIVISIONS, OBJECTS, plural
from agents.program_search.transforms.registry import REGISTRY, steps_of
from agents.program_search.writing.doubts import Doubts
from agents.program_search.writing.part_words import PARTS_NAMED, part_lines, patch_lines
from agents.program_search.writing.rule_working import case_lines, seen_lines
from agents.program_search.writing.step_evidence import EVIDENCE, evidence_lines
from agents.program_search.writing.task_grids import TaskGrids
from agents.program_search.writing.working import worked
from tests.program_search.test_traces import constant, fact, grid


def evidence(name: str, text: str, *arguments: object) -> str:
    """What the trace says that a step goes by on the grid."""
    step = next(
        one for one in REGISTRY[name].steps() if one.arguments[: len(arguments)] == arguments
    )
    made = step.apply(grid(text))
    assert made is not None
    return "\n".join(evidence_lines(step, grid(text), made))


def test_a_step_that_compares_parts_is_shown_with_what_it_compares() -> None:
    step = next(
        one
        for one in steps_of("picture")
        if one.sentence()
        == "cut out the one-colour object (joined by sides) that has the least height"
    )
    lines = part_lines(step, grid("0220/0000/0300/0300"))
    assert lines[1:] == [
        "  row 1 columns 2-3, red (2): height 1",
        "  rows 3-4 column 2, green (3): height 2",
    ]


def test_every_step_can_be_worked_through_on_a_grid() -> None:
    given = grid("0220/0000/0300/0305")
    for step in steps_of("picture"):
        made = step.apply(given)
        if made is not None:
            one = Candidate((step,), None, 1.0, (made,))
            lines = worked(one, given, 0, says_layers=True, names_ground=True)
            assert lines[-len(made) - 1] == "- The result:"


def test_rows_of_parts_count_from_1_as_those_of_cells_do() -> None:
    step = next(
        one
        for one in steps_of("fact")
        if one.sentence().startswith("whether the one-colour object (joined by sides) that")
        and "the least top row" in one.sentence()
    )
    assert part_lines(step, grid("000/020"))[1].endswith("top row (counted from the top) 2")


def test_parts_chosen_by_a_colour_are_shown_with_their_cells_of_it() -> None:
    words = "cut out the object of any colours (joined by sides or corners) with the most cells of"
    step = next(one for one in steps_of("picture") if one.sentence() == f"{words} red (2)")
    lines = part_lines(step, grid("2200/0000/0012"))
    assert [line.split(": ")[1] for line in lines[1:]] == [
        "cells of red (2) 2",
        "cells of red (2) 1",
    ]


def test_parts_that_are_laid_over_each_other_are_written_out() -> None:
    told = evidence("overlaid", "1020/0102", (1, 2))
    assert told.endswith(
        "are rows 1-2 columns 1-2; rows 1-2 columns 3-4:\n  1 0 | 2 0\n  0 1 | 0 2"
    )


def test_what_is_counted_is_told_with_its_numbers() -> None:
    assert "blue (1) 3, green (3) 2 and red (2) 1" in evidence("charted", "113/320/010", -1)


def test_the_tile_that_is_repeated_is_written_out() -> None:
    told = evidence("continued", "1212/3434/1200/3400", "both", "background")
    assert told == "  The tile, 2×2, with its corner at (1, 1):\n  1 2\n  3 4"


def test_the_centre_of_images_is_told_between_lines_if_it_lies_there() -> None:
    told = evidence("completed_about", "0000/0220/0200/0000", "grid", "mirrors")
    assert told == "  The centre is between rows 2 and 3, between columns 2 and 3."


def test_missing_cells_that_no_image_fills_are_told() -> None:
    told = evidence("completed", "1221/3553/1551/2332", "sideways", "patch")
    assert "4 cells of the missing colour, grey (5), cannot be filled so" in told


def test_what_tells_of_steps_tells_of_those_that_there_are() -> None:
    assert set(EVIDENCE) <= set(REGISTRY)


def test_of_many_parts_those_are_told_that_a_step_is_after() -> None:
    words = "cut out the one-colour object (joined by sides) that has the greatest number of cells"
    step = next(one for one in steps_of("picture") if one.sentence() == words)
    lines = part_lines(step, grid("/".join(["1020304050"] * 2 + ["0" * 10] + ["1020304050"] * 3)))
    assert lines[0] == "  The parts, in reading order:"
    lines = part_lines(step, grid("/".join(["10203040506", "00000000000"] * 2 + ["10203040506"])))
    assert lines[0] == f"  {PARTS_NAMED} of the 18 parts, those with the greatest values:"
    lines = part_lines(step, grid("1020304050/0000000000/1020304050/0000000000/1020300044"))
    assert any(line.endswith("yellow (4): number of cells 2") for line in lines)


def test_looks_are_told_by_letters_with_what_they_mean() -> None:
    words = "cut out the pane between the full one-colour lines that is the only one with its shape"
    step = next(one for one in steps_of("picture") if one.sentence() == words)
    lines = part_lines(step, grid("10510520/01501502"))
    assert lines[0].endswith("(of equal shape if of one letter):")
    assert lines[1].endswith("shape A")


def test_missing_cells_are_told_where_what_they_hide_is_cut_out() -> None:
    step = next(
        one for one in REGISTRY["hidden_by_repetition"].steps() if "background" in one.arguments
    )
    assert patch_lines(step, grid("1212/2120")) == [
        "  The missing cells are black (0): cell (2, 4)."
    ]


def test_what_completes_an_object_is_told_with_how_it_is_turned() -> None:
    told = evidence("fragments_completed", "1200000/1100000/0000000/0000021/0000001", "any")
    assert "The largest object is at rows 1-2 columns 1-2." in told
    assert "that at rows 4-5 columns 6-7 by a copy mirrored left to right" in told


def test_bars_are_told_over_which_cells_are_mirrored() -> None:
    told = evidence("reflected_over_bars", "0000/2222/0000/0300")
    assert told == "  The bars, in red (2), are row 2 columns 1-4."


def test_copies_are_told_with_the_step_from_one_to_the_next() -> None:
    given = "00000000/01110300/01010300/01110300/00000000/00000000"
    told = evidence("repeated_by_fragments", given, "apart")
    assert told.endswith("Each copy lies beyond the last by 4 right (in green (3)).")


def test_the_way_that_each_object_moves_is_told() -> None:
    told = evidence("shifted", "10022/00000/00000", "one_colour_sides", "down", "cells")
    assert told == (
        "  The objects move down: that at (1, 1) by 1 and that at row 1 columns 4-5 by 2."
    )


def test_the_pattern_of_rows_that_go_on_is_told() -> None:
    assert evidence("made_taller", "1000/0100/0010") == (
        "  Every row comes again 1 row further down, moved 1 to the right."
    )
    assert evidence("lines_continued", "12012000/00000000/11011000", "row") == (
        "  The run of row 1 is 1 2 0.\n  The run of row 3 is 1 1 0."
    )


def test_colours_that_are_worked_out_are_told_with_their_cells() -> None:
    nearest = fact(
        "the colour that reaches the cell first if all ink spreads over background step by step "
        "(none"
    )
    rule = Rule((fact("whether the cell is background"),), {(1,): nearest, (0,): OWN}, OWN)
    told = list(case_lines(rule, grid("200003"), grid("200003")))
    assert told[0].endswith(": red (2) for 2 cells and green (3) for 2 cells.")
    told = list(case_lines(rule, grid("2000"), grid("2000")))
    assert told[0].endswith("step by step (none of them diagonal): red (2).")


def test_values_that_are_no_numbers_are_shown_with_their_key() -> None:
    margin = fact("where the cell lies about a one-colour object (joined by sides)")
    rule = Rule((margin,), {(1,): constant(3)}, OWN)
    told = list(seen_lines(rule, grid("00000/00000/00200/00000/00000"), grid("0")))
    assert "0 for in its box" in told[0]
    assert "  . . 0 . ." in told or "  0 0 0 0 0" not in told


def test_rays_are_told_with_the_objects_that_send_them() -> None:
    ray = fact("the colour of the ray that meets the cell")
    rule = Rule((fact("whether the cell is background"),), {(1,): ray, (0,): OWN}, OWN)
    told = list(seen_lines(rule, grid("000/020/000"), grid("000/020/000")))
    assert told[-1] == "- The objects that send rays: red (2) at (2, 2)."


def test_what_all_cells_depend_on_is_said_of_every_cell() -> None:
    count = next(
        one for one in steps_of("number") if one.sentence().startswith("the number of one-col")
    )
    words = Rule((Source("number", (count,)),), {(2,): constant(3)}, OWN).piece("grid").sentences
    assert words[0].startswith("Look at the number of one-colour objects")
    assert words[1:] == [
        "If that is 2, every cell becomes green (3).",
        "Otherwise every cell keeps its colour.",
    ]


def test_cells_of_no_part_are_named_where_only_they_are_left() -> None:
    touches = fact("whether the one-colour object (joined by sides) that the cell lies in touches")
    rule = Rule((touches,), {(0,): constant(3), (1,): constant(4), (-1,): OWN}, OWN)
    assert rule.piece("grid").sentences[-1] == (
        "If the cell lies in no one-colour object (joined by sides), it keeps its colour."
    )


def test_a_place_that_counts_only_by_being_none_is_asked_as_a_question() -> None:
    place = fact("the cell's place (0 on the rim, 1 inside) in the box of the first pane")
    rule = Rule((place,), {(-1,): constant(2), (0,): OWN, (1,): OWN}, OWN)
    assert rule.piece("grid").sentences == [
        "If the cell lies in no pane between the full one-colour lines, it becomes red (2).",
        "Otherwise it keeps its colour.",
    ]


def test_parts_have_a_plural() -> None:
    told = {**plural(OBJECTS), **plural(DIVISIONS), **plural(COLOUR_SETS)}
    assert told["mixed_sides"] == "objects of any colours (joined by sides)"
    assert told[1, 2] == "halves (left and right)"
    assert told["colours"] == "sets of the cells of each ink colour"
    assert [*plural(OBJECTS)] == [*OBJECTS]


def test_an_outcome_that_has_nothing_to_go_by_here_has_no_line() -> None:
    step = next(one for one in REGISTRY["evened"].steps() if "every row its" in one.sentence())
    rule = Rule((OWN,), {(2,): Source("picture", (step,))}, OWN)
    assert list(seen_lines(rule, grid("220/000"), grid("220/000"))) == []


def test_a_step_without_evidence_of_its_own_tells_where_it_cuts() -> None:
    step = next(REGISTRY["cropped"].steps())
    made = step.apply(grid("000/012/000"))
    assert made is not None
    one = Candidate((step,), None, 1.0, (made,))
    assert "  That is row 2 columns 2-3." in worked(
        one, grid("000/012/000"), 0, says_layers=True, names_ground=True
    )


def test_an_answer_that_breaks_what_all_pairs_have_in_common_is_doubted() -> None:
    inputs, outputs = [grid("102"), grid("120"), grid("111")], [grid("201"), grid("012")]
    one = Candidate((), None, 1.0, (*outputs, grid("110")))
    told = Doubts(TaskGrids(inputs, outputs)).about(one, Evidence(0, 1.0, passed=True))
    assert told[0].endswith("as the input; this answer to test input 1 breaks that.")


def test_ink_that_several_colours_reach_at_once_stops() -> None:
    reached = fact("the colour that reaches the cell first if all ink spreads").steps[0]
    made = reached.transform.function(grid("10002000"), *reached.arguments)
    assert made.tolist() == [[1, 1, 0, 2, 2, 2, 2, 2]]


def test_where_moved_cells_go_is_told() -> None:
    told = evidence("moved_to_box", "20000/00110/00110/00000", "beside")
    assert "red (2) goes from (1, 1) to (1, 2)." in told


def test_the_point_that_cells_are_seen_from_is_told() -> None:
    step = next(one for one in REGISTRY["seen_from_ink"].steps() if "lower_left" in one.arguments)
    seen, wide = grid("0000/0550/0555"), grid("0")
    assert evidence_lines(step, seen, wide)[0].endswith(
        "box of all ink is rows 2-3 columns 2-4; its lower left corner is (3, 2)."
    )


def test_a_number_that_counts_by_twos_reads_as_even_or_odd() -> None:
    steps = fact("the number of steps (also diagonal ones) to the nearest cell that is not")
    even = next(
        one
        for one in REGISTRY["distance_to_ink"].steps()
        if one.arguments == (*steps.steps[0].arguments[:1], 2)
    )
    told = Rule((Source("picture", (even,)),), {(0,): constant(3)}, OWN).piece("grid").sentences
    assert told[1] == "If that is even, it becomes green (3)."
