"""What a run writes about itself: its id, its times, the code's commit and the versions."""

import hashlib
import platform
import secrets
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from utilities.config import REPOSITORY, child_environment, keys_hidden

_PACKAGES = ("anthropic", "genai-prices", "numpy", "openai", "orjson", "scipy")


def new_run_id(started_at: datetime) -> str:
    """The time in UTC, and six hex digits that tell runs of the same second apart."""
    return f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def run_metadata(
    script: str, status: str, started_at: datetime, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The metadata entry of a run that ends now; `fields` are the script's own."""
    return {
        "entry_type": "metadata",
        "status": status,
        "script": script,
        "started_at": started_at.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **fields,
    }


def provenance() -> dict[str, Any]:
    """The git commit (None outside a checkout), whether files differ from it, and versions."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": commit,
        "git_dirty": None if commit is None else bool(changes),
        "versions": {
            "python": platform.python_version(),
            "platform": _platform(),
            **{name: _version(name) for name in _PACKAGES},
        },
    }


@cache
def source_hash(folder: Path) -> str:
    """16 hex digits that change when a Python file of this folder, or of one in it, does."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _platform() -> str:
    """The system's name; the first question about it, the SDKs' included, runs `uname`."""
    with keys_hidden():
        return platform.platform()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            env=child_environment(),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
