"""Prompts of one's own, and the formats that grids are shown in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from agents.prompts.building import PLAIN, Showing, prompt_hash, prompt_messages
from agents.prompts.directory import check_prompt_directory
from agents.reply_parsing import extract_grids
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import Run, arc1_training, entries
from utilities.errors import UsageError
from utilities.tasks.task import Pair, Task
from utilities.views.formats import FORMATS

TASK = Task(
    "t",
    (Pair([[1, 2, 3]], [[4], [5]]), Pair([[6, 6]], [[7, 7]])),
    (Pair([[1, 0, 1, 0]], [[9, 8, 9, 8]]),),
)
DIRECT = "benchmark/run_direct_benchmark.py"
CODE = "benchmark/run_code_benchmark.py"
USER = "Here it is.\n\n$pairs$test_inputs"


def folder_with(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.md").write_text(text)
    return path


def test_without_options_a_prompt_and_its_hash_are_those_of_earlier_versions() -> None:
    system, user = prompt_messages("direct_answer", TASK)
    assert user["content"].startswith("Find the rule and give the output grid of each test input.")
    assert (
        "Input (1 row × 3 columns):\n1 2 3\n\nOutput (2 rows × 1 column):\n4\n5" in user["content"]
    )
    assert system["content"].endswith("Test output 1:\n```\n0 1 2\n3 4 5\n```")
    assert prompt_hash("direct_answer") == "6d39e7da85416949f190590f10fb829d"
    assert PLAIN.identity() == {}


@pytest.mark.parametrize("name", FORMATS)
def test_a_prompt_shows_every_grid_in_its_format_and_no_test_output(name: str) -> None:
    _, user = prompt_messages("direct_answer", TASK, Showing(grid_formats=(name,)), "grids")
    for pair in (*TASK.train, *TASK.test):
        assert FORMATS[name].write(pair.input) in user["content"]
    assert FORMATS[name].write([[9, 8, 9, 8]]) not in user["content"]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "rows"])
def test_a_prompt_says_in_which_form_to_answer_and_that_form_is_read(name: str) -> None:
    system, _ = prompt_messages("direct_answer", TASK, Showing(grid_formats=(name,)), "grids")
    assert FORMATS[name].description in system["content"]
    example = system["content"].rpartition("Test output 1:")[2]
    assert extract_grids(f"Test output 1:{example}", 1, (name,)) == ([[0, 1, 2], [3, 4, 5]],)


def test_several_formats_show_each_grid_in_each() -> None:
    showing = Showing(grid_formats=("json", "words"))
    system, user = prompt_messages("code_generating", TASK, showing)
    assert (
        "Input (1 row × 3 columns):\n[[1, 2, 3]]\n\nInput as words:\nblue red green"
        in user["content"]
    )
    assert "lists of rows of ints all the same" in system["content"]
    assert "Test output 1:" not in system["content"]


def test_the_hash_of_a_prompt_names_the_formats_and_the_texts(tmp_path: Path) -> None:
    own = folder_with(tmp_path, direct_answer_system="Solve it.")
    showings = [
        PLAIN,
        *(Showing(grid_formats=(name,)) for name in FORMATS if name != "rows"),
        Showing(grid_formats=("rows", "json")),
        Showing((own,)),
        Showing((own,), ("json",)),
    ]
    hashes = [prompt_hash("direct_answer", showing, "grids") for showing in showings]
    assert len(set(hashes)) == len(showings)


def test_a_system_prompt_may_say_itself_where_the_formats_are_told(tmp_path: Path) -> None:
    own = folder_with(tmp_path, direct_answer_system="Before. $grid_format After. It costs $5.")
    told = prompt_messages("direct_answer", TASK, Showing((own,)), "grids")[0]["content"]
    assert told.startswith("Before. The grids of this puzzle are written as rows")
    assert told.endswith("After. It costs $5.")


def check(folder: Path) -> None:
    check_prompt_directory(folder, ("direct_answer",), None)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"direct_answer_user": "$pairs"}, r"lacks \$test_inputs"),
        ({"direct_answer_user": "$pairs $test_input"}, r"\$test_input; did you mean \$test_inputs"),
        ({"direct_answer_user": f"{USER} $cost"}, r"unknown place \$cost; write \$\$"),
        ({"direct_answer_system": "See $pairs"}, "a system prompt gets no grids"),
        ({"direct_answer_user": " \n"}, "is empty"),
        ({"direct_anwser_user": USER}, "did you mean direct_answer_user.md"),
        ({"code_generating_user": USER}, "has none of direct_answer_system.md"),
        ({}, "has none of direct_answer_system.md"),
    ],
)
def test_a_folder_that_the_agent_cannot_use_is_refused(
    files: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        check(folder_with(tmp_path, **files))


def test_a_folder_named_like_a_prompt_is_no_prompt(tmp_path: Path) -> None:
    (tmp_path / "direct_answer_user.md").mkdir()
    with pytest.raises(UsageError, match=r"has none of direct_answer_system\.md"):
        check(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        {"direct_answer_user": USER},
        {"direct_answer_system": "It costs $5."},
        {"direct_answer_user": USER, "code_generating_user": "left alone", "notes": "mine"},
        {"direct_answer_user": f"{USER} for $$5"},
    ],
)
def test_a_folder_with_some_of_the_prompts_is_taken(files: dict[str, str], tmp_path: Path) -> None:
    check(folder_with(tmp_path, **files))


def on_two_tasks(
    run_script: Run, script: str, folder: Path, *options: str | Path
) -> subprocess.CompletedProcess[str]:
    tasks = dict(list(arc1_training().items())[:2])
    (folder / "two.json").write_text(json.dumps(tasks))
    return run_script(
        script, "--dataset_directory", folder / "two.json", "--output_directory", folder / "out",
        "--model_identifier", "local:m", *options,
    )  # fmt: skip


@pytest.mark.parametrize("script", [DIRECT, CODE])
def test_a_prompt_without_its_places_ends_the_run_before_anything_is_asked(
    script: str, run_script: Run, tmp_path: Path
) -> None:
    names = ("direct_answer_user", "code_refinement_user")
    own = folder_with(tmp_path / "own", **dict.fromkeys(names, "Guess."))
    with LoopbackServer(then=reply("x")) as server:
        done = on_two_tasks(
            run_script, script, tmp_path, "--base_url", server.openai_url, "--prompt_directory", own
        )
        assert server.ledger() == []
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "lacks $" in done.stderr
    assert not (tmp_path / "out").exists()


def test_own_prompts_and_formats_are_sent_and_told_in_the_metadata(
    run_script: Run, tmp_path: Path
) -> None:
    own = folder_with(tmp_path / "own", direct_answer_user=USER)
    with LoopbackServer(then=reply("Test output 1:\n```\nblack blue\n```")) as server:
        done = on_two_tasks(
            run_script, DIRECT, tmp_path, "--base_url", server.openai_url,
            "--prompt_directory", own, "--grid_format", "words,json",
        )  # fmt: skip
        sent = [entry.body["messages"] for entry in server.ledger()]
    assert done.returncode == 0, done.stderr
    assert len(sent) == 2
    assert all(user["content"].startswith("Here it is.") for _, user in sent)
    assert all("by the name of its colour" in system["content"] for system, _ in sent)
    results = tmp_path / "out" / "direct_benchmark_results.jsonl"
    assert [entry["test_outputs"] for entry in entries(results)] == [[[[[0, 1]]]]] * 2
    (metadata,) = entries(results, "metadata")
    assert metadata["configuration"]["grid_format"] == ["words", "json"]
    assert metadata["configuration"]["prompt_directory"] == "own"
    assert metadata["options"]["prompt_directory"] == str(own)


@pytest.mark.parametrize("option", [("--grid_format", "json"), ("--prompt_directory", ".")])
def test_an_agent_without_a_prompt_takes_no_options_about_it(
    option: tuple[str, str], run_script: Run, tmp_path: Path
) -> None:
    done = run_script(
        DIRECT, "--agent", "program_search", "--output_directory", tmp_path / "out", *option
    )
    assert done.returncode == 2
    assert f"{option[0]}: PROGRAM_SEARCH has no prompt" in done.stderr
