"""A run's entries as one JSON file beside the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiofiles
import orjson

from utilities.errors import UsageError
from utilities.json_lines import encode_line


async def write_snapshot(
    results: Path, lines: Iterable[bytes], metadata: Mapping[str, Any], *, interrupted: bool
) -> Path:
    """Write `lines` (JSON entries) as one `{"metadata", "results"}` object, streaming.

    The file, named after `results`, takes its name when it is whole. Raises UsageError where it
    cannot be written.
    """
    suffix = "_interrupted" if interrupted else ""
    stamp = f"{datetime.now(UTC):%Y%m%d_%H%M%S}{suffix}"
    path = results.with_name(f"{results.stem}_{stamp}.json")
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        async with aiofiles.open(unfinished, "wb") as snapshot:
            await snapshot.write(b'{"metadata":' + encode_line(metadata) + b',"results":[')
            separator = b""
            for line in lines:
                if orjson.loads(line)["entry_type"] == "result":
                    await snapshot.write(separator + line)
                    separator = b",\n"
            await snapshot.write(b"\n]}\n")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {path}: {error.strerror}; the results are safe in {results}"
        ) from error
    return path
