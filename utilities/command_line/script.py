"""Exit codes, and the guard of every script: bad input and Ctrl-C become one line.

Scripts import this module first. From then on Ctrl-C is heard, also while the other modules are
imported; what the interpreter does before a script's first line cannot be changed from here.
"""

import utilities.command_line.start  # noqa: F401 - before anything else is imported

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from utilities.command_line.signals import Stopped, stoppable
from utilities.errors import UsageError

EXIT_TASKS_FAILED = 1
EXIT_USAGE = 2
EXIT_BUDGET = 3
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141
EXIT_TERMINATED = 143
_STOPPED = (EXIT_INTERRUPTED, EXIT_TERMINATED)


def run_script(main: Callable[[], int]) -> int:
    """Run a script's main; returns its exit code.

    Bad input becomes one line on stderr and exit code 2, a signal one line and 130 or 143. After
    that only Python itself has still to end, and Ctrl-C changes nothing any more.
    """
    code = 0
    try:
        try:
            with stoppable():
                _check_working_folder()
                code = _code_of(main)
                if sys.stdout is not None:
                    sys.stdout.flush()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except UsageError as error:
        _complain(f"error: {error}")
        return EXIT_USAGE
    except Stopped as stopped:
        _drop_output()
        _complain(str(stopped))
        return stopped.exit_code
    except BrokenPipeError:  # the reader of the output (`| head`) has seen enough
        _drop_output()
        return code if code in _STOPPED else EXIT_PIPE_CLOSED
    return code


def _code_of(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as leaving:  # argparse has shown the help, or said what is wrong
        return int(leaving.code or 0)


def _drop_output() -> None:
    """Let what is not yet written go nowhere: Python would wait for its reader at the end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder is gone; change to another and try again") from error


def _complain(line: str) -> None:
    if sys.stderr is not None:
        print(line, file=sys.stderr)  # noqa: T201 - the one line the user gets
