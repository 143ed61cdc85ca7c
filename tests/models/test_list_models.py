"""`list_models.py`: what can be asked, with price, context and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scripts import Run
from utilities.model_catalogue import CATALOGUE

LIST = "auxiliary_utilities/list_models.py"


def test_every_model_of_the_catalogue_is_listed_with_its_key(run_script: Run) -> None:
    done = run_script(LIST, OPENAI_API_KEY="secret-of-openai")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert set(CATALOGUE) <= set(rows)
    assert "OPENAI_API_KEY (set)" in rows["GPT"]
    assert "ANTHROPIC_API_KEY (missing)" in rows["CLAUDE_OPUS"]
    assert "BASE_URL_API_KEY (optional)" in rows["LOCAL_0"]
    assert rows["GPT"].split()[1:5] == ["gpt-6.2-sol", "2", "10", "2"]
    assert "1,050,000" in rows["GPT"]
    assert "secret-of-openai" not in done.stdout


def test_a_files_models_are_listed_and_those_that_cannot_be_asked_say_why(run_script: Run) -> None:
    file = Path(__file__).parents[1] / "model_files" / "models.yml"
    done = run_script(LIST, "--models", file)
    assert "own-server" in done.stdout
    reasons = done.stdout.partition("of the file cannot be asked:\n")[2]
    assert "  agent: it is an agent's command line (Codex)" in reasons
    assert "own-server" not in reasons


def test_the_folders_file_is_listed_with_price_and_what_is_taken(
    tmp_path: Path, run_script: Run
) -> None:
    (tmp_path / "models.toml").write_text(
        '[mine]\nmodel = "m"\nbase_url = ["http://a:1", "http://b:1"]\ncontext = 4096\n'
        "price = { in = 0.5, out = 2.0, cached = 0.05 }\nimages = false\ntools = true\n"
    )
    done = run_script(LIST, "mine")
    head, row, *_ = done.stdout.splitlines()
    assert head.split()[:6] == ["name", "model", "in", "out", "cached", "context"]
    assert row.split()[:6] == ["mine", "m", "0.5", "2", "0.05", "4,096"]
    assert "images" not in row
    assert row.endswith("tools  http://a:1/v1 and 1 more")


def test_only_what_can_be_asked_now_is_listed_if_that_is_wanted(run_script: Run) -> None:
    done = run_script(LIST, "--ready", DEEPSEEK_API_KEY="k")
    names = {line.split()[0] for line in done.stdout.splitlines()[1:-1]}
    assert names == {"DEEPSEEK", "DEEPSEEK_FLASH", "LOCAL_0", "LOCAL_1", "LOCAL_2", "LOCAL_3"}


@pytest.mark.parametrize("more", [["nonesuch"], ["--models", "missing.toml"]])
def test_what_cannot_be_listed_is_one_line(more: list[str], run_script: Run) -> None:
    done = run_script(LIST, *more)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
