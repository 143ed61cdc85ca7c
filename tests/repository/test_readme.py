"""The README is true: its commands run, and every script and option stands in it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import REPOSITORY, SCRIPTS, clean_environment

README = (REPOSITORY / "readme.md").read_text()
PYTHON_COMMAND = re.compile(r"(?:\.venv/bin/python|uv run python) ([a-z_]+/[a-z_]+\.py[^`\n]*)")


def commands() -> list[list[str]]:
    """Every different script command of the README, as arguments after `python`."""
    found = [shlex.split(match) for match in PYTHON_COMMAND.findall(README)]
    return [command for number, command in enumerate(found) if command not in found[:number]]


def needs_a_key_or_server(command: list[str]) -> bool:
    return "--model_identifier" in command


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, so that the user's own results stay out of it."""
    copy = tmp_path_factory.mktemp("checkout")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).exists():
            shutil.copy(REPOSITORY / name, copy / name)
    return copy


@pytest.mark.timeout(600)
def test_every_command_that_needs_no_key_runs_in_the_order_given(checkout: Path) -> None:
    ran = [command for command in commands() if not needs_a_key_or_server(command)]
    assert {command[0] for command in ran} == set(SCRIPTS)
    for command in ran:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=checkout,
            env=clean_environment(PYTHONPATH=str(checkout)),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
    results = checkout / "synthetic_data_generators" / "synthetic_data"
    assert list(results.glob("*/*_results.jsonl")), "results belong to the copy"


def test_commands_that_need_a_key_are_read_by_their_scripts() -> None:
    asking = [command for command in commands() if needs_a_key_or_server(command)]
    assert asking
    for command in asking:
        options = [word for word in command if word.startswith("--")]
        shown = help_of(command[0])
        assert all(re.search(rf"{option}\b", shown) for option in options), command


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_and_each_of_its_options_is_documented(script: str) -> None:
    assert script in README
    options = set(re.findall(r"(?<![\w-])--[a-z_]+", help_of(script).split("options:", 1)[1]))
    assert options - {"--help"}
    missing = {option for option in options - {"--help"} if f"`{option}" not in README}
    assert not missing, f"the README does not mention {sorted(missing)}"


def test_the_readme_mentions_no_option_that_no_script_has() -> None:
    known = {"--extra"}  # of uv
    for script in SCRIPTS:
        known |= set(re.findall(r"--[a-z_]+", help_of(script)))
    assert set(re.findall(r"(?<![\w-])--[a-z_]+", README)) <= known


def test_the_main_job_and_the_tests_are_one_command_each() -> None:
    set_up = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && "
    first_screen = README.splitlines()[:8]
    assert (
        f"{set_up}.venv/bin/python synthetic_data_generators/generate_reasoning_data.py "
        "--max_tasks 20"
    ) in first_screen
    assert f"{set_up}.venv/bin/pytest" in first_screen


def test_links_to_files_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def help_of(script: str) -> str:
    command = [sys.executable, str(REPOSITORY / script), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
