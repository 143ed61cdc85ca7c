"""How one word of the command line is read: numbers, names, paths, lists, JSON.

A word that cannot be read raises argparse.ArgumentTypeError with what was expected.
"""

import argparse
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def path_of(text: str) -> Path:
    """A path; an empty word, such as a variable that is not set, is none."""
    if not text:
        raise argparse.ArgumentTypeError("'' is no path; is a variable empty?")
    return Path(text)


def positive_int(text: str, most: int = 10**9) -> int:
    """A whole number from 1 to `most`."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
    return int(text)


def whole_number(text: str, most: int = 2**31 - 1) -> int:
    """A whole number from 0 to `most`, by default what every server can hold as a seed."""
    return 0 if text == "0" else positive_int(text, most)


def port_number(text: str) -> int:
    """Read a port, 0 to 65535; 0 is any that is free."""
    return whole_number(text, most=65535)


def non_negative_float(text: str) -> float:
    """A finite number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0."""
    value = non_negative_float(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def share(text: str, most: float) -> float:
    """A number from 0 to `most`."""
    value = non_negative_float(text)
    if value > most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {most:g}")
    return value


_TIME_SPAN = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)


def time_span(text: str) -> float:
    """A span of time in seconds, written `11h30m`, `45m` or `90s`; above 0."""
    found = _TIME_SPAN.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (total := 3600 * hours + 60 * minutes + seconds):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no span of time; write 11h30m, 45m or 90s, above 0"
        )
    return float(total)


def price(text: str) -> tuple[float, float]:
    """USD per million input and output tokens, written `IN,OUT`."""
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not IN,OUT (USD per million tokens)")
    return non_negative_float(parts[0]), non_negative_float(parts[1])


def json_object(text: str) -> dict[str, Any]:
    """A JSON object that every JSON reader takes: finite numbers, and text of whole characters."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError as error:
        raise argparse.ArgumentTypeError("it is nested too deep") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object; write '{{\"top_k\": 20}}'")
    return value


def folder_name(text: str) -> str:
    """A name that every file system takes for a folder, and no path."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", text) or text.endswith("."):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name; write letters, digits, - and _, such as best_of_8"
        )
    return text


def comma_list(text: str) -> tuple[str, ...]:
    """The words between commas, without the empty ones."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def names_among(known: Sequence[str], text: str) -> tuple[str, ...]:
    """The known names of a comma list, each once, in the order given."""
    words = comma_list(text)
    if unknown := [word for word in words if word not in known]:
        raise argparse.ArgumentTypeError(f"{','.join(unknown)}: known are {', '.join(known)}")
    if not words:
        raise argparse.ArgumentTypeError(f"names none of {', '.join(known)}")
    return tuple(dict.fromkeys(words))


def is_one_of(path: Path | None, others: Iterable[Path]) -> bool:
    """Whether a path leads to the same file as one of the others, by whatever links."""
    return path is not None and any(_leads_to(path, other) for other in others)


def _leads_to(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there, or a link leads back to itself
        return os.path.realpath(path) == os.path.realpath(other)
