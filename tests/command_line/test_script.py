from __future__ import annotations

import subprocess
import sys
import textwrap

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


def test_a_keyboard_interrupt_is_exit_code_130() -> None:
    assert run("raise KeyboardInterrupt").returncode == 130


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    body = "print('x' * 100_000); return 0"
    command = f"'{sys.executable}' -c \"$0\" | head -c 1"
    done = subprocess.run(
        ["bash", "-c", command, RUN.format(body=body)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("x", "")
