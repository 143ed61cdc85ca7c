"""Splits that keep every task on one side, in whatever symmetry, colours or order it comes."""

import hashlib
from collections.abc import Iterable, Sequence

from utilities.errors import UsageError

Shares = tuple[tuple[str, float], ...]
WHOLE: Shares = (("", 1.0),)
"""No split: one unnamed part."""


def parse_shares(text: str) -> Shares:
    """Read `train=0.9,validation=0.1`; raises UsageError if it is not of that form."""
    try:
        pairs = [part.split("=") for part in text.split(",")]
        shares = tuple((name.strip(), float(share)) for name, share in pairs)
    except ValueError as error:
        raise _bad(text) from error
    names = [name for name, _ in shares]
    well_named = all(name.isidentifier() and name.isascii() for name in names)
    whole = abs(sum(share for _, share in shares) - 1) < 1e-6
    if not (well_named and whole and len(set(names)) == len(names)):
        raise _bad(text)
    if not all(0 < share <= 1 for _, share in shares):
        raise _bad(text)
    return shares


def _bad(text: str) -> UsageError:
    return UsageError(
        f"--split {text}: write each part's name and share, together 1: train=0.9,validation=0.1"
    )


class TaskGroups:
    """Joins tasks that share any identifying hash, directly or by others between them."""

    def __init__(self) -> None:
        """No task is known."""
        self._parents: dict[str, str] = {}

    def add(self, keys: Sequence[str]) -> None:
        """Join all tasks that have one of these hashes."""
        roots = sorted({self._root(key) for key in keys})
        for root in roots:  # the smallest is the root, so that the order of adding is no matter
            self._parents[root] = roots[0]

    def of(self, keys: Sequence[str]) -> str:
        """The group of a task that was added: the smallest hash within it."""
        return self._root(keys[0])

    def _root(self, key: str) -> str:
        path = []
        while (parent := self._parents.setdefault(key, key)) != key:
            path.append(key)
            key = parent
        for passed in path:
            self._parents[passed] = key
        return key


def part_of(group: str, shares: Shares, seed: int) -> str:
    """The part that a group falls into: by its name's hash, so that other groups are no matter.

    The shares hold in the mean, not exactly; the same task stays in the same part in every
    export with the same seed and shares.
    """
    digest = hashlib.sha256(f"{seed} {group}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for name, share in _cumulative(shares):
        if place < share:
            return name
    return shares[-1][0]


def _cumulative(shares: Shares) -> Iterable[tuple[str, float]]:
    total = 0.0
    for name, share in shares:
        total += share
        yield name, total
