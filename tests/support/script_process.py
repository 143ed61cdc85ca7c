"""Processes of scripts, started fast: see tests/support/script_server.py."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.support.scripts import REPOSITORY, clean_environment


class ScriptServer:
    """The process that forks those of the scripts; it ends with this one."""

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
    """A script that runs, with what the tests need of `subprocess.Popen`."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        """Start `command`, a script's path and arguments, in a folder with an environment."""
        self.args = command
        self.returncode: int | None = None
        self._files = tempfile.TemporaryDirectory()
        self._output, self._complaint = (Path(self._files.name, name) for name in ("out", "err"))
        request = {
            "command": command,
            "folder": str(folder),
            "environment": environment,
            "output": str(self._output),
            "complaint": str(self._complaint),
        }
        self.pid = script_server().ask(request)
        self._descriptor = os.pidfd_open(self.pid)

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
        if self.returncode is None and select.select([self._descriptor], [], [], timeout_s)[0]:
            os.close(self._descriptor)
            self.returncode = script_server().ask(self.pid)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def completed(self, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
        """Wait for its end; returns all that is known then, raises TimeoutExpired."""
        code = self.wait(timeout_s)
        output, complaint = self._output.read_text(), self._complaint.read_text()
        return subprocess.CompletedProcess(self.args, code, output, complaint)
