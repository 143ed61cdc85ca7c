"""A candidate carried out on one grid, step by step, in plain words with the grids in between."""

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import Rule
from agents.program_search.search.views import in_ranks, renumbered
from agents.program_search.stacking.layers import Stack
from agents.program_search.transforms.perception import background
from agents.program_search.transforms.pictures import turned
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.first_steps import canvas_words, only_shape, pictures_alone
from agents.program_search.writing.grid_words import (
    LARGEST_BETWEEN,
    changed_lines,
    grid_lines,
    shape_words,
)
from agents.program_search.writing.part_words import part_lines, patch_lines
from agents.program_search.writing.rule_working import rule_lines
from agents.program_search.writing.stack_working import stack_lines
from agents.program_search.writing.step_evidence import evidence_lines
from agents.program_search.writing.terms import asks_for_background


def worked(
    candidate: Candidate, given: Array, number: int, *, says_layers: bool, names_ground: bool
) -> list[str]:
    """The candidate's steps on the input of this number, each with what it gives.

    `says_layers` repeats what each layer of a stack is, `names_ground` the background of grids
    without black.
    """
    lines = ground_lines(given) if names_ground and looks_at_input(candidate) else []
    answer = candidate.outputs[number]
    picture = start = renumbered(given) if candidate.renumbered else given
    if candidate.renumbered:
        lines += ["- Each colour's number by how common it is:", *grid_lines(picture)]
    last = len(candidate.steps) - 1
    shape, is_skipped = only_shape(candidate), pictures_alone(candidate)
    lines += [f"- {canvas_words(shape)}."] if shape and not is_skipped else []
    for place, step in enumerate(candidate.steps):
        made = step.apply(picture)
        assert made is not None, "the candidate's steps apply to all of its inputs"
        if shape or is_skipped:
            picture = made
            continue
        told = [f"- {step.sentence()[0].upper()}{step.sentence()[1:]}.", *part_lines(step, picture)]
        told += [*patch_lines(step, picture), *evidence_lines(step, picture, made)]
        told += changed_lines(picture, made) if step.transform.function is not turned else ()
        lines += map(in_ranks, told) if candidate.renumbered else told
        picture = made
        ends_here = place == last and candidate.finish is None and not candidate.renumbered
        if not ends_here:
            lines.append(f"- That gives {shape_words(picture.shape)}:")
            if picture.size <= LARGEST_BETWEEN:
                lines += grid_lines(picture)
            else:
                lines[-1] = f"{lines[-1][:-1]}."
            if names_ground and made.size > 1 and looks_at(candidate, place + 1):
                lines += ground_lines(made)
    if isinstance(candidate.finish, Rule):
        lines += rule_lines(candidate.finish, picture, start, is_ranked=candidate.renumbered)
    elif isinstance(candidate.finish, Stack):
        stack = stack_lines(candidate.finish, start, number, says_layers=says_layers)
        lines += map(in_ranks, stack) if candidate.renumbered else stack
    elif candidate.finish is not None:
        lines += [f"- {sentence}" for sentence in candidate.finish.piece("picture").sentences]
    return [*lines, "- The result:", *grid_lines(answer)]


def looks_at_input(candidate: Candidate) -> bool:
    """Whether the candidate asks for the background of the input itself."""
    rule = candidate.finish
    if isinstance(rule, Rule):
        sources = [*rule.told(), *rule.clauses()[0], rule.clauses()[1]]
        others = [one for one in sources if one.origin in ("grid", "number")]
        if any(asks_for_background(step.sentence()) for one in others for step in one.steps):
            return True
    return looks_at(candidate, 0)


def looks_at(candidate: Candidate, place: int) -> bool:
    """Whether what comes after so many steps asks for the background of what they give."""
    if place < len(candidate.steps):
        return asks_for_background(candidate.steps[place].sentence())
    rule = candidate.finish
    if not isinstance(rule, Rule):
        return isinstance(rule, Stack)
    sources = [*rule.told(), *rule.clauses()[0], rule.clauses()[1]]
    return any(asks_for_background(one.noun()) for one in sources if one.origin == "picture")


def ground_lines(given: Array) -> list[str]:
    """The colour that is background in a grid without black."""
    return [] if (given == 0).any() else [f"- The background here is {COLOURS[background(given)]}."]
