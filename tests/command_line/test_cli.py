from __future__ import annotations

import argparse
import subprocess
import sys
import textwrap

import pytest

from utilities.command_line.options import parse_options, price
from utilities.runs.options import AskingOptions


def options(*arguments: str) -> AskingOptions:
    return parse_options(AskingOptions, "test", words=arguments)


def test_defaults_are_those_of_the_documentation() -> None:
    chosen = options()
    assert (chosen.best_of, chosen.max_concurrent_tasks, chosen.save_interval) == (1, 5, 10)
    assert chosen.model_identifier is None
    assert chosen.max_cost_usd is None


def test_an_option_is_never_taken_for_a_longer_one() -> None:
    with pytest.raises(SystemExit) as exit_:
        options("--max_task", "3")
    assert exit_.value.code == 2


@pytest.mark.parametrize("text", ["1,10", "0.25, 1.5"])
def test_a_price_is_two_numbers(text: str) -> None:
    assert len(price(text)) == 2


@pytest.mark.parametrize("text", ["1", "a,b", "1,2,3", "-1,2"])
def test_anything_else_is_no_price(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        price(text)


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
