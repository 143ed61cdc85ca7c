"""Reads tables row by row: CSV, tab-separated text, Parquet, and Arrow as `datasets` saves it."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from utilities.errors import UsageError
from utilities.files.json_files import reported_reading

Row = dict[str, Any]
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_COLUMNS_OF_VALUES = (".parquet", ".arrow")
TABLES = (*_DELIMITERS, *_COLUMNS_OF_VALUES)
"""The endings of tables."""
_BATCH_ROWS = 256
_LONGEST_CELL = 1 << 26
"""In characters: a task is one cell."""


def is_table(path: Path) -> bool:
    """Whether a file is named as a table is, or begins as a Parquet file does."""
    if path.suffix.lower() in TABLES:
        return True
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def column_names(path: Path) -> list[str]:
    """The names of a table's columns; raises UsageError as `read_rows`."""
    with reported_reading(path):
        if path.suffix.lower() in _DELIMITERS:
            with _text(path) as reader:
                return list(reader.fieldnames or ())
        with path.open("rb") as file:
            names, _ = _batches(file, path, None)
            return names


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of a table as objects, with these columns or all; cells of CSV are texts.

    Raises UsageError for what cannot be read, and if pyarrow is needed and missing.
    """
    with reported_reading(path):
        if path.suffix.lower() in _DELIMITERS:
            yield from _rows_of_text(path)
            return
        with path.open("rb") as file:
            _, batches = _batches(file, path, columns)
            yield from batches


def _rows_of_text(path: Path) -> Iterator[Row]:
    with _text(path) as reader:
        for row in reader:
            yield {name: cell for name, cell in row.items() if name is not None}


@contextmanager
def _text(path: Path) -> Iterator["csv.DictReader[str]"]:
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield csv.DictReader(file, delimiter=_DELIMITERS[path.suffix.lower()])
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a table: {error}") from error


def _batches(
    file: IO[bytes], path: Path, columns: Sequence[str] | None
) -> tuple[list[str], Iterator[Row]]:
    """The names of the columns, and the rows, a few hundred in memory."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(f"{path}: Parquet needs pyarrow; pip install -e .[parquet]") from error

    def rows(batches: Iterator[Any]) -> Iterator[Row]:
        try:
            for batch in batches:
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error

    try:
        if path.suffix.lower() == ".arrow":
            stream = pa.ipc.open_stream(file)
            return stream.schema.names, rows(_chosen(stream, columns))
        table = pq.ParquetFile(file)
        return table.schema_arrow.names, rows(table.iter_batches(_BATCH_ROWS, columns=columns))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _chosen(batches: Iterator[Any], columns: Sequence[str] | None) -> Iterator[Any]:
    for batch in batches:
        yield batch if columns is None else batch.select(columns)


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = str(error).partition("\n")[0]
    return UsageError(f"{path} cannot be read as Parquet: {reason}")
