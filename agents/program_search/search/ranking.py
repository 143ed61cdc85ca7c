"""Orders candidates: description length, failed checks, and agreement on the test inputs."""

from __future__ import annotations

from collections.abc import Sequence

from agents.program_search.search.candidates import Candidate

Answers = tuple[tuple[tuple[int, ...], bytes], ...]


def ranked(candidates: Sequence[Candidate], pairs: int) -> list[list[Candidate]]:
    """Groups of candidates that give the same test outputs, best first, as are their members.

    A candidate weighs 2^-cost, failed checks included, and a group the sum of its members' (so
    that many ways to one answer count). Without test inputs there is one group.
    """
    groups: dict[Answers, list[Candidate]] = {}
    for one in sorted(candidates, key=Candidate.penalised_cost):
        answers = tuple((grid.shape, grid.tobytes()) for grid in one.outputs[pairs:])
        groups.setdefault(answers, []).append(one)
    return sorted(groups.values(), key=weight, reverse=True)


def weight(group: Sequence[Candidate]) -> float:
    """What speaks for a group: the sum of 2^-cost over its members."""
    return float(sum(2.0 ** -one.penalised_cost() for one in group))
