"""Processes of scripts, forked off a server (script_server.py) that has the libraries imported."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Self

from tests.support.scripts import REPOSITORY, clean_environment


class ScriptServer:
    """The process that forks those of scripts; it ends with this one."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.script_server"],
            cwd=REPOSITORY,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self._process.wait()  # it goes on in a fork

    def ask(self, request: object) -> int:
        """The server's answer to a request."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


@cache
def script_server() -> ScriptServer:
    """The one server of this process, started when it is needed."""
    return ScriptServer()


class ScriptProcess:
    """A running script, with what the tests need of `subprocess.Popen`.

    It differs from a process that is started anew in this: its libraries were imported before, and
    hashes have the seed of its server.
    """

    def __init__(
        self,
        script: str,
        *arguments: str | Path,
        folder: Path | None = None,
        **environment: str,
    ) -> None:
        """Start a script of the repository, in `folder` or else in this process's own folder.

        `environment` is added to the clean one.
        """
        self.args = [str(REPOSITORY / script), *map(str, arguments)]
        self.returncode: int | None = None
        self._files = tempfile.TemporaryDirectory(prefix="script")
        self._output, self._complaint = (Path(self._files.name, name) for name in ("out", "err"))
        request = {
            "command": self.args,
            "folder": str(folder or Path.cwd()),
            "environment": clean_environment(**environment),
            "output": str(self._output),
            "complaint": str(self._complaint),
        }
        self.pid = script_server().ask(request)
        self._ended = os.pidfd_open(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it if it still runs."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        return self._wait(0)

    def wait(self, timeout_s: float = 100) -> int:
        """Wait for its end; returns the exit code, raises TimeoutExpired."""
        code = self._wait(timeout_s)
        if code is None:
            self.send_signal(signal.SIGKILL)
            raise subprocess.TimeoutExpired(self.args, timeout_s)
        return code

    def _wait(self, timeout_s: float) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout_s)[0]:
            os.close(self._ended)
            self.returncode = script_server().ask(self.pid)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def first_line(self) -> str:
        """The first line that it prints and flushes; empty if it ends without one."""
        while self.poll() is None:
            if self._output.exists() and "\n" in (text := self._output.read_text()):
                return text.splitlines()[0]
            time.sleep(0.002)
        return ""

    def completed(self, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
        """Wait for its end; returns all that is known then, raises TimeoutExpired."""
        code = self.wait(timeout_s)
        output, complaint = self._output.read_text(), self._complaint.read_text()
        return subprocess.CompletedProcess(self.args, code, output, complaint)


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for something that happens in another process; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
