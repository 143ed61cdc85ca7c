"""The words of traces: each line that they tell of a grid is true of it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.evidence import Evidence, WithoutPair
from agents.program_search.search.rules import Case, Rule, boxes_of, condition, values_words
from agents.program_search.search.sources import OWN, Source
from agents.program_search.solving import rival_of
from agents.program_search.stacking.layers import Stack
from agents.program_search.stacking.search import stacked
from agents.program_search.transforms.registry import REGISTRY, Array, steps_of
from agents.program_search.transforms.traits import FLAGS, LACKS
from agents.program_search.writing.grid_words import cells_words
from agents.program_search.writing.ideas import Ideas
from agents.program_search.writing.open_cases import unshown_words
from agents.program_search.writing.pair_words import common_words, pair_words
from agents.program_search.writing.program import program_of
from agents.program_search.writing.rule_words import (
    TABLE,
    form_of,
    rule_paragraph,
    rule_section,
)
from agents.program_search.writing.rule_working import seen_lines
from agents.program_search.writing.task_grids import TaskGrids
from agents.program_search.writing.trace import TraceWriter
from tests.program_search.test_stacking import BUDGET, over_a_column

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)
WIDTH = 7


def grid(text: str) -> Array:
    return np.array([[int(cell) for cell in row] for row in text.split("/")])


def fact(start: str) -> Source:
    step = next(one for one in steps_of("fact", "paint") if one.sentence().startswith(start))
    return Source("picture", (step,))


def constant(colour: int) -> Source:
    return Source("constant", colour=colour)


@quick
@given(st.sets(st.integers(0, 5 * WIDTH - 1), min_size=1))
def test_cells_are_named_by_blocks_that_hold_them_and_no_others(cells: set[int]) -> None:
    words = cells_words(sorted(cells), WIDTH)
    named = set[int]()
    for row, column in re.findall(r"\((\d+), (\d+)\)", words):
        named.add((int(row) - 1) * WIDTH + int(column) - 1)
    block = r"rows? (\d+)(?:-(\d+))? columns? (\d+)(?:-(\d+))?"
    for top, low, left, right in re.findall(block, words):
        rows, columns = (
            range(int(top), int(low or top) + 1),
            range(int(left), int(right or left) + 1),
        )
        named |= {(row - 1) * WIDTH + column - 1 for row, column in product(rows, columns)}
    assert named <= cells if "among them" in words else named == cells


@quick
@given(st.sets(st.tuples(st.integers(-1, 3), st.integers(0, 4), st.integers(0, 1)), min_size=1))
def test_boxes_hold_just_the_cases_that_are_told_together(cases: set[tuple[int, int, int]]) -> None:
    boxes = boxes_of(cases)
    told = [case for box in boxes for case in product(*box)]
    assert sorted(told) == sorted(cases)


def test_numbers_in_a_row_are_told_as_a_range_and_others_one_by_one() -> None:
    assert values_words([-1, 0, 1, 2, 3, 7, 8], {}) == "none, 0 to 3, 7 or 8"
    assert values_words([0, 1], {0: "no", 1: "yes"}) == "no or yes"


def rule_of_two() -> Rule:
    """Black cells that are walled in become red, and others with two neighbours green."""
    facts = fact("whether the cell is walled-in background"), fact("the number of the cell's four")
    table = {(1, count): constant(2) for count in range(5)} | {(0, 2): constant(3)}
    return Rule(facts, table | {(0, count): OWN for count in (0, 1, 3, 4)}, OWN)


def test_every_case_of_a_rule_is_in_its_words() -> None:
    words = " ".join(rule_of_two().piece("grid").sentences)
    assert "more" not in words
    assert "0 to 4" in words
    assert "it becomes red (2)" in words


def test_the_cells_own_colour_is_asked_in_the_clause_and_not_looked_at_first() -> None:
    rule = Rule((OWN,), {(5,): constant(1), (0,): OWN}, OWN)
    sentences = rule.piece("grid").sentences
    assert sentences == [
        "If the cell is grey (5), it becomes blue (1).",
        "Otherwise it keeps its colour.",
    ]


def test_names_in_clauses_are_those_of_the_programs_variables() -> None:
    rule = Rule(
        (OWN, fact("the number of the cell's four")), {(5, 2): constant(1), (0, 0): OWN}, OWN
    )
    piece = rule.piece("grid")
    assert "If that is 2 and the cell is grey (5)" in piece.sentences[1]
    assert piece.lines[2] == "fact_b = grid"


def test_a_fact_alone_is_refuted_by_two_cells_that_it_does_not_tell_apart() -> None:
    given, wanted = grid("000/055/005"), grid("000/011/001")
    rule = Rule((OWN, fact("the number of the cell's four")), {(5, 2): constant(1)}, OWN)
    told = Ideas(TaskGrids([given], [wanted]), []).near_misses(Candidate((), rule, 9.0, (wanted,)))
    assert told == []
    other = grid("000/015/005")
    told = Ideas(TaskGrids([given], [other]), []).near_misses(Candidate((), rule, 9.0, (other,)))
    assert "grey (5) for both (2, 2) and (2, 3)" in " ".join(told)
    assert "blue (1) at the one and grey (5) at the other" in " ".join(told)


def test_a_rule_that_one_pair_alone_refutes_is_told_with_that_pair() -> None:
    given, outputs = [grid("12"), grid("34")], [grid("21"), grid("43")]
    ideas = Ideas(TaskGrids(given, outputs), [])
    turned, kept = (Rule((), {}, source) for source in (constant(4), OWN))
    rule = Candidate((), turned, 9.0, tuple(outputs))
    other = Candidate((), kept, 8.0, (outputs[0], grid("45")))
    (told,) = ideas.near_misses(rule, [WithoutPair(True, rule), WithoutPair(False, other)])
    assert told == (
        f"- {rule_paragraph(other)} This fits all pairs but pair 2, where it gives grey (5) at "
        "(1, 2) instead of green (3)."
    )
    assert ideas.near_misses(rule, [WithoutPair(None, None), WithoutPair(True, other)]) == []


def test_an_idea_that_does_little_is_no_near_miss() -> None:
    given = np.zeros((10, 10), int)
    wanted = given.copy()
    wanted[0, :2] = 3
    lazy = [one for one in steps_of("picture") if one.sentence().startswith("erase every cell")]
    states = [type("State", (), {"steps": (one,), "cost": 1.0, "grids": (given,)}) for one in lazy]
    ideas = Ideas(TaskGrids([given], [wanted]), states)  # type: ignore[arg-type]
    assert ideas.near_misses(Candidate((), None, 9.0, (wanted,))) == []


@pytest.fixture(scope="module")
def stacks() -> list[list[Candidate]]:
    inputs, outputs = zip(*(over_a_column(seed) for seed in range(4)), strict=True)
    return stacked(inputs, outputs[:3], BUDGET)


def test_the_last_canvas_of_a_stack_is_its_output(stacks: list[list[Candidate]]) -> None:
    for one in [one for group in stacks for one in group][:20]:
        for number, output in enumerate(one.outputs):
            *_, last = one.finish.canvases(number)  # type: ignore[union-attr]
            np.testing.assert_array_equal(last, output)


def test_a_stack_is_worked_through_with_the_canvas_after_each_layer(
    stacks: list[list[Candidate]],
) -> None:
    best = next(one for group in stacks for one in group if len(one.finish.layers) > 1)  # type: ignore[union-attr]
    inputs, outputs = zip(*(over_a_column(seed) for seed in range(4)), strict=True)
    text = TraceWriter(inputs, outputs[:3], []).write(best, Evidence(0, 1.0, passed=True), None)
    worked_through = text.split("Worked through on pair")[1].split("\n\n")[0]
    layers = re.findall(r"^  Layer (\d+) changes", worked_through, re.MULTILINE)
    assert [int(number) for number in layers] == [*range(1, len(best.finish.layers) + 1)]  # type: ignore[union-attr]
    assert worked_through.count("the canvas:") >= 1


def test_a_stack_has_the_best_other_answer_as_its_rival(stacks: list[list[Candidate]]) -> None:
    stack, rule = stacks[0][0], Candidate((), None, 1.0, (grid("1"),))
    first, second = (type("Answer", (), {"programs": [one]})() for one in (stack, rule))
    assert rival_of([first, second], first) is rule
    assert rival_of([first, second], second) is stack


def test_a_rival_is_told_with_the_cell_where_it_answers_otherwise() -> None:
    pair = grid("12")
    one, other = (
        Candidate((), None, cost, (pair, grid(end))) for cost, end in ((1.0, "34"), (2.0, "35"))
    )
    text = TraceWriter([pair, pair], [pair], []).write(one, Evidence(0, 0.5, passed=True), other)
    assert "grey (5) at (1, 2), the rule above yellow (4)." in text


def test_flags_and_their_denials_are_of_the_same_traits() -> None:
    assert list(FLAGS) == list(LACKS)
    assert not set(FLAGS.values()) & set(LACKS.values())


def test_a_pair_tells_where_the_output_stands_in_the_input() -> None:
    words = pair_words(grid("000/012/000"), grid("12"), says_panes=False)
    assert "the output stands in the input at row 2 columns 2-3" in words


def test_what_is_said_of_all_pairs_holds_for_all() -> None:
    given, wanted = [grid("12/21"), grid("11/22")], [grid("34/43"), grid("33/44")]
    assert "blue (1) to green (3) and red (2) to yellow (4)" in " ".join(
        common_words(given, wanted)
    )
    assert list(common_words(given, [grid("34/43"), grid("43/44")])) == []


def test_a_rule_of_many_cases_is_a_table_with_a_line_for_each() -> None:
    below, above = fact("the first colour besides background met going down"), OWN
    table: dict[Case, Source] = {(n, n): constant(n + 4) for n in range(1, 6)}
    rule = Rule((below, above), table, OWN)
    candidate = Candidate((), rule, 1.0, ())
    first, *cases, last = rule_section(candidate)
    assert first.endswith(TABLE)
    assert form_of(candidate) == "table"
    assert len(cases) == 5
    assert cases[0].endswith("and the cell is blue (1), it becomes grey (5).")
    assert last == "- Otherwise it keeps its colour."
    few = Rule((below, above), dict(list(table.items())[:2]), OWN)
    assert form_of(Candidate((), few, 1.0, ())) == "idea"
    assert rule_section(Candidate((), few, 1.0, ())) == [
        rule_paragraph(Candidate((), few, 1.0, ()))
    ]


def test_each_layer_of_a_stack_has_a_line_of_its_own() -> None:
    inputs, outputs = zip(*(over_a_column(seed) for seed in range(3)), strict=True)
    for candidate in chain.from_iterable(stacked(inputs, outputs, BUDGET)):
        assert isinstance(candidate.finish, Stack)
        lines = rule_section(candidate)
        assert " ".join(lines).replace("- Layer", "Layer").startswith(rule_paragraph(candidate))
        layers = [line for line in lines if line.startswith("- Layer")]
        assert len(layers) == len(candidate.finish.layers)


def test_a_grid_without_black_tells_which_colour_is_background() -> None:
    step = next(REGISTRY["cropped"].steps())
    pair = grid("555/525/555")
    rule = Candidate((step,), None, 1.0, (grid("2"), grid("2")))
    trace = TraceWriter([pair, pair], [grid("2")], []).write(
        rule, Evidence(0, 0.5, passed=True), None
    )
    assert trace.count("The background here is grey (5).") == 2


def test_a_first_step_goes_if_pictures_that_a_rule_looks_at_give_the_size_too() -> None:
    step, turned = (next(REGISTRY[name].steps()) for name in ("cropped", "turned"))
    rule = Rule((Source("grid", (step, turned)),), {(0,): constant(4)}, constant(5))
    candidate = Candidate((step,), rule, 1.0, (grid("55"),))
    assert rule_paragraph(candidate).startswith("Make picture P from the input grid: ")
    assert "picture = " not in program_of(candidate)
    kept = Candidate((step,), Rule(rule.facts, {(0,): OWN}, constant(5)), 1.0, (grid("55"),))
    assert rule_paragraph(kept).startswith("First ")


def test_a_first_step_of_which_only_the_size_counts_is_told_by_its_size() -> None:
    step = next(REGISTRY["cropped"].steps())
    count = next(
        one for one in steps_of("number") if "the number of colours besides" in one.sentence()
    )
    rule = Rule((Source("number", (count,)),), {(0,): constant(4)}, constant(5))
    made, wide = grid("45"), grid("455")
    alike = Candidate((step,), rule, 1.0, (made, made))
    other = Candidate((step,), rule, 1.0, (made, wide))
    assert rule_paragraph(alike).startswith("First start with a grid of 1×2 cells. Then ")
    assert "picture = np.zeros((1, 2), int)" in program_of(alike)
    assert "(only the size of that counts)" in rule_paragraph(other)
    seen = Rule((OWN,), {(0,): constant(4)}, constant(5))
    assert "size" not in rule_paragraph(Candidate((step,), seen, 1.0, (made, made)))


def test_the_words_of_another_rule_stand_beside_it() -> None:
    pair, other = grid("12"), grid("35")
    rule = Candidate((), None, 1.0, (pair, grid("34")))
    step = next(one for one in REGISTRY["chosen_part"].steps() if "one-colour" in one.sentence())
    rival = Candidate((step,), None, 2.0, (pair, other))
    writer = TraceWriter([pair, pair], [pair], [])
    trace = writer.write(rule, Evidence(0, 0.5, passed=True), rival)
    assert "The words of the rule" not in trace
    assert "(In that rule: Background is black" in trace


def questions() -> list[Source]:
    """Every fact that is a question of yes or no, a source each."""
    steps = [one for one in steps_of("fact") if one.sentence().startswith("whether ")]
    return [Source("picture", (one,)) for one in steps]


def test_questions_are_answered_by_the_values_that_their_words_allow() -> None:
    given = grid("02200/02120/00000/30503")
    for one in questions():
        shown = one.steps[0].transform.function(given, *one.steps[0].arguments)
        if shown is not None:
            assert {*np.unique(shown).tolist()} <= {*one.answers()}


def test_every_question_can_be_denied() -> None:
    for one in questions():
        yes, no = condition(one, [1], ""), condition(one, [0], "")
        assert yes != no
        assert "it is not so" not in no


@quick
@given(st.dictionaries(st.tuples(st.integers(-1, 1), st.integers(0, 1)), st.integers(1, 3)))
def test_what_is_told_of_questions_is_what_the_table_says(
    table: dict[tuple[int, int], int],
) -> None:
    facts = fact("whether the one-colour object (joined by sides) that"), fact("whether the cell")
    rule = Rule(facts, {case: constant(to) for case, to in table.items()}, OWN)
    listed, last = rule.clauses()
    for case in product((-1, 0, 1), (0, 1)):
        boxes = {to: rule.boxes(cases) for to, cases in listed.items()}
        told = [
            to
            for to, many in boxes.items()
            if any(all(map(frozenset.__contains__, one, case)) for one in many)
        ]
        assert told == ([] if rule.table.get(case, OWN) == last else [rule.table.get(case, OWN)])


def test_a_question_is_told_by_its_yes() -> None:
    between = fact("whether the cell is background between ink of one colour in its column")
    told = Rule((between,), {(0,): constant(3), (1,): OWN}, OWN).piece("grid").sentences
    assert told[0].startswith("If the cell is background between ink of one colour in its")
    assert told[0].endswith("it keeps its colour.")
    assert told[1] == "Otherwise it becomes green (3)."


def test_a_fact_that_only_parts_what_lies_in_a_part_is_told_so() -> None:
    touches = fact("whether the one-colour object (joined by sides) that the cell lies in touches")
    rule = Rule((touches,), {(-1,): OWN, (0,): constant(3), (1,): constant(3)}, OWN)
    words = " ".join(rule.piece("grid").sentences)
    assert words.startswith("If the cell lies in a one-colour object (joined by sides), it becomes")
    seen = "\n".join(seen_lines(rule, grid("020/000"), grid("020/000")))
    assert "touches" not in seen
    assert "  0 1 0" in seen


def test_a_picture_that_is_copied_is_made_first_and_goes_by_a_letter() -> None:
    mirror = next(
        one for one in steps_of("picture") if one.sentence() == "mirror the grid left to right"
    )
    piece = Rule((OWN,), {(5,): Source("grid", (mirror,)), (0,): OWN}, OWN).piece("grid")
    assert piece.sentences[:2] == [
        "Make picture P from the input grid: mirror the grid left to right.",
        "If the cell is grey (5), it takes the colour of picture P at its place.",
    ]
    assert f"# {piece.sentences[0]}" == piece.lines[0]
    assert "answer = np.where(chosen, picture_p, answer)" in piece.lines


def test_a_question_that_numbers_answer_is_shown_by_1_and_0() -> None:
    ends = fact("whether only the two ends are inked (1 if so) in the cell's row")
    rule = Rule((ends,), {(0,): OWN, (1,): constant(3)}, OWN)
    seen = list(seen_lines(rule, grid("202/000"), grid("202/000")))
    assert seen[1:] == ["  1 1 1", "  0 0 0"]
    assert seen[0].endswith("in the cell's row, cell by cell (1 for yes, 0 for no):")


def test_a_value_of_no_part_is_told_as_lying_in_none() -> None:
    cells = fact("the number of cells of the one-colour object (joined by sides) that the cell")
    told = Rule(
        (cells,), {(-1,): OWN, (2,): constant(3), (4,): constant(1), (5,): constant(1)}, constant(1)
    )
    assert told.piece("grid").sentences[1:] == [
        "If the cell lies in no one-colour object (joined by sides), it keeps its colour.",
        "If that is 2, it becomes green (3).",
        "Otherwise it becomes blue (1).",
    ]


def test_what_is_alike_for_every_cell_is_said_in_a_line() -> None:
    rule = Rule((fact("whether the cell is background"),), {(0,): OWN, (1,): constant(3)}, OWN)
    seen = list(seen_lines(rule, grid("000"), grid("000")))
    assert seen == ["- Whether the cell is background: yes for every cell."]


def test_a_near_miss_by_ranks_names_the_outputs_colours_as_they_are() -> None:
    given, wanted = grid("0000/5550/0100"), grid("0000/5850/0100")
    rule = Rule((OWN, fact("the number of the cell's four")), {(1, 3): constant(8)}, OWN)
    candidate = Candidate((), rule, 9.0, (wanted,), renumbered=True)
    (line,) = Ideas(TaskGrids([given], [wanted]), []).near_misses(candidate)[:1]
    assert "azure (8)" in line
    assert "eighth" not in line


def test_values_of_a_test_input_that_no_pair_shows_are_named() -> None:
    step = next(one for one in steps_of("fact") if "part_measure(" in one.code("picture"))
    fact = Source("picture", (step,))
    rule = Rule((fact,), {(1,): Source("constant", colour=4), (-1,): OWN}, OWN)
    grid = np.array([[3, 0, 3, 3, 3]])
    assert unshown_words(rule, grid, grid).startswith("3 as the number of cells of the ")
    assert unshown_words(rule, grid[:, :2], grid[:, :2]) == ""


def test_numbers_of_the_whole_grid_that_pairs_do_not_settle_are_a_table() -> None:
    step = next(one for one in steps_of("number") if "the number of colours" in one.sentence())
    rule = Rule((Source("number", (step,)),), {(1,): constant(2), (2,): constant(3)}, OWN)
    unsettled = Candidate((), rule, 1.0, (), left_out=(True, False))
    assert form_of(unsettled) == "table"
    assert form_of(replace(unsettled, left_out=(True, True))) == "idea"


def test_colours_that_change_into_others_are_no_table() -> None:
    rule = Rule((OWN,), {(n,): constant(n + 1) for n in range(5)}, OWN)
    assert form_of(Candidate((), rule, 1.0, (), left_out=(True, False))) == "idea"
