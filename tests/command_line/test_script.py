from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

RUN = textwrap.dedent(
    """
    import sys
    from utilities.command_line.script import run_script
    from utilities.errors import UsageError

    def main():
        {body}

    sys.exit(run_script(main))
    """
)


COROUTINE = textwrap.dedent(
    """
    import asyncio, contextlib, sys
    from utilities.command_line import signals
    from utilities.command_line.script import run_script
    from utilities.command_line.signals import hearing_signals, run_until_stopped
    from utilities.command_line.terminal import say

    signals._LONGEST_SILENCE_S = {patience_s}

    async def work():
    {body}

    sys.exit(run_script(lambda: run_until_stopped(work())))
    """
)


def run_coroutine(body: str, *, patience_s: int = 20) -> subprocess.CompletedProcess[str]:
    indented = textwrap.indent(textwrap.dedent(body), "    ")
    command = [sys.executable, "-c", COROUTINE.format(body=indented, patience_s=patience_s)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def run(body: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN.format(body=body)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_usage_error_is_one_line_and_exit_code_2() -> None:
    done = run("raise UsageError('the file is missing: give another')")
    assert (done.returncode, done.stderr) == (2, "error: the file is missing: give another\n")


def test_a_bug_is_a_traceback() -> None:
    done = run("return 1 // 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


CTRL_C = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_in_the_midst_is_one_line(name: str, code: int) -> None:
    done = run(f"{CTRL_C.replace('SIGINT', name)}; return 0")
    assert (done.returncode, done.stderr) == (code, f"stopped by {name}\n")


def test_a_signal_in_a_finaliser_is_not_lost() -> None:
    body = (
        f"type('Dies', (), {{'__del__': lambda _: exec({CTRL_C!r})}})(); import time; time.sleep(9)"
    )
    done = run(body)
    assert (done.returncode, done.stderr) == (130, "stopped by SIGINT\n")


def test_a_signal_while_python_ends_changes_nothing() -> None:
    done = run(f"import atexit; atexit.register(exec, {CTRL_C!r}, {{}}); return 3")
    assert (done.returncode, done.stderr) == (3, "")


def test_a_signal_cancels_a_coroutine_which_may_clean_up() -> None:
    done = run_coroutine(
        f"""
        try:
            {CTRL_C}
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            say("cleaned up")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        130,
        "",
        "cleaned up\nstopped by SIGINT\n",
    )


def test_a_signal_before_the_coroutine_begins_ends_it_too() -> None:
    done = run(
        "import asyncio; from utilities.command_line.signals import run_until_stopped; "
        "make = asyncio.new_event_loop; "
        f"asyncio.new_event_loop = lambda: (exec({CTRL_C!r}), make())[1]; "
        "asyncio.runners.events.new_event_loop = asyncio.new_event_loop; "
        "return run_until_stopped(asyncio.sleep(60))"
    )
    assert (done.returncode, done.stderr) == (130, "stopped by SIGINT\n")


def test_a_coroutine_that_cleans_up_without_end_is_ended() -> None:
    done = run_coroutine(
        f"""
        {CTRL_C}
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        """,
        patience_s=1,
    )
    assert (done.returncode, done.stderr) == (130, "stopped at once by SIGINT\n")


def test_a_blocked_loop_does_not_keep_a_script_from_being_ended(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = run_coroutine(
        f"""
        with hearing_signals(print):
            {CTRL_C.replace("SIGINT", "SIGTERM")}
            open({str(tmp_path / "fifo")!r})
        """,
        patience_s=1,
    )
    assert (done.returncode, done.stderr) == (143, "stopped at once by SIGTERM\n")


def test_the_third_signal_ends_at_once() -> None:
    done = run_coroutine(
        f"""
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                {CTRL_C}
                await asyncio.sleep(60)
        """
    )
    assert (done.returncode, done.stderr) == (130, "stopped at once by SIGINT\n")


def test_what_comes_too_late_for_the_inner_listener_goes_to_the_outer_one() -> None:
    done = run_coroutine(
        f"""
        with hearing_signals(print):
            {CTRL_C}
        await asyncio.sleep(60)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped by SIGINT\n")


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    body = "print('x' * 100_000); return 0"
    command = f"'{sys.executable}' -c \"$0\" | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command, RUN.format(body=body)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("x", "")
