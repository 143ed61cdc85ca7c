"""What traces say of words with a sense of their own."""

from __future__ import annotations

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.evidence import Evidence
from agents.program_search.transforms.registry import REGISTRY
from agents.program_search.writing.terms import PANES, SEVERAL_COLOURS, UNDIVIDED, terms_in
from agents.program_search.writing.trace import TraceWriter
from tests.program_search.test_traces import grid


def test_words_with_a_sense_of_their_own_are_explained() -> None:
    told = terms_in("Crop to the box of all that is not background.", is_stack=False)
    assert [line.split()[1] for line in told] == ["Background", "The"]
    assert terms_in("Turn the grid by half a turn.", is_stack=False) == []


def test_of_panes_only_that_is_told_which_the_grids_need() -> None:
    (_, told) = terms_in("Cut out the panes of ink.", [grid("102/555/001")], is_stack=False)
    assert told == f"- {PANES}"
    (_, told) = terms_in(
        "Cut out the panes of ink.", [grid("152/555/001"), grid("1")], is_stack=False
    )
    assert told == f"- {PANES} {UNDIVIDED}"
    several = [grid("1052/5555/1051/2222/1010")]
    (_, told) = terms_in("Cut out the panes of ink.", several, is_stack=False)
    assert told == f"- {PANES} {SEVERAL_COLOURS}"


def test_none_is_explained_only_where_a_fact_is_none() -> None:
    told = terms_in("If that is none, it keeps its colour.", is_stack=False)
    assert [line[:15] for line in told] == ["- A value is no"]
    assert terms_in("Look at the colour (0 if there is none) of it.", is_stack=False) == []


def test_objects_are_explained_as_the_rule_joins_them() -> None:
    both = "Keep one-colour objects (joined by sides). Erase one-colour objects."
    sides = terms_in("Keep one-colour objects (joined by sides).", is_stack=False)[-1]
    assert sides == "- A one-colour object is cells of one ink colour that are joined by sides."
    assert any(line.endswith("only sides join.") for line in terms_in(both, is_stack=False))


def test_a_rule_that_crops_first_is_told_the_background_of_what_it_makes() -> None:
    cut, one = next(REGISTRY["cropped"].steps()), next(REGISTRY["one_cell"].steps())
    pair, made = grid("00000/02220/02120/00000"), grid("1")
    candidate = Candidate((cut, one), None, 1.0, (made, made))
    trace = TraceWriter([pair, pair], [made], []).write(
        candidate, Evidence(0, 0.5, passed=True), None
    )
    assert "or the commonest colour of the picture at hand if that has no black" in trace
    assert "Background is black (0); the rest is ink." not in trace
