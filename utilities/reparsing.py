"""What becomes of a task's entry when the journal is read again with today's parsers."""

from __future__ import annotations

from typing import Any

import orjson

from utilities.json_lines import encode_line

Entry = dict[str, Any]
_MEASURED = {"execution_duration_s"}
"""What is never the same twice."""


def reparsed(entry: Entry, finished: Entry | None) -> Entry:
    """The entry to be written, or `finished` itself where nothing differs from it.

    Samples whose reply is not in the journal stay `not_asked` in their place, and a later run
    asks for them: the entry is not complete. Without any reply there is none: `complete` is None.
    """
    if not any(entry["usage"]):
        return {**entry, "complete": None} if finished is None else finished
    if entry["complete"] is None:
        entry = {**entry, "complete": False}
    if finished is not None:
        written = orjson.loads(encode_line(entry))
        names = written.keys() - _MEASURED
        if all(finished.get(name) == written[name] for name in names):
            return finished
    return entry
