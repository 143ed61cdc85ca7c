"""The log file beside the results: rotated, without keys."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from utilities.command_line.terminal import printable, say
from utilities.errors import UsageError

MAX_LOG_BYTES = 5_000_000
KEPT_LOGS = 3


class _LogFile(RotatingFileHandler):
    """A log whose disk may be full: one line says so, once, and the run goes on."""

    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._has_failed:
            self._has_failed = True
            say(f"the log {self.baseFilename} cannot be written: {error.strerror}")


class KeyMaskingFormatter(logging.Formatter):
    """Writes `[key]` in place of every key, in messages and in tracebacks.

    A character that no terminal should get is spelt out: logs are read in terminals.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        """`keys` are the secrets of this run."""
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._keys = [key for key in keys if len(key) > 8]

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        line = super().format(record)
        for key in self._keys:
            line = line.replace(key, "[key]")
        return "\n".join(map(printable, line.split("\n")))


@contextmanager
def open_log(
    path: Path,
    *,
    verbose: bool,
    keys: Iterable[str] = (),
    option: str = "--output_directory",
) -> Iterator[None]:
    """Log to `path` while the context lasts: INFO, or DEBUG with `verbose`.

    Raises UsageError if the file cannot be written; `option` chooses another place.
    """
    if path.exists() and not path.is_file():  # a pipe would wait for a reader
        raise UsageError(f"cannot write {path}: it is no ordinary file; move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(
            path, maxBytes=MAX_LOG_BYTES, backupCount=KEPT_LOGS, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; choose another folder with {option}"
        ) from error
    handler.setFormatter(KeyMaskingFormatter(keys))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for noisy in ("httpx2", "httpcore2", "openai", "anthropic", "asyncio", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        with suppress(OSError):
            handler.close()
