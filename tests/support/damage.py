"""Damage to results files: what disks, editors, other tools and people do to them."""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.scripts import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "compatibility" / "fixtures"
SOURCES = (
    FIXTURES / "code_benchmark_refined" / "code_benchmark_results.jsonl",
    FIXTURES / "direct_benchmark" / "direct_benchmark_results.jsonl",
    FIXTURES / "code" / "code_data_results.jsonl",
)
BENCHMARK, DIRECT, CODE = SOURCES
Place = tuple[Any, Any]
"""A list or an object, and the index or the key of a value in it."""

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**30, -(10**400), 1e308, "", "x", [], {}, [[]], [None]),
    *([{}], {"": None}, "\ud800", "a\0b", "\x1b[31m", [[10]], [[1], [1, 2]], [[[1]]], "1", ["ok"]),
    *([True] * 40, float("nan"), float("inf"), {"task_id": {}}, [1, "a", None]),
]


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


def places_in(value: Any) -> Iterator[Place]:
    """Every place in a document, without the single cells of grids."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield value, key
        if isinstance(child, dict) or (isinstance(child, list) and not _is_row(child)):
            yield from places_in(child)


def _is_row(values: list[Any]) -> bool:
    return len(values) > 3 and all(isinstance(value, int) for value in values)


def _changed(chance: random.Random, content: bytes, change: Callable[[Any, Any], None]) -> bytes:
    """The lines, with something done at a random place of a random entry."""
    entries = [json.loads(line) for line in content.splitlines()]
    entry = chance.choice(entries)
    top = chance.random() < 0.4  # the fields that figures are made of are few among all places
    places = [(entry, key) for key in entry] if top else list(places_in(entry))
    holder, key = chance.choice(places)
    change(holder, key)
    return _lines(entries)


def _lines(entries: list[Any]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def _put(value: Any) -> Callable[[Any, Any], None]:
    def change(holder: Any, key: Any) -> None:
        holder[key] = copy.deepcopy(value)

    return change


def odd_value(chance: random.Random, content: bytes) -> bytes:
    return _changed(chance, content, _put(chance.choice(ODD_VALUES)))


def removed(chance: random.Random, content: bytes) -> bytes:
    def change(holder: Any, key: Any) -> None:
        del holder[key]

    return _changed(chance, content, change)


def swapped_fields(chance: random.Random, content: bytes) -> bytes:
    entries = [json.loads(line) for line in content.splitlines()]
    entry = chance.choice(entries)
    one, other = chance.sample(sorted(entry), 2)
    entry[one], entry[other] = entry[other], entry[one]
    return _lines(entries)


def longer_list(chance: random.Random, content: bytes) -> bytes:
    def change(holder: Any, key: Any) -> None:
        value = holder[key]
        holder[key] = [*value, *value, None] if isinstance(value, list) else [value, value]

    return _changed(chance, content, change)


def deep_nest(chance: random.Random, content: bytes) -> bytes:
    """A field nested deeper than JSON parsers go, or than Python's stack does."""
    marked = _changed(chance, content, _put("here it is deep"))
    depth = chance.choice([30, 254, 255, 600, 1000, 1100, 5000, 100_000])
    opening, closing = chance.choice([("[", "]"), ('{"a":', "}")])
    inner = "1" if opening != "[" else ""
    text = opening * depth + inner + closing * depth
    return marked.replace(b'"here it is deep"', text.encode())


def huge_number(chance: random.Random, content: bytes) -> bytes:
    marked = _changed(chance, content, _put("here it is huge"))
    digits = chance.choice([20, 400, 4299, 5000, 100_000])
    return marked.replace(b'"here it is huge"', b"9" * digits)


def raw_bytes(chance: random.Random, content: bytes) -> bytes:
    """Bytes that are no UTF-8, NUL, or half a character, inside a text or anywhere."""
    at = chance.randrange(len(content))
    odd = chance.choice([b"\xff", b"\0", b"\xed\xa0\x80", b"\xc3", b"\x1b[2J", b'"', b"}", b"\n"])
    return content[:at] + odd + content[at + chance.choice([0, 1, 50]) :]


def cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def hole(chance: random.Random, content: bytes) -> bytes:
    """A block of zeros, as after a power cut."""
    at = chance.randrange(len(content))
    return content[:at] + bytes(chance.choice([1, 512, 4096])) + content[at + 512 :]


def repeated_key(chance: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    number = chance.randrange(len(lines))
    entry = json.loads(lines[number])
    name = chance.choice(sorted(entry))
    again = f"{{{json.dumps(name)}: {json.dumps(chance.choice(ODD_VALUES))}, "
    lines[number] = again.encode() + lines[number][1:]
    return b"".join(lines)


def other_kind(chance: random.Random, content: bytes) -> bytes:
    kind = chance.choice(["reslt", "", "reply", "metadata", "batch", 5, [], None, "result"])
    entries = [json.loads(line) for line in content.splitlines()]
    chance.choice(entries)["entry_type"] = kind
    return _lines(entries)


def odd_line(chance: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    odd = chance.choice([b"[1]", b"null", b"{}", b"12", b'"x"', b"{", b"not JSON", b"NaN", b" "])
    lines.insert(chance.randrange(len(lines) + 1), odd + b"\n")
    return b"".join(lines)


def wrong_encoding(chance: random.Random, content: bytes) -> bytes:
    return content.decode().encode(chance.choice(["utf-16", "utf-32", "utf-16-le", "utf-8-sig"]))


def other_line_ends(chance: random.Random, content: bytes) -> bytes:
    return content.replace(b"\n", chance.choice([b"\r\n", b"\r", b"\n\n", b"\n\r\n", b"\x0b"]))


def mixed(chance: random.Random, content: bytes) -> bytes:
    """Entries of several scripts in one file, in any order, some of them twice."""
    lines = content.splitlines(keepends=True) + CODE.read_bytes().splitlines(keepends=True)
    return b"".join(chance.choices(lines, k=len(lines)))


def nothing(chance: random.Random, _: bytes) -> bytes:
    return chance.choice([b"", b"\n", b" \n \n", b"\0" * 100, b"\xef\xbb\xbf", b"{}\n", b"[]\n"])


DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    odd_value, removed, swapped_fields, longer_list, deep_nest, huge_number, raw_bytes, cut, hole,
    repeated_key, other_kind, odd_line, wrong_encoding, other_line_ends, mixed, nothing,
)  # fmt: skip
LAYOUTS = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def damaged_file(folder: Path, seed: int, source: Path) -> tuple[Path, str]:
    """A results file with the damage of this seed, and what was done to it."""
    chance = random.Random(seed)
    damage = DAMAGES[seed % len(DAMAGES)]
    content = damage(chance, source.read_bytes())
    if chance.random() < 0.15:
        content = odd_value(chance, content) if _is_lines(content) else content
    suffix = chance.choices(LAYOUTS, [7, 1, 1, 1])[0]
    if ".json." in f"{suffix}." and ".jsonl" not in suffix and _is_lines(content):
        content = b'{"metadata": {}, "results": [' + b",".join(content.splitlines()) + b"]}"
    if suffix.endswith(".gz"):
        content = gzip.compress(content, mtime=0)
        if chance.random() < 0.5:
            content = cut(chance, content) if chance.random() < 0.5 else raw_bytes(chance, content)
    path = folder / f"damaged{suffix}"
    path.write_bytes(content)
    return path, f"seed {seed}: {damage.__name__}, {suffix}"


def _is_lines(content: bytes) -> bool:
    try:
        return all(isinstance(json.loads(line), dict) for line in content.splitlines())
    except (ValueError, RecursionError):
        return False


def no_files(folder: Path) -> Iterator[Path]:
    """What may stand in place of a results file: a folder, nothing, links, a pipe, a device."""
    (folder / "folder.jsonl").mkdir()
    (folder / "loop.jsonl").symlink_to(folder / "loop.jsonl")
    (folder / "gone.jsonl").symlink_to(folder / "nowhere")
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.jsonl")
    names = ("folder", "loop", "gone", "zero", "pipe", "missing")
    yield from (folder / f"{name}.jsonl" for name in names)
    yield folder / "folder.jsonl" / "inside.jsonl"
    yield folder / ("n" * 300)
