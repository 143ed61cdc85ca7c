"""Python sessions: names that stay, limits that hold, and nothing that reaches beyond them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.performance.measure_sessions import LIMITS, measure_leftovers, measure_memory
from tests.support.sandbox_processes import descendants, parents, until
from tests.support.scripts import REPOSITORY, clean_environment
from utilities.sandbox.session import Session, SessionLimits, Sessions, cut_middle
from utilities.tasks.task import Grid, Pair

MODULE = pytest.mark.asyncio(loop_scope="module")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the layers are Linux's")
pytestmark = linux_only

PAIRS = [Pair(input=[[1, 2], [3, 4]], output=[[4, 3], [2, 1]])]
TEST_INPUTS: list[Grid] = [[[5, 6]]]
SWIFT = SessionLimits(cpu_s=0.3, wall_s=1.5, calls=10_000, session_cpu_s=10_000)
GONE = "its variables are gone"
NEW = "[A new session: variables of earlier calls are gone.]\n"
ENDINGS = {
    "exit": "import os; os._exit(3)",
    "abort": "import os; os.abort()",
    "fault": "import ctypes; ctypes.string_at(0)",
    "closed descriptors": "import os; os.closerange(0, 40)",
    "garbage": "import os; os.write(3, b'garbage' * 100)",
    "flood": "import os\nwhile True: os.write(3, bytes(4096))",
    "half a record": "import os; os.write(3, b'half')",
    "deep stack": "import sys; sys.setrecursionlimit(10 ** 9)\n"
    "def deep(): return sorted([0, 1], key=lambda _: deep())\ndeep()",
    "no builtins": "import builtins\nfor name in ('len', 'min', 'type'): delattr(builtins, name)",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sessions() -> AsyncIterator[Sessions]:
    async with Sessions(SWIFT, most_open=300, workers=2) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def session(sessions: Sessions) -> AsyncIterator[Session]:
    async with sessions.open(PAIRS, TEST_INPUTS) as opened:
        yield opened


async def texts(session: Session, *calls: str) -> list[str]:
    return [(await session.run(code)).text for code in calls]


@MODULE
async def test_names_stay_from_call_to_call(session: Session) -> None:
    calls = "def double(n):\n    return 2 * n", "kept = double(4)", "kept + 1"
    assert await texts(session, *calls) == ["", "", "9\n"]


@MODULE
async def test_it_begins_with_the_train_pairs_and_the_test_inputs(session: Session) -> None:
    shown = await texts(session, "train[0]['output']", "test_inputs", "np.array(test_inputs[0])")
    assert shown == ["[[4, 3],\n [2, 1]]\n", "[[[5, 6]]]\n", "array([[5, 6]])\n"]


@MODULE
async def test_only_the_value_of_a_last_expression_is_shown(session: Session) -> None:
    shown = await texts(session, "1\n2", "1\nx = 2", "None", "print(1)\n3", "# nothing")
    assert shown == ["2\n", "", "", "1\n3\n", ""]


@pytest.mark.parametrize("side", [1, 10, 30])
@MODULE
async def test_arrays_are_shown_whole(session: Session, side: int) -> None:
    (shown,) = await texts(session, f"np.arange({side * side}).reshape({side}, {side}) * 9")
    assert "..." not in shown and len(shown.splitlines()) == side


@MODULE
async def test_a_traceback_names_the_lines_of_the_models_code(session: Session) -> None:
    await session.run("def broken(n):\n    m = n\n    return m / 0")
    result = await session.run("print('first')\nbroken(1)")
    assert result.status == "error"
    assert result.text.startswith("first\nTraceback")
    assert '"<call 2>", line 2, in <module>\n    broken(1)' in result.text
    assert '"<call 1>", line 3, in broken\n    return m / 0' in result.text
    assert "session_calls" not in result.text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\nif x\n    y", "line 2"),
        ("  x = 1", "IndentationError"),
        ("'\0'", "null bytes"),
        ("(" * 500, "SyntaxError"),
        ("return 1", "'return' outside function"),
    ],
)
@MODULE
async def test_code_that_does_not_compile_is_answered(
    session: Session, code: str, said: str
) -> None:
    result = await session.run(code)
    assert result.status in {"error", "memory"} and said in result.text
    assert (await session.run("1")).text == "1\n"


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "exit()", "raise BaseException", "1 / 0"])
@MODULE
async def test_no_exception_ends_a_session(session: Session, code: str) -> None:
    await session.run("kept = 1")
    assert (await session.run(code)).status == "error"
    assert (await session.run("kept")).text == "1\n"


@pytest.mark.parametrize(
    "code",
    [
        "class Loud:\n    def __str__(self): return 'x' * 10 ** 6\nraise Exception(Loud())",
        "class Bad(Exception):\n    def __str__(self): return 1 / 0\nraise Bad()",
        "class Bad:\n    def __repr__(self): return 1 / 0\nBad()",
        "kept = []\nkept.append(kept)\nkept",
        "def bomb(n):\n    return lambda: bomb(n + 1)()\nbomb(0)()",
    ],
)
@MODULE
async def test_values_and_errors_that_cannot_be_shown_are_answered(
    session: Session, code: str
) -> None:
    result = await session.run(code)
    assert result.status in {"ok", "error"} and 0 < len(result.text) <= 8000
    assert (await session.run("1")).text == "1\n"


@MODULE
async def test_the_middle_of_a_long_output_is_cut_out_and_counted(session: Session) -> None:
    result = await session.run("for n in range(10_000): print(f'line {n:04}')")
    before, _, after = result.text.partition("\n[... ")
    cut = int(after.split(" ")[0].replace(",", ""))
    assert len(result.text) <= 8000
    assert before.startswith("line 0000\nline 0001\n") and after.endswith("line 9999\n")
    assert len(before) + cut + len(after.split(" ...]\n")[1]) == 100_000


@MODULE
async def test_output_without_end_takes_no_memory(session: Session) -> None:
    peak = "import resource; resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    before = int((await session.run(peak)).text)
    result = await session.run("while True: print('x' * 1000)")
    assert result.status == "timed_out" and len(result.text) <= 8000
    assert int((await session.run(peak)).text) - before < 4000  # kilobytes


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)"])
@MODULE
async def test_a_call_that_takes_too_long_is_interrupted_and_names_stay(
    session: Session, code: str
) -> None:
    result = await session.run(f"kept = 1\n{code}")
    assert result.status == "timed_out" and "The variables are kept" in result.text
    assert (await session.run("kept")).text == "1\n"


@pytest.mark.parametrize(
    "code",
    [
        "sum(range(10 ** 12))",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [2])\nwhile True: pass",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    ],
)
@MODULE
async def test_a_call_that_cannot_be_interrupted_ends_the_session(
    session: Session, code: str
) -> None:
    result = await session.run(f"print('begun')\nkept = 1\n{code}")
    assert result.status == "timed_out" and result.text.startswith("begun\n")
    assert GONE in result.text
    assert (await session.run("test_inputs")).text == f"{NEW}[[[5, 6]]]\n"


@MODULE
async def test_memory_that_runs_out_leaves_the_session_as_it_is(session: Session) -> None:
    result = await session.run("kept = 1\nbytearray(10 ** 10)")
    assert result.status == "memory" and "The variables are kept" in result.text
    assert (await session.run("kept")).text == "1\n"


@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS.keys())
@MODULE
async def test_a_session_that_ends_says_so_and_the_next_call_begins_anew(
    sessions: Sessions, session: Session, code: str
) -> None:
    server = sessions.server_process_ids
    async with sessions.open([], []) as neighbour:
        await neighbour.run("kept = 2")
        await session.run("kept = 1")
        result = await session.run(f"print('begun')\n{code}")
        if result.status not in {"ok", "error"}:
            assert result.status in {"died", "timed_out"}
            assert result.text.startswith("begun\n") and GONE in result.text
        else:  # what it wrote spoils the answer to the next call
            assert (await session.run("1")).status == "died"
        assert (await session.run("'kept' in globals()")).text == f"{NEW}False\n"
        assert (await neighbour.run("kept")).text == "2\n"
    assert sessions.server_process_ids == server


FORGE = """
import os, struct, sys, time
output = sys.stdout
def frame(nonce, text):
    return struct.pack("<8sBIH", nonce, 1, len(text), len(text)) + text
nonce = output._nonce
"""


@MODULE
async def test_an_answer_written_ahead_is_no_answer_to_the_next_call(session: Session) -> None:
    await session.run(FORGE)
    ahead = "output.end = lambda kind: os.write(3, frame(output._nonce, b'') + frame(nonce, b'X'))"
    assert (await session.run(ahead)).status == "died"
    await session.run(FORGE)
    late = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), os.write"
    await session.run(f"{late}(3, frame(nonce, b'forged')))).start()")
    result = await session.run("time.sleep(1)\nprint('true')")
    assert "forged" not in result.text and result.status == "died"


@MODULE
async def test_what_a_call_leaves_running_stands_still_between_calls(session: Session) -> None:
    await session.run(
        "import threading\ncounted = [0]\ndef count():\n    while True: counted[0] += 1\n"
        "threading.Thread(target=count, daemon=True).start()"
    )
    before = int((await session.run("counted[0]")).text)
    await asyncio.sleep(0.3)
    busy = "import time\nbegan = counted[0]\ntime.sleep(0.1)\ncounted[0] - began"
    after = int((await session.run("counted[0]")).text)
    assert after - before < int((await session.run(busy)).text)


@MODULE
async def test_an_alarm_that_a_call_leaves_does_not_ring(session: Session) -> None:
    await session.run("import signal; signal.alarm(1)")
    await asyncio.sleep(1.1)
    assert (await session.run("1")).text == "1\n"


@MODULE
async def test_a_thread_that_prints_on_harms_no_later_call(session: Session) -> None:
    await session.run(
        "import threading\ndef chat():\n    while True: print('chat')\n"
        "threading.Thread(target=chat, daemon=True).start()"
    )
    for _ in range(20):
        result = await session.run("7")
        assert result.status == "ok" and "7\n" in result.text


SCAN = """
import ctypes, gc, re
found = set()
for region in sorted({id(each) >> 20 for each in [*gc.get_objects(), 1 << 40, globals()]}):
    try:
        held = ctypes.string_at(region << 20, 1 << 20)
    except Exception:
        continue
    if re.search(b"OTHE[R]-SAMPLE", held):  # which does not find itself
        found.add(region)
len(found)
"""


@MODULE
async def test_a_session_holds_nothing_of_another(sessions: Sessions) -> None:
    async with sessions.open([], []) as other:
        await other.run("kept = 'OTHER-SAMPLE'\nprint('OTHER-SAMPLE' * 10)")
        async with sessions.open([], []) as session:
            assert (await session.run(SCAN)).text == "0\n"
            await session.run("kept = bytes(reversed(b'ELPMAS-REHTO'))")
            assert (await session.run(SCAN)).text != "0\n", "the scan would have found it"


@MODULE
async def test_nobody_finds_keys_or_the_toolkit(session: Session, sessions: Sessions) -> None:
    shown = await texts(
        session,
        "import os; sorted(os.environ)",
        "import sys; [name for name in sys.modules if 'utilities' in name]",
        "open('/proc/self/environ')",
        "import utilities",
    )
    assert "KEY" not in shown[0] and shown[1] == "[]\n"
    assert "Error" in shown[2] and "ModuleNotFoundError" in shown[3]
    assert sessions.layers.startswith("full")


@MODULE
async def test_calls_of_one_session_do_not_wait_for_those_of_another(sessions: Sessions) -> None:
    async with sessions.open([], []) as slow, sessions.open([], []) as quick:
        sleeping = asyncio.ensure_future(slow.run("import time; time.sleep(1)"))
        await asyncio.sleep(0.1)
        assert (await quick.run("1")).text == "1\n" and not sleeping.done()
        assert (await sleeping).status == "ok"


@MODULE
async def test_a_call_that_is_cancelled_ends_its_process(sessions: Sessions) -> None:
    (server,) = sessions.server_process_ids
    before = descendants(server)
    async with sessions.open([], []) as session:
        await session.run("1")
        (process,) = descendants(server) - before
        call = asyncio.ensure_future(session.run("import time; time.sleep(1.5)"))
        await asyncio.sleep(0.1)
        call.cancel()
        await until(lambda: process not in parents())
        assert (await session.run("1")).text == f"{NEW}1\n"


async def opened_and_called(sessions: Sessions, calls: int) -> None:
    async with sessions.open(PAIRS, TEST_INPUTS) as session:
        for number in range(calls):
            assert (await session.run(f"{number}")).text == f"{number}\n"


@MODULE
async def test_sessions_leave_no_process_and_no_descriptor(sessions: Sessions) -> None:
    await opened_and_called(sessions, 1)
    (server,) = sessions.server_process_ids
    await until(lambda: len(descendants(server)) == 2)
    before = open_files(server)
    for _ in range(5):
        await asyncio.gather(*(opened_and_called(sessions, 3) for _ in range(10)))
    await until(lambda: open_files(server) <= before)


def open_files(server: int) -> int:
    """Descriptors of this process, and of the server's tree."""
    count = 0
    for process in (os.getpid(), server, *descendants(server)):
        with suppress(FileNotFoundError):  # it has just ended
            count += len(list(Path(f"/proc/{process}/fd").iterdir()))
    return count


@MODULE
async def test_a_long_text_is_cut_to_its_length() -> None:
    for length in (7999, 8000, 8001, 20_000):
        text = cut_middle("ab" * length, 8000)
        assert len(text) <= 8000 and text.startswith("ab") and text.endswith("b")
    assert cut_middle("short", 8000) == "short"


@MODULE
async def test_only_so_many_are_open_at_a_time(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_places", asyncio.Semaphore(1))
    async with sessions.open([], []) as session:
        waiting = asyncio.ensure_future(opened_and_called(sessions, 1))
        assert (await session.run("1")).text == "1\n"
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting


@MODULE
async def test_calls_and_processor_time_of_a_session_are_limited(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "limits", replace(SWIFT, calls=2, session_cpu_s=0.05))
    async with sessions.open([], []) as session:
        assert await texts(session, "1", "2") == ["1\n", "2\n"]
        refused = await session.run("3")
        assert refused.status == "refused" and "all 2 calls" in refused.text
    async with sessions.open([], []) as session:
        assert (await session.run("while True: pass")).status == "timed_out"
        refused = await session.run("1")
        assert refused.status == "refused" and "0.05 s" in refused.text


@MODULE
async def test_an_idle_session_frees_its_memory(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "limits", replace(SWIFT, idle_s=0.05))
    async with sessions.open([], []) as session:
        await session.run("kept = 1")
        await until(lambda: len(descendants(sessions.server_process_ids[0])) == 2)
        assert (await session.run("1")).text == f"{NEW}1\n"


@MODULE
async def test_what_is_no_text_or_too_long_is_refused(session: Session) -> None:
    for code in ("'\ud800'", "#" * 300_000):
        assert (await session.run(code)).status == "refused"


@MODULE
async def test_a_server_that_is_killed_is_replaced(sessions: Sessions) -> None:
    async with sessions.open([], []) as session:
        await session.run("kept = 1")
        call = asyncio.ensure_future(session.run("import time; time.sleep(1)"))
        await asyncio.sleep(0.2)
        os.kill(sessions.server_process_ids[0], signal.SIGKILL)
        result = await call
        assert result.status == "died" and GONE in result.text
        assert (await session.run("1")).text == f"{NEW}1\n"


RUNNING = """
import asyncio
from utilities.sandbox.session import Sessions
async def main():
    async with Sessions(most_open=3, withheld_layers=%r) as sessions:
        async with sessions.open([], []) as idle, sessions.open([], []) as busy:
            await idle.run("1")
            call = asyncio.ensure_future(busy.run("while True: pass"))
            await asyncio.sleep(0.2)
            print("ready", flush=True)
            await call
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "withheld", [[], pytest.param(["namespaces"], marks=pytest.mark.slow)], ids=str
)
def test_no_session_outlives_the_toolkit(withheld: list[str]) -> None:
    command = [sys.executable, "-c", RUNNING % withheld]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=REPOSITORY, env=clean_environment()
    ) as toolkit:
        assert toolkit.stdout and toolkit.stdout.readline() == b"ready\n"
        started = descendants(toolkit.pid)
        assert len(started) >= 4
        toolkit.kill()
    deadline = time.monotonic() + 20
    while started & set(parents()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not started & set(parents())


@pytest.mark.slow
@MODULE
async def test_two_thousand_calls_leave_nothing_and_two_hundred_sessions_fit_two_gigabytes() -> (
    None
):
    async with Sessions(LIMITS, most_open=200, workers=2) as sessions:
        assert await measure_leftovers(sessions, 2000) == (0, 0, 0)
        assert (await measure_memory(sessions, 200))[1] < 2048
