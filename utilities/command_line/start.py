"""What a script does before anything else: it hears signals, and has a stdin, stdout and stderr.

script.py imports this first, and every script imports script.py first. So it imports little.
"""

import os
import signal
import sys


def end_at_once(number: int, _frame: object = None) -> None:
    """End the process with one line; nothing is unwound."""
    line = f"stopped at once by {signal.Signals(number).name}\n"
    try:
        os.write(2, line.encode())
    finally:
        os._exit(128 + number)


def _is_script() -> bool:
    """Whether the program that runs is a script of the toolkit, and not a test that imports one."""
    program = getattr(sys.modules["__main__"], "__file__", None) or ""
    of_program, here = (os.path.realpath(path).split(os.sep) for path in (program, __file__))
    return of_program[:-2] == here[:-3]


def _fill_standard_streams() -> None:
    """Give a closed stdin, stdout or stderr a sink.

    Else the next file that is opened would take its place, in child processes as well.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


if _is_script():
    signal.signal(signal.SIGINT, end_at_once)
    signal.signal(signal.SIGTERM, end_at_once)
    _fill_standard_streams()
