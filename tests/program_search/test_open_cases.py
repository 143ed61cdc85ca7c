"""What traces say that the pairs leave open."""

from __future__ import annotations

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import OWN, Source
from agents.program_search.transforms.registry import REGISTRY, steps_of
from agents.program_search.writing.doubts import Doubts
from agents.program_search.writing.open_cases import open_lines, telling_pairs_apart
from agents.program_search.writing.rule_words import (
    LONGEST_RULE,
    rule_paragraph,
)
from agents.program_search.writing.task_grids import TaskGrids
from agents.program_search.writing.ties import tie_lines
from tests.program_search.test_traces import constant, fact, grid


def test_a_rival_is_told_whole_or_not_at_all() -> None:
    pair, other = grid("12"), grid("35")
    rule = Candidate((), None, 1.0, (pair, grid("34")))
    finish = Rule((OWN,), {(5,): constant(1), (0,): OWN}, OWN)
    doubts, found = Doubts(TaskGrids([pair, pair], [grid("67")])), Evidence(0, 0.5, passed=True)
    short = Candidate((), finish, 2.0, (pair, other))
    (told,) = doubts.rival(rule, found, short)
    assert rule_paragraph(short) in told
    assert "For test input 1 it gives grey (5) at (1, 2)" in told
    step = next(REGISTRY["cropped"].steps())
    long = Candidate((step,) * (LONGEST_RULE // 30), finish, 2.0, (pair, other))
    assert list(doubts.rival(rule, found, long)) == []


def test_a_colour_that_is_kept_as_no_pair_shows_it_is_a_guess() -> None:
    below = fact("the first colour besides background met going down")
    rule = Rule((below,), {(0,): constant(7), (2,): OWN}, OWN)
    pair, test = grid("10/20"), grid("00/20")
    candidate = Candidate((), rule, 1.0, (pair, test))
    (told,) = open_lines(TaskGrids([pair, test], [pair]), candidate)
    assert told.startswith("- Cell (1, 1) of test input 1: it is black (0), and the pairs show its")
    assert list(open_lines(TaskGrids([pair, pair], [pair]), candidate)) == []


def test_cells_of_a_case_that_no_pair_shows_are_a_guess() -> None:
    below = fact("the first colour besides background met going down")
    rule = Rule((below,), {(0,): constant(7), (2,): OWN}, OWN)
    pair, test = grid("100/200"), grid("130/230")
    candidate = Candidate((), rule, 1.0, (pair, test))
    told, *_ = open_lines(TaskGrids([pair, test], [pair]), candidate)
    assert "Cell (1, 2) of test input 1: no pair shows its case (green (3) as the first" in told
    assert told.endswith("that it keeps its colour is a guess.")


def test_a_number_that_differs_from_pair_to_pair_may_only_tell_them_apart() -> None:
    step = next(
        one for one in steps_of("number") if "the number of colours besides" in one.sentence()
    )
    number = Source("number", (step,))
    rule = Rule((number,), {(1,): constant(5), (2,): constant(6)}, OWN)
    inputs = [grid("10"), grid("12/00"), grid("12")]
    candidate = Candidate((), rule, 1.0, tuple(inputs))
    (told,) = telling_pairs_apart(TaskGrids(inputs, inputs[:2]), candidate)
    assert told.endswith("differs from pair to pair, so it may only tell the pairs apart.")
    alike = [inputs[0]] * 2
    assert list(telling_pairs_apart(TaskGrids(alike, alike), candidate)) == []


def test_a_number_of_which_the_pairs_show_few_values_stays_open() -> None:
    holes = fact("the number of holes of the one-colour object (joined by sides)")
    rule = Rule((holes,), {(-1,): OWN, (0,): OWN, (1,): constant(8)}, OWN)
    candidate = Candidate((), rule, 1.0, (grid("1"),))
    writer = Doubts(TaskGrids([grid("1")], [grid("1")]))
    doubts = writer.about(candidate, Evidence(0, 1.0, passed=True))
    assert "show only none, 0 and 1 as the number of holes" in " ".join(doubts)


def test_a_stack_beside_a_rule_that_is_found_is_not_told() -> None:
    pair = grid("12")
    rule = Candidate((), None, 1.0, (pair, pair, grid("34")), left_out=(True, True))
    stack = Candidate((), None, 0.5, (pair, pair, grid("35")), search="stacking")
    writer = Doubts(TaskGrids([pair] * 3, [grid("34"), grid("35")]))
    found = Evidence(0, 1.0, passed=True, again=(True, True))
    assert list(writer.rival(rule, found, stack)) == []
    assert list(writer.rival(rule, found._replace(share=0.5), stack))


def test_a_rival_that_breaks_what_all_pairs_have_is_not_told() -> None:
    pair = grid("12")
    rule, kind, other = (
        Candidate((), None, cost, (pair, pair, grid(end)))
        for cost, end in ((1.0, "21"), (1.5, "11"), (1.5, "2"))
    )
    doubts = Doubts(TaskGrids([pair, grid("23"), pair], [grid("11"), grid("22")]))
    unsure = Evidence(0, 0.5, passed=True)
    assert [bool(list(doubts.rival(rule, unsure, one))) for one in (kind, other)] == [True, False]


def test_a_case_that_one_pair_shows_alone_is_named() -> None:
    pairs = [grid("05"), grid("07"), grid("05")]
    rule = Rule((OWN,), {(5,): OWN, (7,): constant(1), (0,): OWN}, OWN)
    candidate = Candidate((), rule, 1.0, tuple(pairs), left_out=(True, False, True))
    told = Doubts(TaskGrids(pairs, pairs)).about(candidate, Evidence(0, 1.0, passed=True))
    assert told == ["- Only pair 2 shows what becomes of a cell if the cell is orange (7)."]


def test_cells_that_meet_several_colours_as_in_no_pair_are_a_guess() -> None:
    seen = fact("the colour of the first ink that is met going in each of the four straight")
    rule = Rule((OWN,), {(0,): seen, (1,): OWN, (2,): OWN}, OWN)
    pair, test = grid("101/000"), grid("102/000")
    candidate = Candidate((), rule, 1.0, (pair, test))
    (told,) = open_lines(TaskGrids([pair, test], [pair]), candidate)
    assert told == (
        "- Cell (1, 2) of test input 1: it meets ink of several colours, as no such cell of the "
        "pairs does; that it becomes background is a guess."
    )
    assert list(open_lines(TaskGrids([test, test], [test]), candidate)) == []


def test_a_tie_that_only_a_test_input_has_is_told() -> None:
    pair, tied = grid("11200"), grid("11220")
    rule = "Answer with one cell of the commonest colour besides background."
    (told,) = tie_lines(TaskGrids([pair, tied], [grid("1")]), rule)
    assert told.startswith(
        "- In test input 1 blue (1) and red (2) are equally common (2 cells each)"
    )
    assert list(tie_lines(TaskGrids([tied, tied], [grid("1")]), rule)) == []
    assert list(tie_lines(TaskGrids([pair, tied], [grid("1")]), "Turn the grid.")) == []


def test_a_colour_that_every_cell_looks_up_may_meet_several_as_in_no_pair() -> None:
    seen = fact("the colour of the first ink that is met going in each of the four straight")
    pair, test = grid("101/000"), grid("102/000")
    candidate = Candidate((), Rule((), {}, seen), 1.0, (pair, test))
    told = " ".join(open_lines(TaskGrids([pair, test], [pair]), candidate))
    assert "(1, 2)" in told
    assert "ink of several colours" in told
