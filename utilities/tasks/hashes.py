"""Hashes that name a task: by its very content, or by its content in any symmetry.

Two tasks are equivalent if one becomes the other by one of the eight symmetries of the square,
a permutation of the ten colours (the same for all grids), and another order of its train pairs
and of its test pairs.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

import orjson

from utilities.tasks.colour_labelling import smallest_labelling
from utilities.tasks.symmetries import SYMMETRIES, Symmetry
from utilities.tasks.task import Grid, Pair, Task

CANONICAL_DIGITS = 64
"""Of a `canonical_hash`; a `task_hash` has half as many."""
_Shown = tuple[int, Grid, Grid | None]
"""The section that a pair stands in, its input and its output."""


def grid_hash(grid: Grid) -> bytes:
    """16 bytes that name a grid's content."""
    return hashlib.blake2b(orjson.dumps(grid), digest_size=16).digest()


def pair_hash(pair: Pair) -> bytes:
    """16 bytes that name a pair's content; of a pair without output, its input's."""
    content = pair.input if pair.output is None else [pair.input, pair.output]
    return hashlib.blake2b(orjson.dumps(content), digest_size=16).digest()


def task_hash(task: Task) -> str:
    """32 hex digits that name a task by its train pairs and test inputs, in any order.

    Test outputs are left out, so that it is the same whether or not they are known.
    """
    train = sorted(map(pair_hash, task.train))
    test = sorted(grid_hash(pair.input) for pair in task.test)
    return hashlib.blake2b(b"".join([*train, b"/", *test]), digest_size=16).hexdigest()


def content_hash(task: Task, *, with_test_outputs: bool = True) -> str:
    """Name a task by what it says: the SHA-256, in hex, of its pairs in their order.

    The id is left out, so that a renamed task keeps its hash. Without the test outputs the hash
    is the same whether or not they are known.
    """
    shown = task if with_test_outputs else task.without_test_outputs()
    canonical = json.dumps(shown.to_json(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def canonical_hash(task: Task) -> str:
    """64 hex digits: equal for equivalent tasks, and for no others.

    A task whose test outputs are unknown is not equivalent to the one that has them.
    """
    return _hash_of(_sections(task.train, task.test), "task")


def identifying_hashes(task: Task) -> tuple[str, str, str]:
    """Three names; two copies of a task share one of them, even if pairs were left out or moved.

    The hashes of its train pairs alone, of all its pairs whether train or test, and of all its
    inputs alone. So a copy is recognised even if it has other test outputs or none, if pairs
    changed places between train and test, or if only the outputs are new.
    """
    pairs = (*task.train, *task.test)
    return (
        _hash_of(_sections(task.train), "train"),
        _hash_of(_sections(pairs), "pairs"),
        _hash_of([(0, pair.input, None) for pair in pairs], "inputs"),
    )


def _sections(*sections: Sequence[Pair]) -> list[_Shown]:
    return [
        (number, pair.input, pair.output)
        for number, section in enumerate(sections)
        for pair in section
    ]


def _hash_of(pairs: Sequence[_Shown], kind: str) -> str:
    return hashlib.sha256(kind.encode() + b"\0" + _canonical_form(pairs)).hexdigest()


def _canonical_form(pairs: Sequence[_Shown]) -> bytes:
    """The smallest of the forms that the pairs take under all symmetries and colours.

    A pair is its pattern (its cells, with colours numbered in the order in which they first occur)
    and its colours in that order. A pattern is the same whatever the colours are. So the smallest
    list of patterns rules out most of the eight symmetries before any colour is looked at.
    """
    seen = [sorted(_edges(pairs, symmetry)) for symmetry in SYMMETRIES]
    first = min([pattern for pattern, _ in edges] for edges in seen)
    ranks = {pattern: rank for rank, pattern in enumerate(sorted(set(first)))}
    labellings = [
        smallest_labelling([(ranks[pattern], colours) for pattern, colours in edges])
        for edges in seen
        if [pattern for pattern, _ in edges] == first
    ]
    return b"".join(first) + b"".join(b"%d:%b" % (rank, c) for rank, c in min(labellings))


def _edges(pairs: Sequence[_Shown], symmetry: Symmetry) -> Iterator[tuple[bytes, bytes]]:
    for section, before, after in pairs:
        grids = [symmetry.of(grid) for grid in (before, after) if grid is not None]
        flat = b"".join(bytes(row) for grid in grids for row in grid)
        colours = bytes(dict.fromkeys(flat))
        pattern = flat.translate(bytes.maketrans(colours, bytes(range(len(colours)))))
        sizes = [size for grid in grids for size in (len(grid), len(grid[0]))]
        yield bytes((section, len(grids), *sizes)) + pattern, colours
