"""What the supervisor works out before a program runs: its kind, its inputs, the files it may read.

Fork servers do not do so themselves: a fork copies the page tables of all that they ever imported.
"""

import os
import re
import sysconfig
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from utilities.sandbox.execution import Execution, Limits
from utilities.tasks.task import Grid

PACKAGES = ("numpy", "scipy")
"""Packages that programs may import if they are installed."""
_EXTRA_MODULES = (
    ("numpy", re.compile(rb"np\b|numpy|scipy|ndimage")),
    ("scipy", re.compile(rb"scipy|ndimage")),
    ("numpy.random", re.compile(rb"(?:np|numpy)\.random\b|numpy\s+import\b[^\n]*\brandom\b")),
)
"""What is preloaded for sources in which a pattern is found; a false match does no harm."""


class ServerKind(NamedTuple):
    """What tells one fork server from another."""

    modules: tuple[str, ...] = ()
    """What is preloaded besides the standard library's common modules.

    Numpy doubles what a fork costs, so programs that do not name it are spared it.
    """
    hash_seed: int = 0


class Prepared(NamedTuple):
    """A program and its inputs, as a fork server takes them."""

    inputs: int
    body: bytes
    modules: tuple[str, ...]


def prepare(code: str, inputs: Sequence[Grid], limits: Limits) -> Prepared | Execution:
    """The program for a child, or the Execution of every input if it cannot be run at all."""
    try:
        source = code.encode()
    except UnicodeEncodeError as error:
        return Execution("syntax_error", message=f"the source is no text: {error.reason}")
    if len(source) > limits.source_bytes:
        message = f"the source is longer than {limits.source_bytes} bytes"
        return Execution("forbidden", message=message)
    grids = b"".join(_pack(grid) for grid in inputs)
    folders = package_folders()
    modules = tuple(
        name
        for name, pattern in _EXTRA_MODULES
        if name.split(".")[0] in folders and pattern.search(source)
    )
    return Prepared(len(inputs), grids + source, modules)


def _pack(grid: Grid) -> bytes:
    return bytes((len(grid), len(grid[0]))) + b"".join(map(bytes, grid))


@cache
def package_folders() -> dict[str, str]:
    """The folder that holds each package that programs may import; nothing is imported."""
    found = ((name, find_spec(name)) for name in PACKAGES)
    return {
        name: str(Path(spec.origin).resolve().parents[1])
        for name, spec in found
        if spec and spec.origin
    }


@cache
def visible_files() -> list[str]:
    """Folders that a program may read: those of the standard library and the packages.

    The system's shared libraries belong to them, since modules of both are linked with these.
    """
    library = Path(os.__file__).parent
    machine = sysconfig.get_config_var("MULTIARCH") or "none"
    folders = [library, Path(sysconfig.get_path("platstdlib")), Path("/lib64"), Path("/usr/lib64")]
    folders += [Path("/lib", machine), Path("/usr/lib", machine)]
    for name, folder in package_folders().items():
        folders += [Path(folder, name), Path(folder, f"{name}.libs")]
    there = [folder for folder in folders if folder.is_dir()]
    return sorted({str(path) for folder in there for path in (folder, folder.resolve())})


@cache
def readable_files() -> list[str]:
    """The same, but entry by entry for a folder that also holds the host's own packages."""
    found = []
    for folder in map(Path, visible_files()):
        hidden = {folder / "site-packages", folder / "dist-packages"}
        if any(path.is_dir() for path in hidden):
            found += [str(path) for path in folder.iterdir() if path not in hidden]
        else:
            found.append(str(folder))
    return found
