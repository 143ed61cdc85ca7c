"""The sandbox's modes give the same verdicts, and what its options promise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from tests.support.sandbox_programs import odd_programs, realistic_programs
from tests.support.scripts import REPOSITORY, clean_environment
from utilities.sandbox.execution import Execution, Limits
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid

GRIDS: list[Grid] = [
    [[0, 1, 1, 0], [2, 0, 0, 2], [2, 0, 3, 2], [0, 5, 5, 0]],
    [[4, 4, 4], [4, 0, 4], [4, 4, 4]],
    [[7, 0, 0, 0, 7]],
]
LIMITS = Limits(cpu_s=3.0, wall_s=15.0)
SAME = "def solve_task(grid):\n    return grid\n"

Verdict = tuple[tuple[str, Grid | None], ...]


def verdict_of(executions: Sequence[Execution]) -> Verdict:
    return tuple((execution.status, execution.output) for execution in executions)


async def verdicts(sandbox: Sandbox, programs: Sequence[str]) -> list[Verdict]:
    """By their outputs, as if what is right were their rows mirrored."""
    expected = [[row[::-1] for row in grid] for grid in GRIDS]

    def passes(executions: Sequence[Execution]) -> bool:
        return [execution.output for execution in executions] == expected

    runs = await asyncio.gather(
        *(sandbox.run(program, GRIDS, counts=passes) for program in programs)
    )
    return list(map(verdict_of, runs))


BARE = """
import builtins, json, os, sys
from utilities.sandbox.program import Printed, run_program
from utilities.sandbox.wire import RESULT_DESCRIPTOR
import numpy, random
numpy.random.seed(0)
builtins.np = numpy
programs, grids = json.load(sys.stdin)
inputs = tuple((len(grid[0]), b"".join(map(bytes, grid))) for grid in grids)
for number, program in enumerate(programs):
    child = os.fork()
    if child == 0:
        random.seed(0)
        os.dup2(os.open(f"{sys.argv[1]}/{number}", os.O_WRONLY | os.O_CREAT), RESULT_DESCRIPTOR)
        run_program((program.encode(), None, inputs), Printed(4096))
        os._exit(0)
    os.waitpid(child, 0)
"""


def bare_verdicts(programs: Sequence[str], folder: Path) -> list[Verdict]:
    """Forked from an ordinary interpreter, with no protection and no fork server."""
    import json

    from utilities.sandbox.execution import Response, to_executions
    from utilities.sandbox.wire import Ending

    subprocess.run(
        [sys.executable, "-c", BARE, str(folder)],
        input=json.dumps([list(programs), GRIDS]),
        cwd=REPOSITORY,
        env=clean_environment(PYTHONHASHSEED="0", OPENBLAS_NUM_THREADS="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    written = [(folder / str(number)).read_bytes() for number in range(len(programs))]
    responses = [Response(0, Ending.EXITED, True, 0, 0.0, each) for each in written]
    return [verdict_of(to_executions(each, len(GRIDS), Limits())) for each in responses]


def all_programs() -> list[str]:
    """Kinds mixed, so that a batch holds right, wrong and odd ones."""
    realistic, odd = realistic_programs(), odd_programs()
    mixed = [program for pair in zip(realistic, odd, strict=False) for program in pair]
    rest = (*realistic[len(odd) :], *odd[len(realistic) :])
    return [program for program in (*mixed, *rest) if "/etc/passwd" not in program]


async def test_bare_strict_and_batch_agree_on_every_program(tmp_path: Path) -> None:
    programs = all_programs()
    assert len(programs) >= 300
    bare = bare_verdicts(programs, tmp_path)
    async with Sandbox(LIMITS, workers=2) as sandbox:
        strict = await verdicts(sandbox, programs)
    async with Sandbox(LIMITS, workers=2, mode="batch") as sandbox:
        batch = await verdicts(sandbox, programs)
    for program, *three in zip(programs, bare, strict, batch, strict=True):
        assert three[0] == three[1] == three[2], program
    statuses = {status for each in strict for status, _ in each}
    assert {"ok", "exception", "invalid_output", "syntax_error", "no_entry_point"} <= statuses


PLAIN = """
import numpy as np
from collections import Counter
def helper(row): return sorted(row, key=lambda cell: -cell)
def solve_task(grid):
    common = Counter(cell for row in grid for cell in row).most_common(1)[0][0]
    return np.where(np.array(grid) == common, 0, grid).tolist() if grid else list(map(helper, grid))
if __name__ == "__main__":
    print(solve_task([[1]]))
"""


async def shared(mode: Literal["strict", "batch"], programs: Sequence[str]) -> int:
    """How many of the programs ran behind others: only these may need a run that confirms them."""
    asked: list[object] = []

    async with Sandbox(workers=1, mode=mode) as sandbox:
        wait = sandbox.run("import numpy, time\ntime.sleep(0.3)\n", [GRIDS[0]])
        runs = [sandbox.run(code, [GRIDS[0]], counts=asked.append) for code in programs]  # type: ignore[arg-type]
        await asyncio.gather(wait, *runs)
    return len(asked)


async def test_plain_programs_share_a_process_in_batch_mode_only() -> None:
    programs = [f"{PLAIN}# {number}" for number in range(8)]
    assert await shared("strict", programs) == 0
    assert await shared("batch", programs) == 7


REACHING = {
    "a module with state": "import os",
    "the same through another's name": "import collections\ncollections.sys",
    "a module below": "from numpy.lib import stride_tricks",
    "the frame of a caller": "(n for n in ()).gi_frame.f_back",
    "a case that gets attributes": "match solve_task:\n    case object(__globals__=names): pass",
    "text that is run": "print(eval)",
    "attributes by name": "getattr(print, 's')",
    "a getter made of a name": "from operator import attrgetter",
    "a module's private part": "import copy\ncopy._deepcopy_dispatch",
    "an attribute that is set": "import math\nmath.pi = 3",
    "an attribute that goes": "def never():\n    import math\n    del math.pi",
    "a class": "class Kept:\n    def __del__(self): pass",
    "numpy's settings": "np.seterr(all='ignore')",
    "an address": "np.arange(3).ctypes",
    "chance": "np.random.rand()",
    "what was built in": "import typing\ntyping.sys.modules",
}


@pytest.mark.parametrize("body", REACHING.values(), ids=REACHING.keys())
async def test_what_could_leave_a_trace_gets_a_process_of_its_own(body: str) -> None:
    programs = [f"import numpy as np\n{SAME}{body}\n# {number}" for number in range(3)]
    assert await shared("batch", programs) == 0


async def test_what_a_program_did_to_the_toolkit_is_not_the_next_ones() -> None:
    renaming = (
        "import sys\ndef solve_task(grid):\n"
        "    names = sys._getframe(1).f_globals['attempt'].__globals__\n"
        "    names['ENTRY_POINTS'] = ('never', )\n    return [row[::-1] for row in grid]\n"
    )
    async with Sandbox(workers=1, mode="batch") as sandbox:
        found = await verdicts(sandbox, [SAME, *[renaming, f"{SAME}# 1", f"{SAME}# 2"]])
    assert [each[0][0] for each in found] == ["ok"] * 4


async def test_a_slow_program_in_a_batch_delays_but_changes_no_other() -> None:
    slow = "def solve_task(grid):\n    while True: pass\n"
    programs = [SAME, slow, f"{SAME}# 2", f"{slow}# 2", f"{SAME}# 3"]
    async with Sandbox(Limits(cpu_s=0.3, wall_s=5.0), workers=1, mode="batch") as sandbox:
        found = await verdicts(sandbox, programs)
    assert [each[0][0] for each in found] == ["ok", "timeout", "ok", "timeout", "ok"]


SLOW = """
def solve_task(grid):
    total = 0
    for number in range(12_000_000):
        total += number
    return grid
"""


async def test_a_timed_out_program_gets_one_longer_pass() -> None:
    limits = Limits(cpu_s=0.1, wall_s=1.0)
    async with Sandbox(limits, workers=1) as sandbox:
        assert (await sandbox.run(SLOW, [GRIDS[0]]))[0].status == "timeout"
    async with Sandbox(limits, workers=1, retry_timeouts_s=20.0) as sandbox:
        assert (await sandbox.run(SLOW, [GRIDS[0]]))[0].status == "ok"


async def test_the_longer_pass_comes_after_other_programs() -> None:
    finished = []

    async def run(sandbox: Sandbox, name: str, code: str) -> None:
        await sandbox.run(code, [GRIDS[0]])
        finished.append(name)

    limits = Limits(cpu_s=0.1, wall_s=1.0)
    async with Sandbox(limits, workers=1, retry_timeouts_s=20.0) as sandbox:
        quick = [run(sandbox, "quick", f"{SAME}# {n}") for n in range(20)]
        await asyncio.gather(run(sandbox, "slow", SLOW), *quick)
    assert finished == ["quick"] * 20 + ["slow"]


@pytest.mark.parametrize(
    ("code", "relies"),
    [
        ("def solve_task(grid): return np.array(grid)", True),
        ("def solve_task(grid):\n    inner = lambda: np.array(grid)\n    return inner()", True),
        ("import numpy as np\ndef solve_task(grid): return np.array(grid)", False),
        ("def solve_task(grid):\n    import numpy as np\n    return np.array(grid)", False),
        ("def solve_task(grid): return grid", False),
        ("def solve_task(np): return np", False),
    ],
)
async def test_reliance_on_the_offered_numpy_is_recorded(code: str, *, relies: bool) -> None:
    async with Sandbox(workers=1) as sandbox:
        (execution,) = await sandbox.run(code, [GRIDS[0]])
    assert (execution.status, execution.uses_numpy_without_import) == ("ok", relies)


BY_HASH = "def solve_task(grid):\n    return [[hash('colour') % 10, hash('size') % 10]]\n"
BY_CHANCE = """
import random
import numpy as np
def solve_task(grid):
    return [[random.randint(0, 9) for _ in range(9)] + np.random.randint(0, 9, 9).tolist()]
"""


@pytest.mark.parametrize("code", [BY_HASH, BY_CHANCE])
async def test_a_seed_fixes_hashes_and_chance(code: str) -> None:
    async with Sandbox(workers=1) as sandbox:
        seeds = (0, 0, 1, 1)
        outputs = [
            (await sandbox.run(code, [GRIDS[0]], hash_seed=seed))[0].output for seed in seeds
        ]
    assert outputs[0] == outputs[1] != outputs[2] == outputs[3]


async def test_scipy_gets_a_server_of_its_own() -> None:
    code = "from scipy.ndimage import label\ndef solve_task(grid): return label(np.array(grid))[0]"
    async with Sandbox(workers=1) as sandbox:
        assert (await sandbox.run(SAME, [GRIDS[0]]))[0].status == "ok"
        assert len(sandbox.server_process_ids) == 1
        assert (await sandbox.run(code, [GRIDS[0]]))[0].status == "ok"
        assert len(sandbox.server_process_ids) == 2


async def test_durations_are_told_and_not_beyond_what_passed() -> None:
    record = "struct.pack('<BBBBHBI', 0, 0, 1, 1, 4, 5, 4 * 10 ** 9)"
    lying = f"import os, struct\ndef solve_task(grid):\n    os.write(3, {record})\n"
    napping = "import time\ndef solve_task(grid):\n    time.sleep(0.1)\n    return grid\n"
    async with Sandbox(workers=1) as sandbox:
        (lied,) = await sandbox.run(lying, [GRIDS[0]])
        (napped,) = await sandbox.run(napping, [GRIDS[0]])
    assert lied.output == [[5]]
    assert lied.duration_s < 60
    assert napped.duration_s >= 0.1


async def test_many_more_calls_than_workers_wait_for_their_turn() -> None:
    async with Sandbox(workers=1) as sandbox:
        found = await asyncio.gather(*(sandbox.run(f"{SAME}# {n}", [GRIDS[0]]) for n in range(200)))
    assert all(execution.status == "ok" for (execution,) in found)


MANY: list[Grid] = [[[number % 10]] for number in range(1000)]


@pytest.mark.parametrize("mode", ["strict", "batch"])
async def test_any_number_of_inputs_gets_its_answers_in_order(
    mode: Literal["strict", "batch"],
) -> None:
    raising = "def solve_task(grid):\n    return [[1 // grid[0][0]]]\n"
    async with Sandbox(workers=1, mode=mode) as sandbox:
        same = await sandbox.run("def solve_task(grid):\n    return grid\n", MANY)
        some = await sandbox.run(raising, MANY)
    assert [execution.output for execution in same] == MANY
    assert [execution.status for execution in some] == [
        "ok" if grid[0][0] else "exception" for grid in MANY
    ]


async def test_after_a_part_that_was_cut_short_no_further_part_runs() -> None:
    code = (
        "CALLS = []\ndef solve_task(grid):\n    CALLS.append(grid)\n"
        "    while len(CALLS) > 3: pass\n    return grid\n"
    )
    async with Sandbox(Limits(cpu_s=0.2, wall_s=5.0), workers=1) as sandbox:
        executions = await sandbox.run(code, MANY)
    assert [execution.status for execution in executions] == ["ok"] * 3 + ["timeout"] * 997
