"""The house: rooms on floors. Imports go down only, and a script imports no script."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripts import REPOSITORY, SCRIPTS

FLOORS = (
    ("utilities.errors", "utilities.model_catalogue"),
    ("utilities.config", "utilities.command_line", "utilities.files", "utilities.model_files"),
    ("utilities.tasks", "utilities.models"),
    ("utilities.results", "utilities.sandbox"),
    ("utilities.replies", "utilities.traces", "utilities.verification", "utilities.views"),
    ("utilities.runs", "utilities.scoring", "utilities.training_data"),
    ("agents", "utilities.report"),
    ("auxiliary_utilities", "benchmark", "synthetic_data_generators"),
)
"""Rooms from the ground up; a room is a package with all that is in it, or one loose module."""
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
CODE = sorted(
    path
    for folder in ("agents", "auxiliary_utilities", "benchmark", "synthetic_data_generators")
    for path in (REPOSITORY / folder).rglob("*.py")
) + sorted((REPOSITORY / "utilities").rglob("*.py"))
LOOSE = {"__init__.py", "config.py", "errors.py", "model_catalogue.py"}


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    return name.removesuffix(".__init__")


def room_of(module: str) -> str | None:
    """The room that a module stands in; None for the empty package `utilities` and strangers."""
    parts = module.split(".")
    name = ".".join(parts[:2]) if parts[0] == "utilities" else parts[0]
    return name if name in FLOOR_OF else None


def imported(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports, those for type checking only included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in inner)


def is_module(name: str) -> bool:
    place = REPOSITORY.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def arrows() -> set[tuple[str, str, str]]:
    """(room, room that it imports, the file that does), for different rooms."""
    found = set()
    for path in CODE:
        here = room_of(module_of(path))
        for module in imported(path):
            there = room_of(module)
            if here is not None and there is not None and here != there:
                found.add((here, there, str(path.relative_to(REPOSITORY))))
    return found


def test_every_module_stands_in_a_room() -> None:
    packages = {"utilities"}
    homeless = [path for path in CODE if room_of(module_of(path)) is None]
    assert [path for path in homeless if module_of(path) not in packages] == []


def test_only_four_modules_lie_loose_in_utilities() -> None:
    assert {path.name for path in (REPOSITORY / "utilities").glob("*.py")} == LOOSE


def test_imports_go_down_the_floors_only() -> None:
    up = [
        f"{file}: {here} (floor {FLOOR_OF[here]}) imports {there} (floor {FLOOR_OF[there]})"
        for here, there, file in sorted(arrows())
        if FLOOR_OF[there] > FLOOR_OF[here]
    ]
    assert up == []


def test_no_rooms_of_a_floor_import_each_other_in_a_circle() -> None:
    edges = {(here, there) for here, there, _ in arrows()}
    reached = {room: {there for here, there in edges if here == room} for room in FLOOR_OF}
    for _ in FLOOR_OF:
        for near in reached.values():
            near |= {further for room in near for further in reached[room]}
    assert [room for room, near in reached.items() if room in near] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_script_is_imported(script: str) -> None:
    module = module_of(REPOSITORY / script)
    assert [path for path in CODE if module in imported(path)] == []


def test_no_file_edits_the_import_path_or_keeps_globals() -> None:
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Global), f"{path}:{node.lineno} global"
            is_sys_path = (
                isinstance(node, ast.Attribute)
                and node.attr == "path"
                and isinstance(node.value, ast.Name)
                and node.value.id == "sys"
            )
            assert not is_sys_path, f"{path} touches sys.path"
