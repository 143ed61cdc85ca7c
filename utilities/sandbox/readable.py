"""Which files a program may see and read, as the supervisor works them out for its fork servers.

They do not do so themselves: a fork copies the page tables of all that a process ever imported.
"""

from __future__ import annotations

import os
import sysconfig
from functools import cache
from pathlib import Path

from utilities.sandbox.job import package_folders


@cache
def visible_files() -> list[str]:
    """Folders that a program may read: the standard library's and the packages', no others.

    To these belong the system's shared libraries, which modules of both are linked with.
    """
    library = Path(os.__file__).parent
    machine = sysconfig.get_config_var("MULTIARCH") or "none"
    folders = [library, Path(sysconfig.get_path("platstdlib"))]
    folders += [
        Path("/lib", machine),
        Path("/usr/lib", machine),
        Path("/lib64"),
        Path("/usr/lib64"),
    ]
    for name, folder in package_folders().items():
        folders += [Path(folder, name), Path(folder, f"{name}.libs")]
    there = [folder for folder in folders if folder.is_dir()]
    return sorted({str(path) for folder in there for path in (folder, folder.resolve())})


@cache
def readable_files() -> list[str]:
    """The same, entry by entry where a folder also holds the packages of the host."""
    found = []
    for folder in map(Path, visible_files()):
        hidden = {folder / "site-packages", folder / "dist-packages"}
        if any(path.is_dir() for path in hidden):
            found += [str(path) for path in folder.iterdir() if path not in hidden]
        else:
            found.append(str(folder))
    return found
