from tests.support.attempts import choose_attempts, choose_voted_attempts
from utilities.scoring.attempts import (
    Candidate,
    choose,
    choose_by_vote,
    different_answers,
    grids_of,
    ranked,
)

A, B, C = [[1]], [[2]], [[3, 3]]


def candidate(index, outputs, *, passed=(True, True), code_length=100, confidence=None):
    return Candidate(index, passed, outputs, code_length, confidence)


def test_a_program_that_solves_more_train_pairs_comes_first():
    weak = [candidate(index, (A,), passed=(True, False)) for index in range(3)]
    strong = candidate(3, (B,))
    assert choose_attempts([*weak, strong], 1) == [[B, A]]


def test_among_equally_right_programs_the_output_with_more_votes_comes_first():
    candidates = [
        candidate(0, (A,), code_length=1),
        candidate(1, (B,)),
        candidate(2, (B,)),
        candidate(3, (C,)),
    ]
    assert choose_attempts(candidates, 1) == [[B, A]]


def test_with_equal_votes_the_shorter_program_comes_first():
    candidates = [candidate(0, (A,), code_length=90), candidate(1, (B,), code_length=80)]
    assert choose_attempts(candidates, 1) == [[B, A]]


def test_the_agents_confidence_comes_before_shortness_and_after_votes():
    sure = candidate(0, (A,), code_length=90, confidence=0.9)
    short = candidate(1, (B,), code_length=80, confidence=0.2)
    assert choose_attempts([sure, short], 1) == [[A, B]]
    assert choose_attempts([sure, short, candidate(2, (B,), confidence=0.1)], 1) == [[B, A]]


def test_with_all_else_equal_the_lower_index_comes_first():
    assert choose_attempts([candidate(1, (A,)), candidate(0, (B,))], 1) == [[B, A]]


def test_candidates_vote_together_only_when_all_their_outputs_agree():
    candidates = [
        candidate(0, (A, A), code_length=1),
        candidate(1, (A, B), code_length=2),
        candidate(2, (B, C)),
        candidate(3, (B, C)),
    ]
    assert choose_attempts(candidates, 2) == [[B, A], [C, A]]


def test_the_two_attempts_differ_for_each_test_input_by_itself():
    candidates = [candidate(0, (A, A)), candidate(1, (A, B)), candidate(2, (B, A))]
    assert choose_attempts(candidates, 2) == [[A, B], [A, B]]


def test_missing_outputs_are_passed_over_and_leave_none():
    candidates = [candidate(0, (None, A)), candidate(1, (B, None), passed=(False, False))]
    assert choose_attempts(candidates, 2) == [[B, None], [A, None]]


def test_without_candidates_every_attempt_is_none():
    assert choose_attempts([], 2) == [[None, None], [None, None]]


def test_more_attempts_can_be_asked_for():
    candidates = [candidate(index, (grid,)) for index, grid in enumerate((A, B, C))]
    assert choose_attempts(candidates, 1, attempts=3) == [[A, B, C]]
    assert choose_attempts(candidates, 1, attempts=1) == [[A]]


def test_the_grid_with_most_votes_is_the_first_attempt():
    assert choose_voted_attempts([(A,), (B,), (B,), (C,)], 1) == [[B, A]]


def test_tied_votes_go_to_the_grid_seen_first():
    assert choose_voted_attempts([(C,), (A,), (B,), (A,), (B,)], 1) == [[A, B]]


def test_each_test_input_has_its_own_votes():
    answers = [(A, C), (A, None), (B, C), (None, B)]
    assert choose_voted_attempts(answers, 2) == [[A, B], [C, B]]


def test_samples_without_answers_have_no_vote():
    assert choose_voted_attempts([(), (None,), (A,)], 1) == [[A, None]]


def test_a_doubtful_program_loses_to_others_that_solve_as_many_train_pairs():
    doubtful = [Candidate(index, (True,), (A,), 1, 0.9, is_doubtful=True) for index in range(3)]
    sound = Candidate(3, (True,), (B,), 100)
    assert choose_attempts([*doubtful, sound], 1) == [[B, A]]
    assert choose_attempts([*doubtful, Candidate(3, (False,), (B,), 100)], 1) == [[A, B]]


def test_a_judges_points_come_before_train_pairs_and_votes():
    candidates = ranked(
        [candidate(0, (A,)), candidate(1, (A,)), candidate(2, (B,), passed=(False, False))]
    )
    assert grids_of(choose(candidates, 1, points={2: 5, 0: 4, 1: 4})) == [[B, A]]
    assert grids_of(choose(candidates, 1, points={2: 4, 0: 4, 1: 4})) == [[A, B]]


def test_without_points_the_votes_decide_as_ever():
    answers = [(A,), (B,), (B,), (C,)]
    assert grids_of(choose_by_vote(answers, 1, points={0: 0, 3: 0})) == [[B, A]]
    assert grids_of(choose_by_vote(answers, 1, points={0: 2, 3: 3})) == [[C, A]]
    assert grids_of(choose_by_vote(answers, 1, points={3: 3})) == [[C, B]]


def test_answers_are_the_same_if_all_of_their_grids_are():
    answers = {0: (A, B), 1: (A, None), 2: (None, None), 4: (A, B), 5: ()}
    assert different_answers(answers) == [[0, 4], [1]]
