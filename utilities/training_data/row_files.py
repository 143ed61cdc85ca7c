"""Files of rows, JSON Lines or Parquet; each gets its name when all rows are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from utilities.errors import UsageError
from utilities.files.atomic import replacing, write_atomically
from utilities.files.json_lines import encode_line
from utilities.training_data.row_parts import Row
from utilities.training_data.rows import Columns

if TYPE_CHECKING:
    from pyarrow import Schema

_ROWS_A_GROUP = 256
_CHARACTERS_A_GROUP = 16_000_000


class RowFile:
    """A file with a JSON line for each row; what UTF-8 cannot hold becomes `?`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """`file` is open and becomes `path` later."""
        self.path = path
        self.rows = 0
        self.tasks: set[str] = set()
        self._file = file

    def write(self, row: Row, task_hash: str) -> None:
        """Add a row."""
        self.rows += 1
        self.tasks.add(task_hash)
        self._add(row)

    def _add(self, row: Row) -> None:
        self._file.write(encode_line(row))

    def finish(self) -> None:
        """Write what is held back."""


class ParquetFile(RowFile):
    """A file with the columns of a schema; rows are held back and written in groups."""

    def __init__(self, path: Path, file: BinaryIO, schema: Schema) -> None:
        """`file` is open and becomes `path` later."""
        import pyarrow.parquet

        super().__init__(path, file)
        self._schema = schema
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Row] = []
        self._characters = 0

    def _add(self, row: Row) -> None:
        line = encode_line(row)
        self._waiting.append(orjson.loads(line))  # JSON and back leaves no lone surrogate
        self._characters += len(line)
        if len(self._waiting) == _ROWS_A_GROUP or self._characters > _CHARACTERS_A_GROUP:
            self._write_waiting()

    def finish(self) -> None:
        """Write the last rows and the footer."""
        self._write_waiting()
        self._writer.close()

    def _write_waiting(self) -> None:
        import pyarrow as pa

        table = pa.Table.from_pylist(self._waiting, schema=self._schema)
        self._writer.write_table(table)
        self._waiting, self._characters = [], 0


def parquet_schema(*, thinking_field: bool = False) -> Schema:
    """The columns of an exported Parquet file; messages may have a field for the thinking.

    `conversation` is empty if no tools were called. What a call is given stands in it as JSON.
    """
    import pyarrow as pa

    text, bools = pa.string(), pa.list_(pa.bool_())
    thinking = [("reasoning_content", text)] if thinking_field else []
    message = pa.struct([("role", text), *thinking, ("content", text)])
    function = pa.struct([("name", text), ("arguments", text)])
    call = pa.struct([("id", text), ("type", text), ("function", function)])
    of_tools = [("tool_calls", pa.list_(call)), ("tool_call_id", text), ("name", text)]
    turn = pa.struct([*message.fields, *of_tools])
    return pa.schema(
        [
            ("messages", pa.list_(message)),
            ("conversation", pa.list_(turn)),
            ("tools", text),
            *((name, text) for name in ("prompt_text", "answer_text", "reasoning", "thinking")),
            ("python_code", text),
            *((name, text) for name in ("task_id", "task_hash", "source", "run_id", "model")),
            ("sample_index", pa.int64()),
            *((name, text) for name in ("prompt_hash", "dataset_hash", "verdict")),
            *((name, bools) for name in ("train_passed", "test_passed")),
            *((name, pa.bool_()) for name in ("deterministic", "hardcoded")),
            *(("fresh_pairs", pa.int64()), ("fresh_passed", pa.float64())),
            ("generalises", pa.bool_()),
            *(("followers", pa.int64()), ("followed", pa.float64())),
            *(("confidence", pa.float64()), ("agent_verdict", text), ("rule_form", text)),
            ("cost_usd", pa.float64()),
            *((f"{name}_tokens", pa.int64()) for name in ("input", "output", "reasoning")),
            *(
                (f"{name}_characters", pa.int64())
                for name in ("prompt", "reasoning", "thinking", "completion")
            ),
            *((name, text) for name in ("judged_by", "sandbox", "augmentation", "relabelled_from")),
            ("task_data", text),
        ]
    )


def soar_schema() -> Schema:
    """The columns of SOAR's data sets of programs (J. Pourcel et al., arXiv 2507.14172)."""
    import pyarrow as pa

    text, grids = pa.string(), pa.list_(pa.list_(pa.list_(pa.int64())))
    return pa.schema(
        [
            *((name, text) for name in ("row_id", "task_id", "reasoning", "code")),
            *((f"correct_{part}_input", pa.list_(pa.bool_())) for part in ("train", "test")),
            *((f"predicted_{part}_output", grids) for part in ("train", "test")),
            ("model", text),
            ("is_transductive", pa.bool_()),
            *((name, text) for name in ("refined_from_id", "compound_inspiration_id")),
        ]
    )


def schema_of(columns: Columns, *, thinking_field: bool) -> Schema:
    """The columns of a format's Parquet files, by the format's name for them."""
    return soar_schema() if columns == "soar" else parquet_schema(thinking_field=thinking_field)


def check_parquet() -> None:
    """Raise UsageError if pyarrow is not installed."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise UsageError("--format parquet needs pyarrow; install it: pip install -e .[parquet]")


@contextmanager
def open_parts(
    output: Path, parts: list[str], columns: Columns | None, *, thinking_field: bool = False
) -> Iterator[dict[str, RowFile]]:
    """A file for each part, of Parquet if `columns` names its columns.

    They get their names if the block ends well; else no file is left.
    """
    with ExitStack() as stack:
        files: dict[str, RowFile] = {}
        for part in parts:
            path = _path_of(output, part, parquet=columns is not None)
            file = stack.enter_context(replacing(path))
            files[part] = (
                RowFile(path, file)
                if columns is None
                else ParquetFile(path, file, schema_of(columns, thinking_field=thinking_field))
            )
        try:
            yield files
        finally:  # a Parquet writer left open would complain later
            for rows in files.values():
                rows.finish()


def describe_for_llama_factory(
    output: Path, files: Iterable[RowFile], description: Mapping[str, Any]
) -> Path:
    """Write what LLaMA-Factory's `dataset_info.json` has to say of these files; returns the path.

    It lies beside them under a name of its own, since a `dataset_info.json` there may be another's.
    """
    entries = {
        file.path.stem: {"file_name": file.path.name, **description} for file in files if file.rows
    }
    path = output.with_name(f"{output.stem}_dataset_info.json")
    write_atomically(path, orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def _path_of(output: Path, part: str, *, parquet: bool) -> Path:
    """The file of a part; the part without a name is the whole."""
    if parquet:
        return output / "data" / f"{part or 'train'}-00000-of-00001.parquet"
    return output.with_name(f"{output.stem}_{part}{output.suffix}") if part else output
