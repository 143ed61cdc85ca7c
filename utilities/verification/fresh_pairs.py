"""Further pairs of a task's rule, on which a verified program shows whether it holds.

A program that is right on a task's three or four pairs may fit them by accident. RE-ARC
(Hodel, arXiv 2404.07353) and ARC-GEN (Moffitt, arXiv 2511.00162) carry generators for the rules
of ARC-1 training; what they wrote is read here: a file for each task id.
"""

import asyncio
import hashlib
import random
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from utilities.errors import UsageError
from utilities.files.json_files import parse_task_json, reported_reading
from utilities.sandbox.execution import ANSWERED
from utilities.tasks.task import Pair, Task, list_of_pairs, pair_of
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import Verifier

FEWEST_PAIRS = 20
"""With fewer fresh pairs it is not said whether a program generalises."""
FRESH_FIELDS = ("fresh_passed", "fresh_pairs", "generalises")
_LARGEST_FILE_BYTES = 256 << 20
_TASKS_KEPT = 16
_PAIRS_UNDER = ("examples", "arc-gen", "train", "test")
"""The lists of pairs of an object, all of which count."""


@dataclass(frozen=True, slots=True)
class FreshResult:
    """How a program does on fresh pairs."""

    passed: int
    pairs: int

    @property
    def share(self) -> float:
        """The share of the pairs that are right, 0-1, rounded to 4 digits."""
        return round(self.passed / self.pairs, 4)

    def generalises(self, threshold: float) -> bool | None:
        """Whether enough are right; None if there are fewer than FEWEST_PAIRS."""
        return None if self.pairs < FEWEST_PAIRS else self.passed >= threshold * self.pairs


class FreshPairs:
    """A folder or zip archive with a file of pairs for each task id, `00d62c1b.json`.

    A file holds a list of pairs, or an object with `examples`, `arc-gen`, `train` or `test`. It
    may lie in any folder below.
    """

    def __init__(self, source: Path, *, most_pairs: int = 50, threshold: float = 1.0) -> None:
        """`most_pairs` are drawn for each task; the draw depends on its id alone.

        A program generalises if at least the share `threshold` of them is right. Raises UsageError
        if `source` cannot be read, or has no such file.
        """
        self.source = source
        self.threshold = threshold
        self._most_pairs = most_pairs
        self._read: OrderedDict[str, tuple[tuple[Pair, ...], str]] = OrderedDict()
        self._archive: zipfile.ZipFile | None = None
        with reported_reading(source):
            self._files = self._files_of_zip() if source.is_file() else self._files_of_folder()
        if not self._files:
            raise UsageError(
                f"--fresh_pairs {source} has no file of pairs such as 00d62c1b.json; give the "
                "folder or zip archive that RE-ARC or ARC-GEN wrote"
            )

    def _files_of_folder(self) -> dict[str, str]:
        if not self.source.exists():
            raise UsageError(f"--fresh_pairs {self.source} does not exist")
        return {path.stem: str(path) for path in sorted(self.source.rglob("[!.]*.json"))}

    def _files_of_zip(self) -> dict[str, str]:
        try:
            self._archive = zipfile.ZipFile(self.source)
        except zipfile.BadZipFile as error:
            raise UsageError(
                f"--fresh_pairs {self.source} is no folder and no zip archive ({error})"
            ) from error
        names = sorted(self._archive.namelist())
        return {PurePosixPath(name).stem: name for name in names if name.endswith(".json")}

    def of(self, task_id: str) -> tuple[Pair, ...]:
        """The pairs that are drawn for a task; none if there is no file for it.

        Raises UsageError if the file cannot be read, or holds no list of pairs.
        """
        return self._found(task_id)[0]

    def key(self, task_id: str) -> str:
        """Names all that a task's results on fresh pairs depend on besides the program."""
        return f"{self._most_pairs} {self.threshold} {self._found(task_id)[1]}"

    def _found(self, task_id: str) -> tuple[tuple[Pair, ...], str]:
        if task_id not in self._files:
            return (), ""
        if task_id not in self._read:
            content = self._bytes(self._files[task_id])
            values = _values_of(parse_task_json(content, self._path(task_id)))
            drawn = _drawn(task_id, values, self._most_pairs)
            if values and not drawn:
                raise UsageError(f"{self._path(task_id)}: none of its pairs is one of two grids")
            self._read[task_id] = drawn, hashlib.sha256(content).hexdigest()
            if len(self._read) > _TASKS_KEPT:
                self._read.popitem(last=False)
        self._read.move_to_end(task_id)
        return self._read[task_id]

    def _path(self, task_id: str) -> Path:
        name = self._files[task_id]
        return Path(name) if self._archive is None else self.source / name

    def _bytes(self, name: str) -> bytes:
        with reported_reading(Path(name)):
            if self._archive is None:
                return Path(name).read_bytes()
            try:
                with self._archive.open(name) as file:
                    content = file.read(_LARGEST_FILE_BYTES + 1)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
                raise UsageError(f"{self.source}: {name} cannot be unpacked ({error})") from error
        if len(content) > _LARGEST_FILE_BYTES:
            raise UsageError(f"{self.source}: {name} is larger than 256 MiB")
        return content


def _values_of(content: Any) -> list[object]:
    if (pairs := list_of_pairs(content)) is not None:
        return pairs
    lists = (content.get(name) for name in _PAIRS_UNDER) if isinstance(content, dict) else ()
    return [pair for pairs in lists if isinstance(pairs, list) for pair in pairs]


def _drawn(task_id: str, values: Sequence[object], most: int) -> tuple[Pair, ...]:
    """Up to `most` valid pairs with different inputs, in an order that hangs on the id alone."""
    chance = random.Random(task_id)  # noqa: S311 - a choice that can be repeated, no secret
    drawn: list[Pair] = []
    for index in chance.sample(range(len(values)), len(values)):
        pair = pair_of(values[index])
        if pair is not None and all(pair.input != other.input for other in drawn):
            drawn.append(pair)
        if len(drawn) == most:
            break
    return tuple(drawn)


async def judge_on_fresh_pairs(
    verifier: Verifier,
    task: Task,
    codes: Sequence[str | None],
    verdicts: Sequence[Verdict | None],
    fresh: FreshPairs,
) -> dict[str, list[Any]]:
    """The FRESH_FIELDS of an entry: one item a program, null for one that was not run.

    Programs are run that pass train, those too that miss a test output. Pairs that the task
    itself has are left out. Raises UsageError as `FreshPairs.of`.
    """
    own = [pair.input for pair in task.pairs]
    pairs = [pair for pair in fresh.of(task.task_id) if pair.input not in own]

    async def result(code: str | None, verdict: Verdict | None) -> FreshResult | None:
        if code is None or verdict is None or not verdict.passed_train or not pairs:
            return None
        return await _result(verifier, task, code, pairs)

    results = await asyncio.gather(*map(result, codes, verdicts))
    return {
        "fresh_passed": [found and found.share for found in results],
        "fresh_pairs": [found and found.pairs for found in results],
        "generalises": [found and found.generalises(fresh.threshold) for found in results],
    }


async def _result(verifier: Verifier, task: Task, code: str, pairs: Sequence[Pair]) -> FreshResult:
    """Run a program on as many pairs at a time as its task has: its limits then mean the same.

    After a run that was cut short, the pairs that are left count as wrong.
    """
    passed = 0
    for some in _in_portions(pairs, len(task.pairs)):
        portion = Task(task.task_id, train=tuple(some), test=())
        (verdict,) = await verifier.judge(portion, [code], labels=False)
        assert verdict is not None
        passed += sum(verdict.train)
        if verdict.execution_status not in ANSWERED:
            break
    return FreshResult(passed, len(pairs))


def _in_portions(pairs: Sequence[Pair], size: int) -> Iterator[Sequence[Pair]]:
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]
