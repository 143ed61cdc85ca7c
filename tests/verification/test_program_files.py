"""Folders of programs that others wrote, judged as `verify_generated_code.py --programs` does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run
from utilities.sandbox.python_source import parse_python
from utilities.tasks.task import Pair, Task
from utilities.verification.labels import source_labels
from utilities.verification.program_files import UNREADABLE, source_text
from utilities.verification.shared_modules import with_modules

SCRIPT = "synthetic_data_generators/verify_generated_code.py"
TASK = {
    "train": [{"input": [[1, 2]], "output": [[2, 1]]}, {"input": [[0, 5]], "output": [[5, 0]]}],
    "test": [{"input": [[3, 4]], "output": [[4, 3]]}],
}
LISTS = "    return [row[::-1] for row in grid]\n"
ARRAYS = "    return grid[:, ::-1]\n"
TUPLES = "    return {((1, 2),): ((2, 1),)}.get(grid, tuple(row[::-1] for row in grid))\n"
TOOLS = "import other\ndef mirrored(grid):\n    return other.rows(grid)\n"
OTHER = "import tools\ndef rows(grid):\n    assert tools.mirrored\n    return grid[:, ::-1]\n"
Judge = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def judge(run_script: Run, tmp_path: Path) -> Judge:
    """Judges a folder of the named files; returns the entries by task, the metadata as ""."""

    def judged(**files: str | bytes) -> dict[str, dict[str, Any]]:
        folder, tasks = tmp_path / "programs", tmp_path / "tasks.json"
        folder.mkdir()
        tasks.write_text(json.dumps(dict.fromkeys(("aa", "bb", "cc", "dd", "ee"), TASK)))
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            (folder / f"{name}.py").write_bytes(raw)
        done = run_script(SCRIPT, "--programs", folder, "--dataset_directory", tasks)
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / "programs_verified.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return {entry.get("task_id", ""): entry for entry in found} | {"told": done.stdout}

    return judged


def passes(entry: dict[str, Any]) -> bool:
    return bool(entry["train_passed"] == [[True, True]] and entry["test_passed"] == [[True]])


@pytest.mark.parametrize(
    "source",
    [
        b"#coding:L1\nA = 'caf\xe9'\n",
        b"#!/usr/bin/python\n# -*- coding: cp1252 -*-\nA = '\x80'\n",
        b"\xef\xbb\xbfA = '\xc3\xa9'\n",
        b"\xef\xbb\xbf# coding: utf-8\nA = '\xc3\xa9'\n",
        b"# coding: koi8-r\rA = '\xc1'\r\n",
        b"\n\n# coding: latin-1\nA = '\xc3\xa9'\n",
        b"A = '''x\r\ny\rz\xc3\xa9'''\n",
    ],
)
def test_a_source_is_read_as_python_reads_it(source: bytes, tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_bytes(source)
    (tmp_path / "ours.py").write_text(source_text(source), encoding="utf-8", newline="")
    values = [
        subprocess.check_output(
            [sys.executable, "-c", f"import {name}; print(ascii({name}.A))"], cwd=tmp_path
        )
        for name in ("theirs", "ours")
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    "source",
    [
        b"A = '\xe9'\n",
        b"\xef\xbb\xbf# coding: latin-1\n",
        b"# coding: no-such-encoding\n",
        b"# coding: rot13\n",
        b"# coding: punycode\nA = 1\n",
    ],
)
def test_a_source_that_python_cannot_read_is_refused(source: bytes) -> None:
    with pytest.raises(UNREADABLE):
        source_text(source)


def test_a_compressed_program_with_a_coding_cookie_runs_and_is_stored_as_it_runs(
    judge: Judge, tmp_path: Path
) -> None:
    raw = b"#coding:L1\nK='\xff\xe9'\np=lambda g:[r[::-1]for r in g]if ord(K[0])==255 else g\n"
    entry = judge(aa=raw)["aa"]
    assert passes(entry)
    assert entry["python_code"] == [raw.decode("latin-1").replace("coding:L1", "coding:utf-8")]


def test_the_function_may_be_named_by_the_task(judge: Judge) -> None:
    helper = "def p(grid):\n    return grid\n"
    found = judge(
        aa=f"{helper}def solve_aa(grid):\n{LISTS}",
        bb=f"def solve_bb(grid):\n{LISTS}raise ValueError('an example')\n",
        cc=f"{helper}def solve_aa(grid):\n{LISTS}",
        dd=f"def solve_dd(grid):\n    return grid\ndef solve_task(grid):\n{LISTS}",
        ee=f"def verify_ee(I):\n{LISTS.replace('grid', 'I')}",
    )
    verdicts = {name: passes(found[name]) for name in ("aa", "bb", "cc", "dd", "ee")}
    assert verdicts == {"aa": True, "bb": True, "cc": False, "dd": True, "ee": True}
    assert found["aa"]["entry_point"] == ["solve_task"]


def test_a_program_gets_grids_in_the_form_that_it_takes(judge: Judge) -> None:
    found = judge(
        aa=f"import numpy as np\ndef main(grid: np.ndarray) -> np.ndarray:\n{ARRAYS}",
        bb=f"import numpy as np\ndef solve_task(grid):\n{ARRAYS}",
        cc=f"def solve_cc(grid):\n{TUPLES}",
        dd=f"def transform(grid: list[list[int]]):\n{LISTS}",
        ee="def solve(grid):\n    return grid\n",
    )
    assert {name: found[name]["takes_grids_as"] for name in ("aa", "bb", "cc", "dd", "ee")} == {
        "aa": ["array"],
        "bb": ["array"],
        "cc": ["tuple"],
        "dd": ["list"],
        "ee": ["list"],
    }
    assert [passes(found[name]) for name in ("aa", "bb", "cc", "dd", "ee")] == [True] * 4 + [False]
    assert found["dd"]["python_code"] == [f"def transform(grid: list[list[int]]):\n{LISTS}"]
    assert found[""]["programs"] == 5
    assert "grids given as            2 array, 2 list, 1 tuple" in str(found["told"])


def test_what_is_stored_gives_the_same_verdict_again(
    judge: Judge, run_script: Run, tmp_path: Path
) -> None:
    program = (
        "'Mirrors.'\nfrom __future__ import annotations\nfrom tools import *\n\n\n"
        "def main(grid):\n    return mirrored(grid)\n"
    )
    found = judge(aa=program, tools=TOOLS, other=OTHER)
    assert passes(found["aa"])
    once = tmp_path / "programs_verified.jsonl"
    assert run_script(SCRIPT, once).returncode == 0
    again = json.loads((tmp_path / "programs_verified_verified.jsonl").read_text().splitlines()[0])
    assert passes(again)


def test_modules_beside_a_program_can_be_imported_and_are_no_programs(judge: Judge) -> None:
    found = judge(
        aa="from tools import mirrored\ndef main(grid):\n    return mirrored(grid)\n",
        bb="def main(grid):\n    import tools\n    return tools.mirrored(grid)\n",
        cc="import absent\ndef main(grid):\n    return grid\n",
        tools=TOOLS,
        other=OTHER,
        stray="def main(grid):\n    return grid\n",
    )
    assert passes(found["aa"])
    assert passes(found["bb"])
    assert "No module named 'absent'" in found["cc"]["execution_message"][0]
    assert [reason[-40:] for reason in found[""]["entries_not_judged"]] == [
        found["stray"]["not_judged"][-40:]
    ]


def test_a_module_beside_a_program_runs_within_the_same_bounds(
    judge: Judge, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("[[2, 1]]")
    found = judge(
        aa="import tools\ndef main(grid):\n    return tools.stolen\n",
        bb="import loops\ndef main(grid):\n    return grid\n",
        tools=f"stolen = eval(open({str(secret)!r}).read())\n",
        loops="while True:\n    pass\n",
    )
    assert found["aa"]["execution_status"] == ["exception"]
    assert found["bb"]["execution_status"] == ["timeout"]


def test_answers_in_a_module_beside_a_program_make_it_hardcoded() -> None:
    rows = [[number % 10 for number in range(start, start + 5)] for start in range(5)]
    pair = Pair([[1, 2]], rows)
    text = "from table import ANSWER\ndef main(grid):\n    return ANSWER\n"
    tree = parse_python(text)
    assert isinstance(tree, ast.Module)
    found = []
    for table in (f"ANSWER = {rows}\n", "ANSWER = [[1]]\n"):
        whole = parse_python(with_modules(text, tree, {"table": table}))
        found.append(source_labels(whole, Task("t", (pair,), (pair,))).hardcoded)
    assert found == [True, False]


def test_a_wrong_program_passes_in_no_form(judge: Judge) -> None:
    found = judge(
        aa="def solve_task(grid):\n    return grid\n",
        bb="import numpy as np\ndef main(grid):\n    return np.array(grid) * 0\n",
        cc="def main(grid: tuple):\n    raise TypeError\n",
    )
    assert [passes(found[name]) for name in ("aa", "bb", "cc")] == [False] * 3
    assert found[""]["verified_task_ids"] == []
