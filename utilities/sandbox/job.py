"""What the parent works out about a program before it starts a child for it."""

from __future__ import annotations

import ast
import marshal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from utilities.entry_point import ENTRY_POINTS, entry_point_of, parse_program
from utilities.sandbox.base import Execution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from utilities.sandbox.base import Limits
    from utilities.tasks import Grid

PACKAGES = ("numpy", "scipy")
"""Packages that programs may import, where they are installed."""
PRELOADED = (
    *("__future__", "abc", "array", "bisect", "cmath", "collections", "contextlib", "copy"),
    *("dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "gc", "graphlib"),
    *("heapq", "inspect", "io", "itertools", "json", "math", "numbers", "operator", "os"),
    *("pprint", "queue", "random", "re", "statistics", "string", "struct", "sys", "textwrap"),
    *("threading", "time", "traceback", "types", "typing", "warnings", "weakref"),
)
"""Modules of the standard library that a child imports ahead where its program names them: in
root's home they cannot be read any more once the child is nobody."""
ALWAYS_PRELOADED = ("heapq",)
"""What those modules import only when a function is called (Counter.most_common: heapq)."""
NUMPY_PARTS = ("char", "fft", "ma", "polynomial", "random", "rec", "testing")
"""Modules of numpy that come with their first use."""


def prepare(code: str, inputs: Sequence[Grid], limits: Limits) -> bytes | Execution:
    """The job for a child, or what every input gets where the program cannot be run at all."""
    try:
        if len(code.encode()) > limits.source_bytes:
            message = f"the source is longer than {limits.source_bytes} bytes"
            return Execution("forbidden", message=message)
        tree = parse_program(code)
    except UnicodeEncodeError as error:
        return Execution("syntax_error", message=f"the source is no text: {error.reason}")
    except SyntaxError as error:
        return Execution("syntax_error", message=_describe(error))
    entry_point = entry_point_of(tree) or ENTRY_POINTS[0]  # it may be made as the program runs
    return _pack(code, tree, entry_point, inputs, limits)


def _pack(
    code: str, tree: ast.Module, entry_point: str, inputs: Sequence[Grid], limits: Limits
) -> bytes:
    modules = {*_imported(tree), *ALWAYS_PRELOADED}
    says_np = any(isinstance(node, ast.Name) and node.id == "np" for node in ast.walk(tree))
    if says_np:
        modules.add("numpy")
    job = {
        "source": code,
        "entry_point": entry_point,
        "inputs": [[[int(cell) for cell in row] for row in grid] for grid in inputs],
        "modules": sorted(modules),
        "packages": package_folders(),
        "offer_numpy": says_np,
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
        "memory_mb": limits.memory_mb,
        "stdout_bytes": limits.stdout_bytes,
    }
    return marshal.dumps(job)


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names of the modules that the program names anywhere, of those that may be preloaded."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(module), level=0):
                names = [module]
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=part) if part in NUMPY_PARTS:
                names = [f"numpy.{part}"]
            case _:
                continue
        yield from (name for name in names if name.split(".")[0] in (*PRELOADED, *PACKAGES))


@cache
def package_folders() -> dict[str, str]:
    """The folder that holds each package that programs may import; nothing is imported."""
    found = ((name, find_spec(name)) for name in PACKAGES)
    return {name: str(Path(spec.origin).parents[1]) for name, spec in found if spec and spec.origin}


def _describe(error: SyntaxError) -> str:
    said = f"SyntaxError: {error.msg}"
    if error.lineno is None:
        return said
    line = f": {error.text.strip()[:100]}" if error.text else ""
    return f"{said} (line {error.lineno}{line})"
