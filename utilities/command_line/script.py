"""Exit codes, and the guard that turns bad input into one line."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from utilities.errors import UsageError

EXIT_TASKS_FAILED = 1
EXIT_USAGE = 2
EXIT_BUDGET = 3
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141
EXIT_TERMINATED = 143


def run_script(main: Callable[[], int]) -> int:
    """Run a script's main; bad input becomes one line on stderr and exit code 2."""
    try:
        _check_working_folder()
        code = main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the one line the user gets
        return EXIT_USAGE
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of the output (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    if code == EXIT_INTERRUPTED:
        # Only Python itself has still to end: one more Ctrl-C must not change the exit code.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder is gone; change to another and try again") from error
