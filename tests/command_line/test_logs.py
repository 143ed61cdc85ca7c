from __future__ import annotations

import logging
from pathlib import Path

import pytest

from utilities.command_line.logs import open_log
from utilities.errors import UsageError

KEY = "sk-canary-0123456789"


def test_a_key_is_masked_in_messages_and_tracebacks(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with open_log(path, verbose=False, keys=[KEY]):
        logging.getLogger("utilities.x").info("sent %s", KEY)
        try:
            raise ValueError(f"the header was {KEY}")
        except ValueError:
            logging.getLogger("utilities.x").exception("failed")
    text = path.read_text()
    assert KEY not in text
    assert text.count("[key]") == 2


@pytest.mark.parametrize(("verbose", "logged"), [(False, False), (True, True)])
def test_prompts_are_logged_only_when_verbose(verbose: bool, logged: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with open_log(path, verbose=verbose):
        logging.getLogger("utilities.replies").debug("prompt: secret riddle")
    assert ("secret riddle" in path.read_text()) is logged


def test_leaving_the_log_leaves_the_root_logger_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    with open_log(tmp_path / "a.log", verbose=True):
        assert len(root.handlers) == len(before[0]) + 1
    assert (list(root.handlers), root.level) == before


def test_a_log_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="--output_directory"),
        open_log(tmp_path / "file" / "a.log", verbose=False),
    ):
        pass
