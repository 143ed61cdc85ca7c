"""The pages are true: their commands run, and every script and option stands in one of them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.scripts import REPOSITORY, SCRIPTS, clean_environment

PAGES = {
    str(path.relative_to(REPOSITORY)): path.read_text()
    for path in (
        REPOSITORY / "readme.md",
        REPOSITORY / "synthetic_data_generators" / "readme.md",
        REPOSITORY / "benchmark" / "readme.md",
        *sorted((REPOSITORY / "auxiliary_utilities").glob("readme.md")),
        *sorted((REPOSITORY / "utilities").rglob("readme.md")),
        *sorted((REPOSITORY / "agents").rglob("readme.md")),
        REPOSITORY / "CONTRIBUTING.md",
    )
}
"""By path, in the order in which a user meets them: later commands use what earlier ones made."""
README = PAGES["readme.md"]
FIRST_PAGE_BYTES = 10 * 1024
FEW_TASKS = ("--tasks", "[1:3]")
"""Two that are soon searched, and give each later command something to work on."""
FEW_SOURCES = ("--tasks", "[1:6]")
"""Of programs drawn by chance, so many that some make a task."""
NOT_RUN = {
    "auxiliary_utilities/check_model.py",
    "benchmark/choose_again.py",
    "benchmark/serve_rewards.py",
    "synthetic_data_generators/verify_reasoning.py",
}
"""These need a server, or are one and would not end."""
PYTHON_COMMAND = re.compile(r"(?:\.venv/bin/python|uv run python) ([a-z_]+/[a-z_]+\.py[^`\n]*)")


def commands() -> list[list[str]]:
    """Every different script command of all pages, as arguments after `python`."""
    pages = PAGES.values()
    found = [shlex.split(match) for page in pages for match in PYTHON_COMMAND.findall(page)]
    return [command for number, command in enumerate(found) if command not in found[:number]]


def on_few_tasks(command: list[str]) -> list[str]:
    """The command, and if it says how many tasks it runs on, an option that leaves few of them."""
    few = FEW_SOURCES if command[0].endswith("generate_task_data.py") else FEW_TASKS
    return [*command, *(few if "--max_tasks" in command else ())]


def needs_a_key_or_server(command: list[str]) -> bool:
    return "--model_identifier" in command or command[0] in NOT_RUN


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
    assert {command[0] for command in ran} == set(SCRIPTS) - NOT_RUN
    for command in ran:
        done = subprocess.run(
            [sys.executable, *on_few_tasks(command)],
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
def test_every_script_and_each_of_its_options_is_documented_beside_it(script: str) -> None:
    folder, name = script.split("/")
    page = PAGES[f"{folder}/readme.md"]
    assert name in page
    assert name in README
    if script.split("/")[1].startswith(("generate_", "run_", "choose_")):
        page += PAGES["synthetic_data_generators/readme.md"]  # options of every script that asks
    options = set(re.findall(r"(?<![\w-])--[a-z_]+", help_of(script).split("options:", 1)[1]))
    assert options - {"--help"}
    missing = {option for option in options - {"--help"} if f"`{option}" not in page}
    assert not missing, f"the page of {script} does not mention {sorted(missing)}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_mentions_no_option_that_no_script_has(page: str) -> None:
    known = {"--extra", "--check", *re.findall(r"--[a-z_]+", measuring_options())}
    for script in SCRIPTS:
        known |= set(re.findall(r"--[a-z_]+", help_of(script)))
    assert set(re.findall(r"(?<![\w-])--[a-z_]+", PAGES[page])) <= known


def test_the_first_page_is_short() -> None:
    assert len(README.encode()) < FIRST_PAGE_BYTES


def test_the_main_job_and_the_tests_are_one_command_each() -> None:
    set_up = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && "
    first_screen = README.splitlines()[:8]
    assert (
        f"{set_up}.venv/bin/python synthetic_data_generators/generate_reasoning_data.py "
        "--max_tasks 20"
    ) in first_screen
    assert f"{set_up}.venv/bin/pytest" in first_screen


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", PAGES[page]):
        assert (REPOSITORY / page).parent.joinpath(target).exists(), target


@cache
def help_of(script: str) -> str:
    command = [sys.executable, str(REPOSITORY / script), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def measuring_options() -> str:
    """The text of what takes options and is no script of the user's: the measuring scripts."""
    folders = (REPOSITORY / "tests" / "performance", REPOSITORY / "tests" / "support")
    return "".join(path.read_text() for folder in folders for path in folder.glob("*.py"))
