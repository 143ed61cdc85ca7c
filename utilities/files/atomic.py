"""Files that are replaced whole: a reader sees the old bytes or the new, never a part."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from utilities.errors import UsageError

LONGEST_NAME_BYTES = 255
"""Of a file's name, on nearly every file system."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's bytes at once, even across a crash or a power cut.

    Raises UsageError as `replacing` does.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which replaces `path` at once if the block ends well.

    If the block raises, `path` stays as it is. Missing folders are made, a link stays a link and
    an old file keeps its permissions. A process that is killed can leave a `.NAME.….tmp` behind,
    never a damaged `path`. Raises UsageError if the file cannot be written (permissions, a full
    disk).
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            raise UsageError(f"cannot write {path}: it is a folder or a device, not a file")
        temporary = target.with_name(_temporary_name(target.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                if target.exists():
                    os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out while `path` is read, changed and written; waits for its turn.

    The lock is on `NAME.lock` beside it, which stays: the file itself is replaced by each write.
    Raises UsageError if the folder cannot be written.
    """
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f"{target.name}.lock").open("ab")
    except OSError as error:
        raise UsageError(f"cannot write beside {path}: {error.strerror or error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _temporary_name(name: str) -> str:
    """A hidden name for the time of writing, no longer than the system allows.

    It begins like `name`, as far as there is room.
    """
    end = f".{os.getpid()}-{secrets.token_hex(4)}.tmp"
    room = LONGEST_NAME_BYTES - len(end) - 1
    return f".{os.fsdecode(os.fsencode(name)[:room])}{end}"


def _sync_folder(folder: Path) -> None:
    # The folder holds the new name: without this a power cut may undo the replacement.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
