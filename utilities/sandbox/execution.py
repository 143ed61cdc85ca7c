"""What running a program on inputs gives back, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from utilities.tasks.task import Grid

ExecutionStatus = Literal[
    "ok",
    "syntax_error",
    "no_entry_point",
    "exception",
    "invalid_output",
    "timeout",
    "memory_limit",
    "output_limit",
    "crashed",
    "forbidden",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use; a program that passes a limit is killed."""

    cpu_s: float = 1.0
    """Processor seconds over all of its inputs."""
    wall_s: float = 5.0
    """Seconds by the clock over all of its inputs, counted from the start of its first line."""
    memory_mb: int = 512
    """Memory over what the bare interpreter with numpy takes, in MiB."""
    source_bytes: int = 256 * 1024
    """Length of the source."""
    output_bytes: int = 64 * 1024
    """Length of what the child may send back for all inputs together."""
    stdout_bytes: int = 4096
    """How much of what it prints is kept, for feedback."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a program did with one input.

    `output` is a valid grid exactly when `status` is "ok". `message` says what went wrong in one
    or a few lines (the exception and its line of the program, the shape of an invalid output).
    `duration_s` is wall time as the child tells it, never more than the supervisor saw pass.
    `uses_numpy_without_import` tells that the program relied on the `np` it was offered.
    """

    status: ExecutionStatus
    output: Grid | None = None
    stdout: str = ""
    duration_s: float = 0.0
    message: str = ""
    uses_numpy_without_import: bool = False
