"""Files that are replaced whole: a reader sees the old bytes or the new, never a part."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from utilities.errors import UsageError

LONGEST_NAME_BYTES = 255
"""Of a file's name, on nearly every file system."""


def write_atomically(path: Path, content: bytes, *, option: str = "--output") -> None:
    """Replace a file's bytes at once, even across a crash or a power cut.

    Raises UsageError as `replacing` does.
    """
    with replacing(path, option=option) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, *, option: str = "--output") -> Iterator[BinaryIO]:
    """A file to write to, which replaces `path` at once if the block ends well.

    If the block raises, `path` stays as it is. Missing folders are made, a link stays a link and
    an old file keeps its permissions. A process that is killed can leave a `.NAME.….tmp` behind,
    never a damaged `path`. Raises UsageError if the file cannot be written (permissions, a full
    disk), or is none: a folder, a device, a pipe. `option` is the one that chooses another place.
    """
    target = file_to_write(path)
    try:
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
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another place "
            f"with {option}"
        ) from error


def file_to_write(path: Path) -> Path:
    """The file that `path` stands for, all links followed; it need not exist.

    Raises UsageError if something else is there: a folder, a device, a pipe, or a link that leads
    back to itself. To replace one of these would destroy it.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = stat.S_IFREG  # it will be one
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}; choose another path"
        ) from error
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        what = kinds.get(stat.S_IFMT(mode), "a device")
        raise UsageError(f"cannot write {path}: it is {what}, no ordinary file; choose another")
    return Path(os.path.realpath(path))


@contextmanager
def locked(path: Path, *, option: str = "--output") -> Iterator[None]:
    """Keep other processes out while `path` is read, changed and written; waits for its turn.

    The lock is on `NAME.lock` beside it, which stays: the file itself is replaced by each write.
    Raises UsageError if the folder cannot be written, or its file system has no locks.
    """
    target = file_to_write(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = file_to_write(target.with_name(f"{target.name}.lock")).open("ab")
    except OSError as error:
        raise UsageError(
            f"cannot write beside {path}: {error.strerror or error}; choose another place with "
            f"{option}"
        ) from error
    with lock:
        take_lock(lock.fileno(), path)
        yield


def _temporary_name(name: str) -> str:
    """A hidden name for the time of writing, no longer than the system allows.

    It begins like `name`, as far as there is room.
    """
    end = f".{os.getpid()}-{secrets.token_hex(4)}.tmp"
    room = LONGEST_NAME_BYTES - len(end) - 1
    return f".{os.fsdecode(os.fsencode(name)[:room])}{end}"


def take_lock(descriptor: int, path: Path, *, wait: bool = True) -> None:
    """Lock an open file against other processes until it is closed.

    Raises BlockingIOError if another process has it and `wait` is False, and UsageError if the
    file system has no locks (some network file systems), since nothing would keep runs apart.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError as error:
        raise UsageError(
            f"the file system of {path} has no locks ({error.strerror}), which keep two runs from "
            "writing one file; choose a folder on another one"
        ) from error


def is_locked(path: Path) -> bool:
    """Whether a process has the lock of a file, as far as Linux tells; nothing is locked here."""
    try:
        inode, locks = path.stat().st_ino, Path("/proc/locks").read_text()
    except OSError:
        return False
    return any(
        "FLOCK" in line and line.split()[5].rpartition(":")[2] == str(inode)
        for line in locks.splitlines()
        if "->" not in line  # these wait for a lock
    )


def _sync_folder(folder: Path) -> None:
    # The folder holds the new name: without this a power cut may undo the replacement.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
