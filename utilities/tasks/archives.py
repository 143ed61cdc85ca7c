"""Datasets in zip files: unpacked into a folder of their own, within bounds, and read there."""

import lzma
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from utilities.errors import UsageError
from utilities.files.tables import TABLES
from utilities.tasks.stored import Dataset, StoredTask

MOST_BYTES = 4 << 30
"""Of all files together, unpacked: the largest public sets have about one gigabyte."""
MOST_FILES = 200_000
_ENDINGS = frozenset({".json", ".jsonl", ".ndjson", *TABLES})
_CHUNK_BYTES = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)


def zip_dataset(path: Path, recognise: Callable[[Path], Dataset]) -> Dataset:
    """The dataset in a zip file, in any layout that `recognise` knows.

    Only files that may hold tasks are unpacked; the folder goes with the dataset. Raises UsageError
    for a broken or locked archive, for names that lead out of it, and for more than the bounds.
    """
    folder = tempfile.TemporaryDirectory(prefix="arc_dataset_")
    _unpack(path, Path(folder.name))
    root = _root_of(Path(folder.name))

    def in_archive(text: str) -> str:
        return text.replace(f"{root}/", f"{path}: ").replace(folder.name, str(path))

    def told(load: Callable[[], object]) -> object:
        try:
            return load()
        except UsageError as error:
            raise UsageError(in_archive(str(error))) from error

    inner: Dataset = told(partial(recognise, root))  # type: ignore[assignment]

    def tasks() -> Iterator[StoredTask]:
        for task in _told_each(inner.tasks(), in_archive):
            yield StoredTask(task.task_id, in_archive(task.origin), partial(told, task.load))

    return Dataset([path], tasks, inner.known_ids)


def _told_each(tasks: Iterable[StoredTask], reword: Callable[[str], str]) -> Iterator[StoredTask]:
    """The tasks; an error while they are listed is reworded."""
    try:
        yield from tasks
    except UsageError as error:
        raise UsageError(reword(str(error))) from error


def _root_of(folder: Path) -> Path:
    """The first folder that holds more than one folder alone, or the only file."""
    while len(inside := list(folder.iterdir())) == 1:
        (folder,) = inside
        if folder.is_file():
            break
    return folder


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = [one for one in archive.infolist() if _may_hold_tasks(one)]
            if not wanted:
                raise UsageError(f"{path} holds no .json, .jsonl, .csv or .parquet file")
            if len(wanted) > MOST_FILES:
                raise UsageError(f"{path} holds {len(wanted):,} files; {MOST_FILES:,} are allowed")
            left = MOST_BYTES
            for one in wanted:
                left -= _unpack_file(archive, one, _place_of(one, path, folder), left)
                if left < 0:
                    raise UsageError(
                        f"{path} unpacks to more than {MOST_BYTES >> 30} GiB; unpack it yourself, "
                        "and give the folder"
                    )
    except (*_BROKEN, OSError) as error:
        raise UsageError(f"{path} cannot be unpacked: {error}; give the folder instead") from error


def _may_hold_tasks(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a plain file, not hidden, with the ending of a file of tasks."""
    parts = PurePosixPath(member.filename).parts
    kind = stat.S_IFMT(member.external_attr >> 16)
    return (
        not member.is_dir()
        and kind in (0, stat.S_IFREG)
        and PurePosixPath(member.filename).suffix.lower() in _ENDINGS
        and not any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)
    )


def _place_of(member: zipfile.ZipInfo, path: Path, folder: Path) -> Path:
    """Where a member is written; raises UsageError for a name that leads elsewhere."""
    name = PurePosixPath(member.filename)
    odd = {"\\", ":", "\0"} & set(member.filename)
    if name.is_absolute() or ".." in name.parts or odd:
        raise UsageError(f"{path} holds a file with the name {member.filename!r}; it is not read")
    return folder / name


def _unpack_file(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path, most: int) -> int:
    """Write a member, up to `most` bytes and one chunk, whatever it says of its size."""
    written = 0
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as packed, place.open("xb") as file:
        while written <= most and (chunk := packed.read(_CHUNK_BYTES)):
            written += file.write(chunk)
    return written
