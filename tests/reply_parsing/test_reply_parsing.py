import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reply_parsing import ExtractedCode, extract_code, extract_grids, extract_reasoning
from utilities.sandbox.python_source import find_entry_point
from utilities.tasks.grids import grid_to_text

SOLVER = "def solve_task(grid):\n    return grid\n"
FENCED = f"```python\n{SOLVER}```"
TAKEN = ExtractedCode(SOLVER, "solve_task")
SQUARE, FLAT = [[0, 1], [2, 3]], [[4, 5, 6]]


# --- code


@pytest.mark.parametrize("label", ["python", "python3", "py", "Python", " python", "", "text"])
@pytest.mark.parametrize("mark", ["```", "~~~", "````"])
def test_code_is_taken_out_of_a_fence_of_any_kind_and_label(mark, label):
    assert extract_code(f"The rule.\n{mark}{label}\n{SOLVER}{mark}\nDone.") == TAKEN


def test_a_fence_that_is_never_closed_reaches_to_the_end():
    assert extract_code(f"So:\n```python\n{SOLVER}") == TAKEN


def test_a_closing_mark_glued_to_the_last_line_closes():
    assert extract_code(f"```python\n{SOLVER.rstrip()}```\nIt's done.") == TAKEN


def test_a_longer_fence_keeps_the_shorter_marks_inside_it():
    source = 'def solve_task(grid):\n    """As in\n```\n0 1\n```\n    """\n    return grid\n'
    assert extract_code(f"````python\n{source}````") == ExtractedCode(source, "solve_task")


def test_a_labelled_mark_ends_a_fence_that_somebody_forgot_to_close():
    assert extract_code(f"```\n0 1\n2 3\n\nSo:\n{FENCED}") == TAKEN


@pytest.mark.parametrize("lead", ["    ", "\t", "   ", "> "])
def test_an_indented_or_quoted_fence_is_outdented(lead):
    indented = "\n".join(lead + line for line in FENCED.split("\n"))
    assert extract_code(f"1. The code:\n\n{indented}") == TAKEN


def test_windows_newlines_become_plain_ones():
    assert extract_code(f"Rule.\n{FENCED}\n".replace("\n", "\r\n")) == TAKEN


def test_the_last_of_several_programs_is_taken():
    draft = FENCED.replace("return grid", "return None")
    assert extract_code(f"{draft}\nBetter:\n{FENCED}") == TAKEN


def test_a_later_fence_without_the_entry_point_is_passed_over():
    check = "```python\ndef check():\n    assert solve_task([[1]])\n```"
    shown = "```\n0 1\n```"
    assert extract_code(f"{FENCED}\n{check}\n{shown}") == TAKEN


def test_a_better_name_wins_over_a_later_place():
    assert extract_code(f"{FENCED}\n```python\ndef main():\n    pass\n```") == TAKEN


@pytest.mark.parametrize("name", ["solve_task", "transform", "solve", "main", "p"])
def test_each_accepted_name_is_taken_beside_other_functions(name):
    source = f"def step(x):\n    return x\n\ndef {name}(grid):\n    return step(grid)\n"
    assert extract_code(f"```\n{source}```") == ExtractedCode(source, name)


def test_an_only_function_of_any_name_is_the_entry_point():
    source = "def flip(g):\n    return g\n"
    kept = ExtractedCode(f"{source}\nsolve_task = flip\n", "solve_task")
    assert extract_code(f"```\n{source}```") == kept
    assert extract_code(f"```\n{kept.python_code}```") == kept
    assert find_entry_point(kept.python_code) == "solve_task"


def test_an_only_function_of_a_lambda_gets_the_name_too():
    kept = extract_code("```\nflip=lambda g:g[::-1]\n```")
    names = {}
    exec(kept.python_code, names)
    assert names[kept.entry_point]([[1], [2]]) == [[2], [1]]


def test_a_known_name_in_an_earlier_block_wins_over_an_only_function():
    assert extract_code(f"{FENCED}\n```python\ndef check(g):\n    return g\n```") == TAKEN


def test_a_program_of_several_functions_gets_no_name():
    source = "def a(g):\n    pass\n\ndef b(g):\n    pass\n"
    assert extract_code(f"```\n{source}```") == ExtractedCode(source, None)


def test_an_assigned_lambda_is_a_program():
    assert extract_code("```\np=lambda g:g\n```") == ExtractedCode("p=lambda g:g\n", "p")


def test_prose_around_the_code_inside_a_fence_is_dropped():
    prose = "Here's the code, step by step:"
    after = "This works because it's simple.\n- It flips.\n1. Truly."
    assert extract_code(f"```python\n{prose}\n\n{SOLVER}\n{after}\n```") == TAKEN


def test_prose_between_functions_inside_a_fence_is_dropped():
    code = extract_code(f"```\ndef step(x):\n    return x\n\nAnd then we're there:\n{SOLVER}```")
    assert code.entry_point == "solve_task"
    assert [node.name for node in ast.parse(code.python_code).body] == ["step", "solve_task"]


def test_code_without_a_fence_is_taken_from_its_imports_on():
    source = f"import numpy as np\n\n{SOLVER}"
    reply = f"We flip each row.\nIt's easy.\n\n{source}\nThat is all there's to it."
    assert extract_code(reply) == ExtractedCode(source, "solve_task")


def test_code_without_a_fence_survives_much_prose_around_it():
    prose = "Every row isn't the same, so we look again.\n" * 200
    assert extract_code(f"x = 3 apples\n{prose}\n{SOLVER}\n{prose}") == TAKEN


@pytest.mark.parametrize("inside", [FENCED, SOLVER, SOLVER.rstrip()])
@pytest.mark.parametrize("glue", ["\n", ""])
def test_code_inside_a_code_tag_is_taken(inside, glue):
    assert extract_code(f"Rule.\n<code>{glue}{inside}{glue}</code>\nBye") == TAKEN


def test_code_of_the_thinking_counts_only_where_there_is_none_elsewhere():
    draft = FENCED.replace("return grid", "return None")
    assert extract_code(f"{FENCED[:0]}<think>Perhaps\n{draft}</think>\nSo:\n{FENCED}") == TAKEN
    assert extract_code(f"So:\n{FENCED}\n<think>or\n{draft}\n</think>") == TAKEN
    assert extract_code(f"<think>Perhaps\n{FENCED}\n</think>It flips.") == TAKEN
    assert extract_code(f"<think>Perhaps\n{FENCED}\nand") == TAKEN


def test_a_program_that_does_not_parse_is_kept_without_entry_point():
    broken = "def solve_task(grid):\n    return [row for row in\n"
    assert extract_code(f"```python\n{broken}```") == ExtractedCode(broken, None)
    assert extract_code(f"So:\n{broken}") == ExtractedCode(broken, None)


def test_a_program_that_parses_is_better_than_a_later_one_that_does_not():
    assert extract_code(f"{FENCED}\n```\ndef solve_task(grid) return\n```") == TAKEN


def test_a_broken_line_of_code_is_never_dropped_to_make_the_rest_parse():
    source = "def solve_task(grid):\n    grid = = 1\n    return grid\n"
    assert extract_code(f"```\n{source}```") == ExtractedCode(source, None)


def test_a_function_glued_to_prose_is_kept_rather_than_dropped():
    source = "So: def solve_task(grid): return grid\n"
    assert extract_code(f"```\n{source}```") == ExtractedCode(source, None)


@pytest.mark.parametrize("reply", ["", "No code.", "```\n0 1\n```", "```python\nprint(1)\n```"])
def test_a_reply_without_function_has_no_code(reply):
    assert extract_code(reply) is None


# --- reasoning


@pytest.mark.parametrize(
    ("reply", "provider_reasoning", "reasoning"),
    [
        (f"Flip it.\n\n{FENCED}\n", None, "Flip it."),
        (f"Flip it.\n{FENCED}\nDone.", "Hm.", "Flip it.\nDone."),
        (f"<reasoning>\nFlip\nit.\n</reasoning>\n{FENCED}\nBye.", "Hm.", "Flip\nit."),
        (f"<Reasoning>Flip it.\n{FENCED}", None, "Flip it."),
        ("<reasoning>A.</reasoning> x <reasoning>B.</reasoning>", None, "A.\n\nB."),
        (f"<think>Hm.</think>Flip it.\n{FENCED}", None, "Flip it."),
        (f"Hm.</think>\nFlip it.\n{FENCED}", None, "Flip it."),
        (f"<think>Hm.</think>\nHere is **the code:**\n{FENCED}", None, "Hm."),
        (f"Hm.\n</think>\n## Solution\n<code>\n{FENCED}\n</code>", None, "Hm."),
        ("<think>Hm, cut", None, "Hm, cut"),
        (f"<think>Hm.</think>{FENCED}", "First.", "First.\n\nHm."),
        (f"<think>Hm.</think>{FENCED}", "Hm.", "Hm."),
        (FENCED, "Hm.", "Hm."),
        (f"Flip it.\r\n{FENCED}", None, "Flip it."),
        (f"Flip it.\nThen turn.\n\n{SOLVER}", None, "Flip it.\nThen turn."),
        ("A plain trace.\n```\n0 1\n```", None, "A plain trace.\n```\n0 1\n```"),
        ("The tag `<think>` opens it.", None, "The tag `<think>` opens it."),
        ('```json\n{"output": [[1]]}\n```', "Hm.", "Hm."),
        ('{"output": [[1]]}', "Hm.", "Hm."),
        ("**Test output 1**\n0 1\n2 3", "Hm.", "Hm."),
        (FENCED, None, None),
        ("", "", None),
        (" \n<think> </think>", " ", None),
    ],
)
def test_the_reasoning_is_what_explains(reply, provider_reasoning, reasoning):
    assert extract_reasoning(reply, provider_reasoning) == reasoning


def test_a_draft_that_was_not_taken_stays_in_the_reasoning():
    draft = FENCED.replace("return grid", "return None")
    assert extract_reasoning(f"First:\n{draft}\nNo.\n{FENCED}", None) == f"First:\n{draft}\nNo."


# --- grids

grids = st.integers(1, 30).flatmap(
    lambda columns: st.lists(
        st.lists(st.integers(0, 9), min_size=columns, max_size=columns), min_size=1, max_size=30
    )
)


@given(
    grids, st.sampled_from([None, 1, 2]), st.sampled_from(["{}", "```json\n{}\n```", "It is {}."])
)
def test_every_grid_is_read_back_from_json(grid, indent, frame):
    text = frame.format(json.dumps(grid, indent=indent))
    assert extract_grids(text, 1) == (grid,)


@given(grids, st.sampled_from(["```\n{}\n```", "Test output 1:\n{}\n", "**Output**\n \n{}\nDone."]))
def test_every_grid_is_read_back_from_spaced_digits(grid, frame):
    assert extract_grids(frame.format(grid_to_text(grid)), 1) == (grid,)


@given(st.lists(grids, min_size=1, max_size=4))
def test_a_list_of_grids_is_read_back_in_order(several):
    assert extract_grids(json.dumps(several), len(several)) == tuple(several)
    assert extract_grids(json.dumps({"answers": several}), len(several)) == tuple(several)


@given(grids, st.sampled_from(["[[0, 10]]", "[[1], [2, 3]]", "[[0, true]]", "[[-1]]", "[[0.5]]"]))
def test_what_is_no_grid_does_not_displace_an_earlier_grid(grid, other):
    assert extract_grids(f"It is {json.dumps(grid)}, not {other}", 1) == (grid,)


@pytest.mark.parametrize(
    "text",
    [
        "[[0, 1], [2]]",
        "[[0, 1.0], [2, 3]]",
        "[[true, false], [true, true]]",
        "[[0, 1], [2, null]]",
        "[[0, 1], [2, 10]]",
        "[[0, 1], [2, -3]]",
        "[[0, 1], 2]",
        "[2, [0, 1], [2, 3]]",
        "[[0, 1], 2, [2, 3]]",
        '[["a", [0, 1], [2, 3]]]',
        "[[0, 1], [[2, 3]]]",
        "[[[[0, 1], [2, 3]]]]",
        "[[], []]",
        "[]",
        "[0, 1]",
        "[[0, 1], [2, 3]",
        "[[\u0663, \u0661], [\u0662, \u0660]]",
        json.dumps([[0] * 31] * 2),
        json.dumps([[0] * 2] * 31),
        "```\n0 1\n2\n```",
        "```\n" + "0 1\n" * 31 + "```",
        "```\n0 1.5\n2 3\n```",
    ],
)
def test_what_is_no_grid_is_none(text):
    assert extract_grids(text, 1) == (None,)


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{[[0, 1], [2, 3]]}",
        "$$\\boxed{\n[[0,1],\n [2,3]]}$$",
        "[[0 1]\n [2 3]]",
        "[\n  [0, 1,],\n  [2, 3],\n]",
        "array([[0, 1],\n       [2, 3]])",
        '[{"attempt_1": [[0, 1], [2, 3]]}]',
        "[[[0, 1], [2, 3]]]",
        "See [the rule and [[0, 1], [2, 3]]",
        "0 1\n2 3",
        "  0 1\n  2 3  ",
        "0, 1\n2, 3",
        "```\r\n0 1\r\n2 3\r\n```",
        "First [[7]] and then\n0 1\n2 3",
        "0 1\n2 3\nand never ```\n4 5\n6\n```",
        "<think>[[7, 7]]</think>[[0, 1], [2, 3]]",
        "<think>[[7, 7]], no: [[0, 1], [2, 3]]</think>See above.",
    ],
)
def test_a_grid_is_found_however_it_is_written(text):
    assert extract_grids(text, 1) == (SQUARE,)


@pytest.mark.parametrize(
    "prose",
    [
        "see note [1]",
        "as in [[1]].",
        "(see [[2]])",
        "Smith[[3]] says",
        "[[4]] says so",
        "[1, 2] [[",
        "]",
    ],
)
def test_brackets_in_later_prose_spoil_nothing(prose):
    assert extract_grids(f"[[0, 1], [2, 3]]\n{prose}\n", 1) == (SQUARE,)


@pytest.mark.parametrize(
    "prose", ["It is [[7]].", "[[7]]", "Output: [[7]]", "the output is [[7]] as"]
)
def test_a_single_bracketed_cell_is_an_answer_where_it_is_announced(prose):
    assert extract_grids(f"[[0, 1], [2, 3]]\n{prose}\n", 1) == ([[7]],)


def test_numbers_on_lines_of_their_own_are_no_grid():
    assert extract_grids("It has\n3\nrows and\n\n4 5 6\ncolumns", 1) == (None,)


@pytest.mark.parametrize(
    "text",
    [
        "Test output 1:\n```\n0 1\n2 3\n```\n\nTest output 2:\n```\n4 5 6\n```",
        "Output 2:\n[[4, 5, 6]]\nOutput 1:\n[[0, 1], [2, 3]]",
        '{"test_output_2": [[4, 5, 6]], "test_output_1": [[0, 1], [2, 3]]}',
        '{"test_output_0": [[0, 1], [2, 3]], "test_output_1": [[4, 5, 6]]}',
        "Output 2: [[9]]\nOutput 1:\n0 1\n2 3\nNo, output 2 (1 x 3):\n4 5 6\n",
        "**Test #2**\nIt becomes:\n4 5 6\n\n**Test #1**\n0 1\n2 3",
        "Output for test input 1 (2x2):\n0 1\n2 3\n\nOutput for test input 2:\n4 5 6",
        "Train output 2: [[8, 8], [8, 8]]\nTest output 1: [[0, 1], [2, 3]]\n[[4, 5, 6]]",
        "Input:\n8 8\n8 8\nOutput:\n0 1\n2 3\nInput:\n9 9\n9 9\nOutput:\n4 5 6",
        "Output 1:\n0 1\n2 3\nThat was output 1.\nOutput 2:\n4 5 6",
        "Output 1:\n0 1\n2 3\n\nAfter output 1, output 2:\n4 5 6",
        "It fits all train pairs, so it is\n0 1\n2 3\n\nand then:\n4 5 6",
        "Output 0: [[9, 9]]\nOutput 1: [[0, 1], [2, 3]]\nOutput 2: [[4, 5, 6]]",
        "Outputs (1): [[0, 1], [2, 3]]\nOutputs (2): [[4, 5, 6]]",
        "[[0, 1], [2, 3]]\nIn case 1 row is left, the output is\n[[4, 5, 6]]",
        "[[0, 1], [2, 3]]\n\n[[4, 5, 6]]",
    ],
)
def test_grids_of_several_test_inputs_go_to_their_places(text):
    assert extract_grids(text, 2) == (SQUARE, FLAT)


def test_a_place_without_grid_stays_none():
    assert extract_grids("Output 2:\n[[4, 5, 6]]", 2) == (None, FLAT)
    assert extract_grids("Output 1:\n[[1], [2, 3]]\nOutput 2:\n[[4, 5, 6]]", 2) == (None, FLAT)
    assert extract_grids("[[[1], [2, 3]], [[4, 5, 6]]]", 2) == (None, FLAT)
    assert extract_grids("Output 1:\n[[4, 5, 6]]", 2) == (FLAT, None)


def test_the_last_grid_counts_even_under_a_heading_that_speaks_of_inputs():
    text = "Output: [[4, 5, 6]]. The test input becomes [[0, 1], [2, 3]]"
    assert extract_grids(text, 1) == (SQUARE,)


def test_too_few_grids_leave_none_at_the_end():
    assert extract_grids("[[0, 1], [2, 3]]", 3) == (SQUARE, None, None)
    assert extract_grids("", 2) == (None, None)


def test_only_the_last_grids_are_answers():
    assert extract_grids("[[9, 9]]\n[[8, 8]]\n[[0, 1], [2, 3]]\n[[4, 5, 6]]", 2) == (SQUARE, FLAT)


# --- any text at all

SNIPPETS = [
    *("```", "~~~", "````python\n", "<think>", "</think>", "<reasoning>", "</reasoning>"),
    *("<code>", "</code>", "def solve_task(g):", "\n    return g", "p=lambda g:g", "\n", "\r", "'"),
    *(
        "[[0, 1], [2, 3]]",
        "[",
        "]",
        "[1]",
        ",",
        " ",
        "0 1\n",
        "Output 2:",
        "Input:",
        "{",
        "}",
        "\0",
    ),
    *("import x", "'''", "x = (", "\\", "\ud800", "\u2028", "é", "It isn't", "# ", "1. ", "> "),
]


@given(
    st.text(st.characters(exclude_categories=()))
    | st.lists(st.sampled_from(SNIPPETS)).map("".join),
    st.integers(0, 3),
)
def test_no_text_at_all_makes_parsing_raise(text, count):
    found = extract_grids(text, count)
    assert len(found) == count
    code = extract_code(text)
    assert code is None or code.python_code.strip()
    reasoning = extract_reasoning(text, text)
    assert reasoning is None or reasoning.strip()


MEGABYTE = 1_000_000
LONG_TEXTS = {
    "open": "[" * MEGABYTE,
    "pairs": "[]" * (MEGABYTE // 2),
    "nested": "[" * (MEGABYTE // 2) + "1" + "]" * (MEGABYTE // 2),
    "rows": "[" + "[1]," * (MEGABYTE // 4) + "]",
    "blanks": "[[1" + " " * MEGABYTE + "x]]",
    "cells": "[[" + "1 , " * (MEGABYTE // 4),
    "citations": "[[1]] " * (MEGABYTE // 6),
    "digits": "1 " * (MEGABYTE // 2),
    "fences": "```\n" * (MEGABYTE // 4),
    "thinking": "</think>" * (MEGABYTE // 8),
    "reasoning tags": "<reasoning>" * (MEGABYTE // 11),
    "word": "a" * MEGABYTE,
    "blank words": ("def " + " " * 1000) * (MEGABYTE // 1000),
    "broken functions": "```\ndef f(:\n" * (MEGABYTE // 12),
    "prose": SOLVER + "It isn't so\n" * (MEGABYTE // 12),
    "escaped quotes": '"' + '\\"' * (MEGABYTE // 2),
    "open JSON": '{"a": "def f(x):\\n  return x", ' * (MEGABYTE // 30),
    "fences with functions": "```\ndef f(x): return x\n```\n" * (MEGABYTE // 27),
    "indented fences": "```\n def f(x): return x\n```\n" * (MEGABYTE // 28),
    "missing names": "```\ndef solve_task(g): return " + "+".join(f"a{n}" for n in range(20_000)),
    "classes": "```\n" + "class A:\n  def solve(self, x): return x\n" * 6000 + "```",
    "assignments": "```\n" + "p = f()\n" * 30_000 + "def f(x): return x\n```",
    "tags": "<a>def " * (MEGABYTE // 7),
    "labels": "Test output 1:\n1 2\n" * (MEGABYTE // 19),
    "matrices": "\\begin{bmatrix}1 & 2" * (MEGABYTE // 21),
    "tables": "| 1 | 2 |\n" * (MEGABYTE // 10),
    "tuples": "((1,2)," * (MEGABYTE // 7),
    "strings of rows": '["12", ' * (MEGABYTE // 7),
    "minus signs": "```\ndef f(): return " + "-" * 200_000 + "1\n```",
}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("name", LONG_TEXTS)
def test_a_megabyte_of_nonsense_is_read_in_linear_time(name):
    # Quadratic work on a megabyte takes hours, which the time limit shows on any machine.
    text = LONG_TEXTS[name]
    assert len(extract_grids(text, 2)) == 2
    extract_reasoning(text, None)
    code = extract_code(text)
    assert code is None or code.python_code
