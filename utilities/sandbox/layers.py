"""Says in one line what a sandbox enforces, and what each missing layer costs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACES = ("user", "net", "pid", "ipc", "uts", "mnt")
_WITHOUT_NAMESPACES = (
    "no network and process namespaces (only seccomp keeps programs from sockets and signals)"
)
_WITHOUT_MOUNTS = "no mount namespace (programs can tell whether a file exists)"
_WITHOUT_LANDLOCK = (
    "no Landlock (programs may open no file at all, and import only what is preloaded)"
)
_WITHOUT_SECCOMP = (
    "NO seccomp: programs may start processes, send signals and use the network, and nothing keeps "
    "them from files that {user} may touch"
)


def describe_layers(report: Mapping[str, Any] | None) -> str:
    """The line for messages and metadata; `report` is a fork server's, None before there is one."""
    if report is None:
        return "not started"
    namespaces = [name for name in _NAMESPACES if name in report["namespaces"]]
    here = [f"landlock ABI {report['landlock']}"] if report["landlock"] else []
    here += ["seccomp"] if report["seccomp"] else []
    here += [f"{'+'.join(namespaces)} namespaces"] if namespaces else []
    here += ["rlimits" if report["memory_limit"] else "rlimits without memory"]
    missing = _missing(report)
    if not missing:
        return f"full ({', '.join(here)})"
    where = f" on {sys.platform}" if sys.platform != "linux" else ""
    return f"partial{where} ({', '.join(here)}); MISSING: {'; '.join(missing)}"


def _missing(report: Mapping[str, Any]) -> list[str]:
    missing = []
    if not report["seccomp"]:
        missing.append(_WITHOUT_SECCOMP.format(user=report["user"]))
    if not report["landlock"] and report["seccomp"]:
        missing.append(_WITHOUT_LANDLOCK)
    if "pid" not in report["namespaces"]:
        missing.append(_WITHOUT_NAMESPACES)
    if "mnt" not in report["namespaces"]:
        missing.append(_WITHOUT_MOUNTS)
    if not report["memory_limit"]:
        missing.append("no limit on memory")
    return missing
