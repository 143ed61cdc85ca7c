"""Reads a large JSON document value by value: only the value at hand is in memory."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from utilities.errors import UsageError

_BLANK = re.compile(rb"[ \t\r\n]*+")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb"|\[[^\"\[\]{}]*+\])*+", re.DOTALL)
"""All that changes no depth: text, whole strings, and lists without strings or lists inside."""
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(rb"[^,:\[\]{}\" \t\r\n]*+")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class JsonStream:
    """The tokens of one document of UTF-8 JSON that comes in chunks.

    It finds where values begin and end; whoever parses a value finds out whether it is valid
    JSON. Raises UsageError, naming file and line, if the structure breaks off.
    """

    def __init__(self, chunks: Iterator[bytes], path: Path) -> None:
        """Nothing is read before it is needed; `path` is for messages."""
        self.line = 1
        """The line at which what comes next begins."""
        self._chunks = chunks
        self._path = path
        self._buffer = b""
        self._start = 0
        self._more()
        if self._buffer.startswith(_BYTE_ORDER_MARK):
            self._start = len(_BYTE_ORDER_MARK)

    def peek(self) -> bytes:
        """The next byte that is not blank; empty at the end of the document."""
        while True:
            blank = _BLANK.match(self._buffer, self._start)
            assert blank is not None  # the pattern also matches nothing
            self._advance(blank.end())
            if self._start < len(self._buffer):
                return self._buffer[self._start : self._start + 1]
            if not self._more():
                return b""

    def take(self, wanted: bytes) -> bool:
        """Step over `wanted`, one byte, if it comes next; returns whether it did."""
        if self.peek() != wanted:
            return False
        self._advance(self._start + 1)
        return True

    def expect(self, wanted: bytes) -> None:
        """Step over `wanted`, one byte."""
        if not self.take(wanted):
            self._broken(f"{wanted.decode()} is missing")

    def value(self) -> bytes:
        """The text of the next value, whatever it is."""
        first = self.peek()
        if first in {b"{", b"["}:
            return self._taken(self._end_of_brackets())
        if first == b'"':
            return self._taken(self._end_of(_WHOLE_STRING))
        end = self._end_of(_SCALAR)
        if end == self._start:
            self._broken("a value is missing")
        return self._taken(end)

    def members(self) -> Iterator[bytes]:
        """The keys of an object, each as JSON text; take its value before going on."""
        self.expect(b"{")
        if self.take(b"}"):
            return
        while True:
            key = self.value()
            self.expect(b":")
            yield key
            if not self.take(b","):
                self.expect(b"}")
                return

    def items(self) -> Iterator[tuple[int, bytes]]:
        """The values of a list, each with the line on which it begins."""
        self.expect(b"[")
        if self.take(b"]"):
            return
        while True:
            self.peek()
            line = self.line
            yield line, self.value()
            if not self.take(b","):
                self.expect(b"]")
                return

    def _end_of(self, pattern: re.Pattern[bytes]) -> int:
        """Where the token ends that matches `pattern`; a match at the very end may go on."""
        while True:
            match = pattern.match(self._buffer, self._start)
            if match and match.end() < len(self._buffer):
                return match.end()
            if not self._more():
                if match:
                    return match.end()
                self._ends_early()

    def _end_of_brackets(self) -> int:
        depth, place = 1, 1  # the place counts from the start: what is before it may be let go
        while True:
            skipped = _UP_TO_BRACKET.match(self._buffer, self._start + place)
            assert skipped is not None  # the pattern also matches nothing
            place = skipped.end() - self._start
            bracket = self._buffer[skipped.end() : skipped.end() + 1]
            if bracket in {b"", b'"'}:  # the end, or a string that is not whole yet
                if not self._more():
                    self._ends_early()
                continue
            depth += 1 if bracket in {b"{", b"["} else -1
            place += 1
            if depth == 0:
                return self._start + place

    def _taken(self, end: int) -> bytes:
        text = self._buffer[self._start : end]
        self._advance(end)
        return text

    def _advance(self, end: int) -> None:
        self.line += self._buffer.count(b"\n", self._start, end)
        self._start = end

    def _more(self) -> bool:
        """Read on, at least as much as is waiting, so that a long value costs linear time."""
        waiting = self._buffer[self._start :]
        parts, size = [waiting], 0
        for chunk in self._chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= len(waiting):
                break
        self._buffer, self._start = b"".join(parts), 0
        return size > 0

    def _ends_early(self) -> NoReturn:
        raise UsageError(
            f"{self._path} ends in the middle of the value that begins on line {self.line}; "
            "mend its end"
        )

    def _broken(self, what: str) -> NoReturn:
        found = self.peek()
        shown = ascii(found.decode("latin-1")) if found else "the end"
        raise UsageError(
            f"{self._path}, line {self.line}: broken JSON ({what} before {shown}); mend it there"
        )
