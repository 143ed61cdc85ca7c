"""Publishing: the card that the Hub reads, and pushing by the real client to a stand-in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.hub_server import HubServer, hub_server
from tests.support.scripts import Run, clean_environment, script_command
from tests.support.training_results import RIGHT, WRONG, entry, mirror_task, write
from utilities.training_data.card import size_category

SCRIPT = "auxiliary_utilities/export_training_data.py"
Done = subprocess.CompletedProcess[str]
Push = Callable[..., Done]
NAME = "anna/arc-rows"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    told = [entry("a", mirror_task(), [RIGHT, WRONG]), entry("b", mirror_task(1), [RIGHT, WRONG])]
    return write(tmp_path / "results.jsonl", *told)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    pytest.importorskip("huggingface_hub")
    with hub_server() as server:
        yield server


@pytest.fixture
def push(hub: HubServer, results: Path, tmp_path: Path) -> Push:
    """Export and push to the stand-in; nothing that is printed or written has the token."""

    def run(*options: str, form: str = "messages", token: str = hub.token) -> Done:
        output = tmp_path / ("rows" if form == "parquet" else "rows.jsonl")
        command = script_command(SCRIPT, results, "--format", form, "--output", output)
        environment = clean_environment(
            HF_ENDPOINT=hub.url, HF_HUB_DISABLE_XET="1", HF_HOME=str(tmp_path / "home")
        )
        if token:
            environment["HF_TOKEN"] = token
        done = subprocess.run(
            [*command, "--push_to", NAME, *options],
            env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not any(b"hf_" in path.read_bytes() for path in files)
        assert "hf_" not in done.stdout + done.stderr
        return done

    return run


def fields_of(card: Path | str) -> dict[str, object]:
    text = card.read_text() if isinstance(card, Path) else card
    found: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_the_card_of_every_format_has_the_fields_that_the_hub_asks_for(
    results: Path, run_script: Run, tmp_path: Path
) -> None:
    split = ("--split", "train=0.5,validation=0.5")
    done = run_script(
        SCRIPT, results, "--format", "messages", "--output", tmp_path / "m.jsonl", *split
    )
    assert done.returncode == 0, done.stderr
    fields = fields_of(tmp_path / "m_card.md")
    assert fields == {
        "pretty_name": "ARC programs and reasoning",
        "language": ["en"],
        "license": "other",
        "license_name": "apache-2.0-tasks-and-terms-of-the-models-providers",
        "license_link": "https://github.com/fchollet/ARC-AGI/blob/master/LICENSE",
        "size_categories": ["n<1K"],
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "tags": ["arc-agi", "reasoning", "code", "synthetic", "messages"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "m_train.jsonl"},
                    {"split": "validation", "path": "m_validation.jsonl"},
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("more", "model", "licence"),
    [
        ((), "PROGRAM_SEARCH", "apache-2.0"),
        ((), "maker:model", "other"),
        (("--licence", "cc-by-4.0"), "maker:model", "cc-by-4.0"),
    ],
)
def test_the_cards_licence_is_that_of_the_tasks_unless_a_model_wrote_or_one_is_given(
    run_script: Run, tmp_path: Path, more: tuple[str, ...], model: str, licence: str
) -> None:
    told = write(tmp_path / "r.jsonl", entry("a", mirror_task(), [RIGHT], model=model))
    run_script(SCRIPT, told, "--format", "messages", "--output", tmp_path / "m.jsonl", *more)
    assert fields_of(tmp_path / "m_card.md")["license"] == licence


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"),
        (100_000, "100K<n<1M"), (10**6, "1M<n<10M"), (10**9, "1B<n<10B"), (10**12, "n>1T"),
    ],
)  # fmt: skip
def test_a_size_category_is_one_of_the_hubs_names(rows: int, name: str) -> None:
    assert size_category(rows) == name


@pytest.mark.slow
@pytest.mark.parametrize("form", ["messages", "parquet", "preference"])
def test_the_hubs_own_class_reads_the_card(
    results: Path, run_script: Run, tmp_path: Path, form: str
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    output = tmp_path / "rows" if form == "parquet" else tmp_path / "rows.jsonl"
    assert run_script(SCRIPT, results, "--format", form, "--output", output).returncode == 0
    path = output / "README.md" if form == "parquet" else tmp_path / "rows_card.md"
    card = hub.DatasetCard.load(path)
    assert isinstance(card.data, hub.DatasetCardData)
    assert card.data.size_categories == ["n<1K"]
    assert card.data.license == "other"
    assert card.data.configs[0]["data_files"][0]["split"] == "train"


def test_without_push_it_is_only_said_what_would_be_pushed(
    results: Path, run_script: Run, tmp_path: Path
) -> None:
    output = tmp_path / "rows.jsonl"
    done = run_script(
        SCRIPT, results, "--format", "messages", "--output", output, "--push_to", NAME
    )
    assert done.returncode == 0
    size = output.stat().st_size
    total = size + (tmp_path / "rows_card.md").stat().st_size
    assert f"would push  2 files, {total:,} bytes to {NAME}; --push new" in done.stdout
    assert f"{size:>12,} bytes  rows.jsonl" in done.stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--push_to", "no-owner"), "is no OWNER/NAME"),
        (("--push_to", "a/../b"), "is no OWNER/NAME"),
        (("--push", "new"), "need --push_to"),
        (("--public",), "need --push_to"),
        (("--push_to", NAME, "--push", "update", "--public"), "give --push new"),
    ],
)
def test_what_cannot_be_pushed_is_refused_before_anything_is_written(
    results: Path, run_script: Run, tmp_path: Path, options: tuple[str, ...], why: str
) -> None:
    output = tmp_path / "rows.jsonl"
    done = run_script(SCRIPT, results, "--format", "messages", "--output", output, *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert why in done.stderr
    assert not output.exists()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["messages", "parquet"])
def test_a_new_repository_is_private_and_gets_card_and_rows_in_one_commit(
    push: Push, hub: HubServer, tmp_path: Path, form: str
) -> None:
    done = push("--push", "new", form=form)
    assert done.returncode == 0, done.stderr
    files = hub.repositories[NAME]
    rows = "data/train-00000-of-00001.parquet" if form == "parquet" else "rows.jsonl"
    assert files.keys() == {"README.md", rows}
    written = tmp_path / "rows" / rows if form == "parquet" else tmp_path / rows
    assert files[rows] == written.read_bytes()
    told = {"split": "train", "path": rows}
    fields = fields_of(files["README.md"].decode())
    assert fields["configs"] == [{"config_name": "default", "data_files": [told]}]
    assert hub.private[NAME]
    assert hub.calls.count("commit") == 1
    assert f"to {hub.url}/datasets/{NAME}, private" in done.stdout


@pytest.mark.slow
def test_an_existing_repository_is_updated_and_a_public_one_is_public(
    push: Push, hub: HubServer
) -> None:
    assert push("--push", "new", "--public").returncode == 0
    assert not hub.private[NAME]
    hub.repositories[NAME]["other.txt"] = b"kept"
    assert push("--push", "update").returncode == 0
    assert hub.repositories[NAME].keys() == {"README.md", "rows.jsonl", "other.txt"}
    assert hub.calls.count("create") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "why"),
    [
        (("new", False, "hf_wrong"), "the token is not accepted"),
        (("new", False, ""), "needs a token: set HF_TOKEN"),
        (("new", True, None), "it is there already: give --push update"),
        (("update", False, None), "it is not there"),
    ],
)
def test_what_is_wrong_before_the_export_is_one_line_and_nothing_is_written(
    push: Push, hub: HubServer, tmp_path: Path, case: tuple[str, bool, str | None], why: str
) -> None:
    push_as, is_there, token = case
    before = {NAME: {"kept": b"as it is"}} if is_there else {}
    hub.repositories |= before
    done = push("--push", push_as, token=hub.token if token is None else token)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert why in done.stderr
    assert "nothing was exported" in done.stderr
    assert not (tmp_path / "rows.jsonl").exists()
    assert hub.repositories == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "status"),
    [("create", 403), ("create", 0), ("validate", 200), ("preupload", 403), ("preupload", 0),
     ("lfs", 400), ("commit", 403), ("commit", 400), ("commit", 0), ("commit", 200)],
)  # fmt: skip
def test_a_push_that_fails_is_one_line_and_leaves_nothing_on_the_hub(
    push: Push, hub: HubServer, tmp_path: Path, call: str, status: int
) -> None:
    hub.fails[call] = status
    done = push("--push", "new", form="parquet")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the rows are written, nothing is pushed" in done.stderr
    assert hub.repositories == {}
    assert list((tmp_path / "rows" / "data").iterdir())


@pytest.mark.slow
def test_a_repository_that_cannot_be_taken_back_is_named(push: Push, hub: HubServer) -> None:
    hub.fails |= {"commit": 403, "delete": 403}
    done = push("--push", "new")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the new repository is left there, empty: delete it" in done.stderr


@pytest.mark.slow
def test_a_hub_that_is_not_there_is_one_line(push: Push, hub: HubServer) -> None:
    hub.url = "http://127.0.0.1:9"
    done = push("--push", "new")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "nothing was exported" in done.stderr
