"""The direction of imports, read from the syntax trees: what may know of what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

MAY_IMPORT = {
    "utilities": {"utilities"},
    "agents": {"agents", "utilities"},
    "synthetic_data_generators": {"agents", "utilities"},
    "benchmark": {"agents", "utilities"},
    "auxiliary_utilities": {"utilities"},
}
PACKAGES = {*MAY_IMPORT, "tests"}


def imported_packages(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").split(".")[0])
    return found & PACKAGES


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    files = sorted((REPOSITORY / package).rglob("*.py"))
    assert files
    for path in files:
        wrong = imported_packages(path) - MAY_IMPORT[package]
        assert not wrong, f"{path.relative_to(REPOSITORY)} imports {wrong}"


def test_no_script_edits_the_import_path_or_keeps_globals() -> None:
    for package in MAY_IMPORT:
        for path in (REPOSITORY / package).rglob("*.py"):
            if path.name == "child.py":  # the sandbox's child starts without site-packages
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                assert not isinstance(node, ast.Global), f"{path}:{node.lineno} global"
                is_sys_path = (
                    isinstance(node, ast.Attribute)
                    and node.attr == "path"
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "sys"
                )
                assert not is_sys_path, f"{path} touches sys.path"
