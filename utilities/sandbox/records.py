"""Reads what a child claims, trusting none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from utilities.sandbox.base import Execution, ExecutionStatus
from utilities.sandbox.child import EVERY_INPUT, KINDS, RECORD

if TYPE_CHECKING:
    from utilities.tasks import Grid


class RecordsRefused(Exception):
    """The child sent what no honest child sends, or too much; `status` is what that makes it."""

    def __init__(self, status: ExecutionStatus, message: str) -> None:
        """Keep the status for the inputs that have no answer yet."""
        super().__init__(message)
        self.status = status


class RecordReader:
    """Turns the bytes of one child into an Execution for each of its inputs.

    The first answer to an input counts. A program can forge one; it is then compared like any
    other, and forging it needs the very grid that was asked for.
    """

    def __init__(self, inputs: int, output_bytes: int) -> None:
        """Expect answers to `inputs` inputs in at most `output_bytes` bytes."""
        self.executions: dict[int, Execution] = {}
        self.not_enforced: str | None = None
        """What the child could not enforce ("" for nothing); None until it is ready."""
        self._inputs = inputs
        self._bytes_left = output_bytes
        self._output_bytes = output_bytes
        self._unread = b""
        self._printed: dict[int, str] = {}
        self._last_answer_s = 0.0

    @property
    def complete(self) -> bool:
        """Whether every input has its answer."""
        return len(self.executions) == self._inputs

    def feed(self, received: bytes, elapsed_s: float) -> None:
        """Take bytes, `elapsed_s` after the child was ready; raises RecordsRefused."""
        fitting = received[: self._bytes_left]
        self._bytes_left -= len(fitting)
        self._unread += fitting
        while len(self._unread) >= RECORD.size:
            index, kind, rows, columns, length = RECORD.unpack_from(self._unread)
            cells_end = RECORD.size + rows * columns
            end = cells_end + length
            if len(self._unread) < end:
                break
            cells = self._unread[RECORD.size : cells_end]
            text = self._unread[cells_end:end].decode("utf-8", "replace")
            self._unread = self._unread[end:]
            starts = range(0, len(cells), columns or 1)
            grid = [list(cells[start : start + columns]) for start in starts]
            self._take(index, kind, grid, text, elapsed_s)
        if len(received) > len(fitting):
            raise RecordsRefused("output_limit", f"sent over {self._output_bytes} bytes")

    def _take(self, index: int, kind_code: int, grid: Grid, text: str, elapsed_s: float) -> None:
        if kind_code >= len(KINDS) or (index >= self._inputs and index != EVERY_INPUT):
            raise RecordsRefused("crashed", "wrote what is no record to the result descriptor")
        kind = KINDS[kind_code]
        if kind == "ready":
            if self.not_enforced is None:
                self.not_enforced = text
        elif kind == "printed":
            self._printed.setdefault(index, text)
        else:
            execution = self._execution(cast("ExecutionStatus", kind), grid, text)
            for each in range(self._inputs) if index == EVERY_INPUT else (index,):
                self._answer(each, execution, elapsed_s)

    @staticmethod
    def _execution(status: ExecutionStatus, grid: Grid, text: str) -> Execution:
        if status != "ok":
            return Execution(status, message=text)
        if 1 <= len(grid) <= 30 and len(grid[0]) <= 30 and max(map(max, grid)) <= 9:
            return Execution("ok", grid)
        return Execution("invalid_output", message="the record holds no valid grid")

    def _answer(self, index: int, execution: Execution, elapsed_s: float) -> None:
        if index in self.executions:
            return
        self.executions[index] = Execution(
            execution.status,
            execution.output,
            stdout=self._printed.get(index, ""),
            duration_s=elapsed_s - self._last_answer_s,
            message=execution.message,
        )
        self._last_answer_s = elapsed_s
