"""The options that scripts share, and the guard that turns bad input into one line."""

from __future__ import annotations

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

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
    except BrokenPipeError:  # whoever read the output (`| head`) has seen enough
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


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, with the nearest option where one is unknown."""

    def __init__(self, description: str | None, usage: str = "%(prog)s [options]") -> None:
        """`description` is the script's docstring, shown as it is written."""
        super().__init__(
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(EXIT_USAGE, f"error: {message}; see {self.prog} --help\n")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """Parse; an unknown option is reported with the nearest known one."""
        for word in sys.argv[1:] if args is None else args:
            if not word.isprintable():
                self.error(f"{word!r} has characters that cannot be printed or are not UTF-8")
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            near = difflib.get_close_matches(unknown[0], self._option_string_actions, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(f"unknown argument {unknown[0]}{hint}")
        return parsed
