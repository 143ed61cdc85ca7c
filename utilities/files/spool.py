"""A temporary database on the disk, for what a script cannot keep in memory."""

import os
import secrets
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from utilities.errors import UsageError


@contextmanager
def open_spool(folder: Path, *tables: str) -> Iterator[sqlite3.Connection]:
    """An empty database with these tables, which lasts as long as the block.

    It lies in `folder`, or in the system's folder for temporary files if that does not exist or may
    not be written. It loses its name as soon as it is open, so that nothing of it stays behind,
    however the process ends. Raises UsageError if the disk takes no more.
    """
    place = folder if os.access(folder, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    try:
        with closing(_nameless_database(place)) as connection:
            # Nothing has to outlive the process, so nothing has to be safe on the disk.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE"):
                connection.execute(f"PRAGMA {pragma}")
            for table in tables:
                connection.execute(f"CREATE TABLE {table}")
            yield connection
    except (OSError, sqlite3.OperationalError) as error:
        raise UsageError(f"cannot keep what was read in {place}: {error}; make room") from error


def _nameless_database(folder: Path) -> sqlite3.Connection:
    """An open database whose file is no longer listed in `folder`.

    Signals that stop a script wait for as long as the file has a name: about a millisecond.
    """
    path = folder / f".spool-{secrets.token_hex(8)}.tmp"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return sqlite3.connect(path, isolation_level=None)
    finally:
        path.unlink(missing_ok=True)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
