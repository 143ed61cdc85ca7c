"""Exit codes, and the guard of every script: bad input and Ctrl-C become one line.

Scripts import this module first. From then on Ctrl-C is heard, also while the other modules are
imported; what the interpreter does before a script's first line cannot be changed from here.
"""

import utilities.command_line.start  # noqa: F401 - before anything else is imported

import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

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
                _spell_out_what_cannot_be_encoded()
                logging.lastResort = _Said(logging.WARNING)
                _check_working_folder()
                code = _code_of(main)
                _flush_output()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except UsageError as error:
        code = EXIT_USAGE
        _say(f"error: {error}")
    except Stopped as stopped:
        code = stopped.exit_code
        _drop(sys.stdout)
        _say(str(stopped))
    except BrokenPipeError:  # the reader of the output (`| head`) has seen enough
        code = code if code in _STOPPED else EXIT_PIPE_CLOSED
    _drop_what_cannot_be_written()
    return code


def _code_of(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as leaving:  # argparse has shown the help, or said what is wrong
        return int(leaving.code or 0)


class _Said(logging.Handler):
    """Says a warning that has no log to go to, once."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        if line not in self._said:
            self._said.add(line)
            _say(line)


def _say(line: str) -> None:
    from utilities.command_line.terminal import say  # imports much

    say(line)


def _spell_out_what_cannot_be_encoded() -> None:
    """Print `\\u2713` if the terminal's encoding has no ✓, instead of ending in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush_output() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"the output cannot be written: {error.strerror}") from error


def _drop_what_cannot_be_written() -> None:
    """Let output without a reader go nowhere: Python would flush it, and end with code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _drop(stream)


def _drop(stream: TextIO | None) -> None:
    """Let what is not yet written go nowhere."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder is gone; change to another and try again") from error
