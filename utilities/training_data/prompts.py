"""The text of rows: the question, the answer, and what is said of a failed program."""

from dataclasses import replace
from itertools import zip_longest
from typing import Any

from utilities.files.hashing import hash_of
from utilities.tasks.grids import describe_shape, grid_to_text
from utilities.tasks.task import Grid, Pair, Task
from utilities.training_data.samples import SampleVerdict, TrainingSample

Message = dict[str, Any]

SYSTEM = """\
You solve puzzles of the Abstraction and Reasoning Corpus (ARC). One hidden rule turns every \
input grid of a puzzle into its output grid. A grid is a rectangle of cells, 1 to 30 a side; each \
cell holds a number that stands for a colour: 0 black, 1 blue, 2 red, 3 green, 4 yellow, 5 grey, \
6 magenta, 7 orange, 8 azure, 9 maroon."""
ASK_FOR_PROGRAM = """\
Find the rule and write it as a Python program `solve_task(grid)`, which takes an input grid as a \
list of rows of ints and returns its output grid in the same form."""
ASK_FOR_GRIDS = """\
Find the rule and give the output grid of each test input, in their order: each in a fenced block \
after its heading `Test output 1:`, one line a row, the numbers separated by spaces."""
ASK_FOR_REASONING = "Explain, step by step, the rule that turns each input into its output."
REPAIR = "This program was meant to follow the rule, and does not:"
ASK_FOR_REPAIR = "Say what is wrong with it, and write the whole program anew."
PROMPT_HASH = hash_of([SYSTEM, ASK_FOR_PROGRAM, ASK_FOR_REASONING])
"""Names the wording above; the `prompt_hash` of rows with that prompt."""
GRIDS_PROMPT_HASH = hash_of([PROMPT_HASH, ASK_FOR_GRIDS])
REPAIR_PROMPT_HASH = hash_of([PROMPT_HASH, REPAIR, ASK_FOR_REPAIR])
_ANSWER = "Test output 1:"
_MOST_WRONG_CELLS = 20
_ROLES = ("system", "user", "assistant")


def recorded_prompt(sample: TrainingSample) -> list[Message] | None:
    """The messages that the model was sent; None if they are not fit for training.

    Fine-tuning knows three roles, and the answer must follow a user's turn. Answers of grids are
    written in one form, which the prompt must have asked for.
    """
    messages = [
        {"role": message["role"], "content": message["content"]}
        for message in sample.prompt_messages
        if isinstance(message, dict)
        and message.get("role") in _ROLES
        and isinstance(message.get("content"), str)
    ]
    whole = bool(messages) and len(messages) == len(sample.prompt_messages)
    if sample.answers and not any(_ANSWER in message["content"] for message in messages):
        return None
    return messages if whole and messages[-1]["role"] == "user" else None


def standard_prompt(sample: TrainingSample) -> tuple[list[Message], str]:
    """The question that is the same for all such samples, and the hash of its wording.

    Test outputs are never in it.
    """
    ask, name = ASK_FOR_REASONING, PROMPT_HASH
    if sample.python_code is not None:
        ask = ASK_FOR_PROGRAM
    elif sample.answers is not None:
        ask, name = ASK_FOR_GRIDS, GRIDS_PROMPT_HASH
    return _question(ask, _task_text(sample.task)), name


def repair_prompt(task: Task, code: str, verdict: SampleVerdict) -> list[Message]:
    """The question with a failed program, and with feedback on it from the train pairs."""
    shown = (REPAIR, _fenced(code, "python"), feedback(task, verdict))
    return _question(ASK_FOR_PROGRAM, _task_text(task), *shown, ASK_FOR_REPAIR)


def _question(*paragraphs: str) -> list[Message]:
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "\n\n".join(paragraphs)},
    ]


def answer_message(
    sample: TrainingSample, prompt: list[Message], *, thinking_field: bool
) -> Message:
    """The assistant's turn, with the thinking in a field of its own or in the text."""
    if not thinking_field:
        return {"role": "assistant", "content": answer(sample, prompt)}
    thinking = sample.thinking if _is_at_home(sample, prompt) else None
    content = answer(replace(sample, thinking=None), prompt)
    return {"role": "assistant", "reasoning_content": thinking or "", "content": content}


def _is_at_home(sample: TrainingSample, prompt: list[Message]) -> bool:
    """Whether a sample's words suit the prompt.

    A refinement's words speak of the programs that its own prompt showed, the last words of a
    conversation of what was said before. They are left out after another prompt.
    """
    speaks_of_more = sample.is_refinement or len(sample.turns or ()) > 1
    return not speaks_of_more or prompt == recorded_prompt(sample)


def answer(sample: TrainingSample, prompt: list[Message]) -> str:
    """Thinking and reasoning, if there are some, then the program, or the grids, in fences."""
    parts = []
    if sample.thinking and _is_at_home(sample, prompt):
        parts.append(f"<think>\n{sample.thinking}\n</think>")
    if sample.reasoning and _is_at_home(sample, prompt):
        tagged = any("<reasoning>" in message["content"] for message in prompt)
        form = "<reasoning>\n{}\n</reasoning>" if tagged else "{}"
        parts.append(form.format(sample.reasoning))
    if sample.python_code is not None:
        parts.append(_fenced(sample.python_code, "python"))
    for number, grid in enumerate(sample.answers or (), start=1):
        parts.append(f"Test output {number}:\n{_fenced(grid_to_text(grid), '')}")
    return "\n\n".join(parts)


def feedback(task: Task, verdict: SampleVerdict) -> str:
    """What is wrong with a program's output for each train pair; test pairs are kept out."""
    right = sum(verdict.train_passed)
    lines = [f"It is right on {right} of {len(task.train)} train pairs."]
    outputs = zip_longest(task.train, verdict.train_passed, verdict.train_outputs)
    for number, (pair, passed, output) in enumerate(outputs, start=1):
        if not passed:
            lines.append(f"Train pair {number}: {_fault(pair, output, verdict)}")
    return "\n".join(lines)


def _fault(pair: Pair, output: Grid | None, verdict: SampleVerdict) -> str:
    expected = pair.output
    if output is None or expected is None:
        said = f" ({verdict.execution_message})" if verdict.execution_message else ""
        return f"it gives no grid: {verdict.execution_status}{said}."
    if describe_shape(output) != describe_shape(expected):
        return f"it gives {describe_shape(output)}, not {describe_shape(expected)}."
    wrong = [
        f"row {row + 1}, column {column + 1}: {got}→{want}"
        for row, (of_output, of_expected) in enumerate(zip(output, expected, strict=True))
        for column, (got, want) in enumerate(zip(of_output, of_expected, strict=True))
        if got != want
    ]
    more = f"; and {len(wrong) - _MOST_WRONG_CELLS} more" if len(wrong) > _MOST_WRONG_CELLS else ""
    shown = "; ".join(wrong[:_MOST_WRONG_CELLS])
    return f"{len(wrong)} cells are wrong (got→expected): {shown}{more}."


def _task_text(task: Task) -> str:
    shown = [
        f"## Train pair {number}\n\n{_grid_text('Input', pair.input)}\n\n"
        f"{_grid_text('Output', pair.output or [[]])}"
        for number, pair in enumerate(task.train, start=1)
    ]
    shown += [
        f"## Test input {number}\n\n{_grid_text('Input', pair.input)}"
        for number, pair in enumerate(task.test, start=1)
    ]
    return "\n\n".join(shown)


def _grid_text(title: str, grid: Grid) -> str:
    return f"{title} ({describe_shape(grid)}):\n{grid_to_text(grid)}"


def _fenced(text: str, language: str) -> str:
    """A fenced block, its fence longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
