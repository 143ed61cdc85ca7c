"""A temporary database on the disk, for what a script cannot keep in memory."""

import os
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
    not be written. It has no name there, so that nothing of it stays behind, however the process
    ends. Raises UsageError if the disk takes no more.
    """
    place = folder if os.access(folder, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    try:
        descriptor, name = tempfile.mkstemp(dir=place, prefix=".spool-", suffix=".tmp")
        os.close(descriptor)
        with closing(sqlite3.connect(name, isolation_level=None)) as connection:
            # Nothing has to outlive the process, so nothing has to be safe on the disk.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE"):
                connection.execute(f"PRAGMA {pragma}")
            for table in tables:
                connection.execute(f"CREATE TABLE {table}")
            Path(name).unlink()
            yield connection
    except (OSError, sqlite3.OperationalError) as error:
        raise UsageError(f"cannot keep what was read in {place}: {error}; make room") from error
