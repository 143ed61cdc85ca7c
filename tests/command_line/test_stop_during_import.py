"""A signal that comes while a module is imported."""

import subprocess
import sys
from pathlib import Path

from tests.support.scripts import clean_environment

SCRIPT = """
from utilities.command_line.signals import Stopped, stoppable

try:
    with stoppable():
        import interrupted
        while True:
            pass
except Stopped as stopped:
    print("stopped", stopped.exit_code, interrupted.whole)
"""
INTERRUPTED = """
import os, signal

os.kill(os.getpid(), signal.SIGINT)
whole = sum(range(1000))
"""


def test_a_module_is_whole_before_a_signal_ends_the_script(tmp_path: Path) -> None:
    """Some extension modules crash if an exception is raised while they are made."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("stopped 130 499500\n", "")
