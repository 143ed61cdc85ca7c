"""What a rule needs of its first steps: the picture, the size of it, or nothing."""

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import Rule
from agents.program_search.writing.grid_words import shape_words


def only_shape(candidate: Candidate) -> tuple[int, ...] | None:
    """The shape of all outputs, if it is all that the first steps give."""
    shapes = {output.shape for output in candidate.outputs}
    return shapes.pop() if gives_size_only(candidate) and len(shapes) == 1 else None


def gives_size_only(candidate: Candidate) -> bool:
    """Whether the rule looks at nothing of what its first steps make but the size."""
    rule = candidate.finish
    if not isinstance(rule, Rule) or not candidate.steps:
        return False
    sources = [*rule.facts, *rule.table.values(), rule.otherwise]
    return all(source.origin != "picture" for source in sources)


def pictures_alone(candidate: Candidate) -> bool:
    """Whether the rule needs nothing of its first steps, as it copies or looks at pictures."""
    rule, is_ranked = candidate.finish, candidate.renumbered
    has_pictures = isinstance(rule, Rule) and bool(rule.pictures())
    return has_pictures and not is_ranked and gives_size_only(candidate)


def canvas_words(shape: tuple[int, ...]) -> str:
    """What a rule starts with that needs nothing but this shape."""
    return "One cell" if shape == (1, 1) else f"A grid of {shape_words(shape)} cells"


def steps_told(candidate: Candidate) -> int:
    """How many steps come before the rule in words, and in the program."""
    steps = 1 if only_shape(candidate) else len(candidate.steps)
    return steps + candidate.renumbered
