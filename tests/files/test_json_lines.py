from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from utilities.errors import UsageError
from utilities.files.json_lines import JsonLinesFile, encode_line


def read(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_later_runs_append_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    for number in (1, 2):
        async with JsonLinesFile(path) as file:
            await file.append({"number": number})
    assert read(path) == [{"number": 1}, {"number": 2}]


async def test_torn_last_line_is_cut_off_and_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"number":1}\n{"number":2,"te')
    async with JsonLinesFile(path) as file:
        await file.append({"number": 3})
    assert read(path) == [{"number": 1}, {"number": 3}]
    assert (tmp_path / "a.jsonl.torn").read_bytes() == b'{"number":2,"te\n'


async def test_file_that_is_one_long_torn_line_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 3_000_000)
    async with JsonLinesFile(path) as file:
        assert file.size == 0
    assert (tmp_path / "a.jsonl.torn").stat().st_size == 3_000_001


async def test_a_line_can_be_read_again_by_its_place(tmp_path: Path) -> None:
    async with JsonLinesFile(tmp_path / "a.jsonl") as file:
        await file.append({"first": "é" * 10})
        place = await file.append({"second": 2})
        assert file.read(*place) == {"second": 2}


async def test_lines_longer_than_the_read_buffer_come_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    values = ["x" * length for length in (1, 3_000_000, 2, 1_048_576, 0)]
    async with JsonLinesFile(path) as file:
        places = [await file.append({"value": value}) for value in values]
        lines = list(file.lines())
    assert [json.loads(line)["value"] for _, line in lines] == values
    assert [offset for offset, _ in lines] == [offset for offset, _ in places]


def test_what_utf8_cannot_hold_is_replaced_and_the_line_kept() -> None:
    line = encode_line({"text": ["half a pair: \ud800", {"deep": "\udfff"}], "number": 1})
    assert json.loads(line) == {"text": ["half a pair: ?", {"deep": "?"}], "number": 1}


async def test_second_writer_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    async with JsonLinesFile(path) as file:
        await file.append({"number": 1})
        with pytest.raises(UsageError, match="another run is writing"):
            async with JsonLinesFile(path):
                pass
    async with JsonLinesFile(path):
        pass


async def test_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*a\.jsonl: its folder is a file"):
        async with JsonLinesFile(tmp_path / "file" / "a.jsonl"):
            pass


FILL_THE_DISK = textwrap.dedent(
    """
    import asyncio, pathlib, sys
    from utilities.errors import UsageError
    from utilities.files.json_lines import JsonLinesFile

    async def main():
        async with JsonLinesFile(pathlib.Path(sys.argv[1])) as file:
            try:
                while True:
                    await file.append({"text": "x" * 500})
            except UsageError as error:
                print(error)

    asyncio.run(main())
    """
)


def test_full_disk_leaves_whole_lines_only_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "cannot write" in done.stdout, done.stderr
    assert "File too large" in done.stdout
    assert path.read_bytes().endswith(b"\n")
    assert len(read(path)) == path.stat().st_size // 512 > 5


def test_what_is_nested_deeply_is_written_or_refused_in_one_line() -> None:
    deep: list[object] = []
    for _ in range(600):
        deep = [deep]
    assert json.loads(encode_line({"deep": deep})) == {"deep": deep}
    for _ in range(600):
        deep = [deep]
    with pytest.raises(UsageError, match="task t: a field is nested too deeply"):
        encode_line({"task_id": "t", "deep": deep})
