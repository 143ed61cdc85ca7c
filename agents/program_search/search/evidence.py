"""How far an answer can be trusted: what speaks for it, and how often such answers were right."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

import numpy as np

from agents.program_search.search.candidates import Candidate, Search, ranked
from agents.program_search.search.views import explained
from agents.program_search.transforms.registry import Array

LEAST_SHARES = 3
"""The budget of the searches without a pair is split into at least this many shares."""
FOUND_SHARE = 0.7
"""An answer is called found only if it has at least this share of the weight of all that fits."""
CALIBRATION: dict[str, Sequence[tuple[float, float]]] = {
    "found": [(0.0, 0.97)],
    "not found again": [(0.0, 0.86)],
    "not found again, stack says otherwise": [(0.0, 0.63)],
    "not found again, stack says the same": [(0.0, 0.89)],
    "guess, stack says the same": [(0.0, 0.78)],
    "stack": [(0.0, 0.71)],
    "stack, check failed": [(0.0, 0.52)],
    "by rank": [(0.0, 0.17)],
    "check failed": [(0.5, 0.24), (0.0, 0.05)],
    "second": [(0.1, 0.06), (0.0, 0.03)],
    "found, no test inputs": [(0.0, 0.96)],
    "not found again, no test inputs": [(0.0, 0.92)],
    "guess, no test inputs": [(0.0, 0.38)],
    "another program": [(0.0, 0.62)],
    "later": [(0.1, 0.05), (0.0, 0.01)],
    "unlike the pairs": [(0.0, 0.02)],
}
"""For each kind of evidence rows of (least share, how many were right, 0-1), greatest share first.

Measured on ARC-1 training: on the tasks, and on the same tasks with each train pair left out in
turn as the test. Where both together say less than earlier versions stated, their share is stated;
where they say more, the earlier, since the search was developed on these tasks. readme.md has the
figures, and those of the evaluation set beside them.
"""
OTHER_SAYS = {
    "none": "",
    "same": ", stack says the same",
    "different": ", stack says otherwise",
}


class Evidence(NamedTuple):
    """What speaks for an answer, known without its being right or wrong.

    - `place`: its rank among the different answers, from 0.
    - `share`: its part (0-1) of the weight, by description length, of all programs that fit.
    - `passed`: no check of the program itself failed (refits, unseen cases).
    - `again`: for each train pair, whether the program that the search without that pair finds is
      right on it, None if it finds none; empty if the search was not repeated.
    - `is_first`: no better program gives the same answer.
    - `search`: which of the two searches gives the answer.
    - `other`: what the first answer of the other search is beside it; "none" if it has none.
    - `by_rank`: the program tells colours by how common they are, which may fit by chance.
    - `has_tests`: there are test inputs, so that programs can be compared by their answers.
    - `is_unlike`: the answer breaks what all pairs have in common (properties.py).
    """

    place: int
    share: float
    passed: bool
    again: tuple[bool | None, ...] = ()
    is_first: bool = True
    by_rank: bool = False
    search: Search = "rules"
    other: Literal["none", "same", "different"] = "none"
    has_tests: bool = True
    is_unlike: bool = False

    def of_program(self, program: Candidate, *, is_first: bool) -> Self:
        """The evidence for one of the programs that give the answer."""
        return self._replace(
            passed=program.is_strong(),
            is_first=is_first,
            by_rank=program.renumbered,
            search=program.search,
        )

    def is_found(self) -> bool:
        """Whether this program is claimed to be right: the best one for a sound answer."""
        return self.is_first and self.is_sound()

    def is_sound(self) -> bool:
        """Every check was made and passed, and no other answer that fits has much weight."""
        is_best = self.place == 0 and self.share >= FOUND_SHARE
        passed_all = self.passed and bool(self.again) and all(self.again)
        return is_best and passed_all and not self.by_rank and not self.is_unlike

    def kind(self) -> str:
        """The key of CALIBRATION under which the answer to test inputs falls."""
        if self.is_unlike or self.place:
            later = "second" if self.place == 1 else "later"
            return "unlike the pairs" if self.is_unlike else later
        if self.is_sound():
            return "found"
        if self.search == "stacking":
            return "stack" if self.passed else "stack, check failed"
        if self.passed and not self.by_rank:
            return "not found again" + OTHER_SAYS[self.other]
        if self.other == "same":
            return "guess, stack says the same"
        return "by rank" if self.by_rank else "check failed"

    def kind_of_program(self) -> str:
        """The key of CALIBRATION if there are no test inputs, so that only the program counts."""
        if not self.is_first:
            return "another program"
        if self.is_sound():
            return "found, no test inputs"
        is_passed = self.passed and not self.by_rank and self.search == "rules"
        return "not found again, no test inputs" if is_passed else "guess, no test inputs"

    def confidence(self) -> float:
        """How often answers with such evidence were right on ARC-1 training, 0-1."""
        rows = CALIBRATION[self.kind() if self.has_tests else self.kind_of_program()]
        return next(right for least, right in rows if self.share >= least)


class WithoutPair(NamedTuple):
    """The best program found without one train pair, and whether it is right on that; or None."""

    is_right: bool | None
    best: Candidate | None


def rediscovered(
    inputs: Sequence[Array], outputs: Sequence[Array], budget: int
) -> tuple[WithoutPair, ...]:
    """For each train pair the best program found without it. Its outputs are not in their order.

    `inputs` are those of train, then test. The input of the pair left out comes first among the
    test inputs. The searches share the budget.
    """
    tests, share = inputs[len(outputs) :], budget // max(LEAST_SHARES, len(outputs))
    found = list[WithoutPair]()
    for pair, (given, wanted) in enumerate(zip(inputs, outputs, strict=False)):
        others = (*outputs[:pair], *outputs[pair + 1 :])
        order = (*inputs[:pair], *inputs[pair + 1 : len(outputs)], given, *tests)
        groups = ranked(explained(order, others, share)[0], len(others))
        best = groups[0][0] if groups else None
        if best is None:
            found.append(WithoutPair(None, None))
            continue
        is_right = bool(np.array_equal(best.outputs[len(others)], wanted))
        found.append(WithoutPair(is_right, best))
    return tuple(found)
