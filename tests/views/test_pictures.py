"""Pictures of tasks: what they show can be read back from their pixels."""

from __future__ import annotations

import base64
import io
import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from PIL import Image

from agents.prompts.building import Showing, prompt_messages
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import Run, arc1_training, entries
from tests.views.test_changes import tasks
from utilities.config import find_model
from utilities.models.content import ImagePart, image_tokens, images_in, text_of
from utilities.models.interface import recorded
from utilities.tasks.task import Grid, Pair, Task
from utilities.views.pictures import (
    _ARROW_PX,
    _TITLE_PX,
    ARC_COLOURS,
    LAYOUTS,
    LONGEST_SIDE_PX,
    Layout,
    Pictures,
    cells_of,
    laid_out,
    pictures_of,
)

DIRECT = "benchmark/run_direct_benchmark.py"
LARGE = [[(row * column) % 10 for column in range(30)] for row in range(30)]
LARGE_TASK = Task(
    "large",
    tuple(Pair(LARGE, LARGE[::-1]) for _ in range(4)),
    (Pair(LARGE[::-1], [[1]]), Pair(LARGE, None)),
)
TASK = Task("t", (Pair([[1, 2, 3]], [[4], [5]]),), (Pair([[6, 0]], [[9]]),))


def opened(part: ImagePart) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(part["data"]))).convert("RGB")


def read_back(task: Task, how: Pictures) -> list[Grid]:
    """The grids in the pictures of a task, by the colour of the middle of each cell."""
    boxes = [("", pair.input, pair.output) for pair in task.train]
    boxes += [("", pair.input, None) for pair in task.test]
    parts = pictures_of(task, how)
    groups = [boxes] if how.layout == "sheet" else [[box] for box in boxes]
    found = []
    for part, group in zip(parts, groups, strict=True):
        image = opened(part)
        assert image.size == (part["width"], part["height"])
        cell_px = next(n for n in range(how.cell_px, 0, -1) if laid_out(group, n)[0] == image.size)
        for (_, before, after), (left, top) in zip(group, laid_out(group, cell_px)[1], strict=True):
            corner = left, top + _TITLE_PX
            found.append(_grid(image, before, corner, cell_px))
            if after is not None:
                end = left + len(before[0]) * cell_px + 1 + _ARROW_PX
                found.append(_grid(image, after, (end, top + _TITLE_PX), cell_px))
    return found


def _grid(image: Image.Image, like: Grid, corner: tuple[int, int], cell_px: int) -> Grid:
    grid = [[-1] * len(like[0]) for _ in like]
    for row, column, (left, top) in cells_of(len(like), len(like[0]), corner, cell_px):
        pixel = image.getpixel((left, top))
        assert isinstance(pixel, tuple)
        grid[row][column] = ARC_COLOURS.index(pixel)  # type: ignore[arg-type]
    return grid


def grids_of(task: Task) -> list[Grid]:
    shown = [grid for pair in task.train for grid in (pair.input, pair.output)]
    return [grid for grid in (*shown, *(pair.input for pair in task.test)) if grid is not None]


@pytest.mark.parametrize(("layout", "digits"), list(product(LAYOUTS, (False, True))))
@settings(max_examples=15, deadline=None)
@given(task=tasks)
def test_every_task_can_be_read_back_from_its_pictures(
    layout: Layout, digits: bool, task: Task
) -> None:
    assert read_back(task, Pictures(layout, digits=digits)) == grids_of(task)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cell_px", [2, 7, 16, 64])
def test_the_largest_grids_fit_and_can_be_read_back(layout: Layout, cell_px: int) -> None:
    how = Pictures(layout, cell_px)
    assert read_back(LARGE_TASK, how) == grids_of(LARGE_TASK)
    sizes = [(part["width"], part["height"]) for part in pictures_of(LARGE_TASK, how)]
    assert max(map(max, sizes)) <= LONGEST_SIDE_PX


def test_neighbouring_cells_of_any_two_colours_are_told_apart_in_greyscale() -> None:
    """By the line between them: blue and magenta alone are five shades of grey apart."""
    (part,) = pictures_of(Task("t", (Pair([list(range(10))], [[1, 6]]),), ()), Pictures("pairs"))
    image = opened(part).convert("L")
    row = [image.getpixel((12 + x, _TITLE_PX + 12 + 8)) for x in range(161)]
    assert [row[at] for at in range(0, 161, 16)] == [85] * 11
    assert all(abs(int(row[at + 8]) - 85) >= 8 for at in range(0, 160, 16))  # type: ignore[arg-type]


def test_no_test_output_is_drawn() -> None:
    one = pictures_of(TASK, Pictures("sheet"))
    other = pictures_of(TASK.without_test_outputs(), Pictures("sheet"))
    assert one == other


def test_a_picture_is_named_by_what_it_shows_and_how() -> None:
    hows = [
        Pictures("sheet"),
        Pictures("pairs"),
        Pictures("sheet", 17),
        Pictures("sheet", digits=True),
    ]
    names = [tuple(part["shows"] for part in pictures_of(TASK, how)) for how in hows]
    assert len(set(names)) == len(hows)
    assert names[0] == tuple(part["shows"] for part in pictures_of(TASK, hows[0]))


@pytest.mark.parametrize(("layout", "count"), [("pairs", 2), ("sheet", 1)])
@pytest.mark.parametrize("only", [False, True])
def test_a_prompt_has_its_pictures_with_or_without_the_text(
    layout: Layout, count: int, only: bool
) -> None:
    showing = Showing(pictures=Pictures(layout, only=only))
    system, user = prompt_messages("direct_answer", TASK, showing, "grids")
    assert "picture" in text_of(system["content"])
    assert len(list(images_in(user["content"]))) == count
    text = text_of(user["content"])
    assert ("1 2 3" in text) is not only
    assert "Train pair 1" in text
    assert "\ue000" not in text
    assert "data" not in str(recorded([user]))


@pytest.mark.parametrize("name", ["GPT", "CLAUDE_OPUS", "GEMINI_PRO", "openrouter:a/b"])
def test_a_larger_picture_is_never_fewer_tokens(name: str) -> None:
    entry = find_model(name)
    counts = [image_tokens(entry, side, side) for side in (50, 400, 1000, 2000)]
    assert counts == sorted(counts)
    assert counts[0] > 0


def test_tokens_follow_the_published_rules() -> None:
    assert image_tokens(find_model("CLAUDE_OPUS"), 1000, 1000) == 36 * 36
    assert image_tokens(find_model("CLAUDE_OPUS"), 4000, 4000) == 4784
    assert image_tokens(find_model("GEMINI_PRO"), 1000, 500) == 1120
    assert image_tokens(find_model("GPT"), 1024, 1024) == 2520  # 32 x 32 patches, 2.46 each
    assert image_tokens(find_model("GPT"), 64, 64) == 85 + 4 * 170


def run_with_pictures(
    run_script: Run, folder: Path, server: LoopbackServer, *options: str
) -> list[dict[str, object]]:
    tasks_of = dict(list(arc1_training().items())[:4])
    (folder / "tasks.json").write_text(json.dumps(tasks_of))
    done = run_script(
        DIRECT, "--dataset_directory", folder / "tasks.json", "--output_directory", folder / "out",
        "--model_identifier", "local:m", "--base_url", server.openai_url, *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return entries(folder / "out" / "direct_benchmark_results.jsonl")


def test_pictures_are_sent_once_recorded_without_bytes_and_resumed(
    run_script: Run, tmp_path: Path
) -> None:
    options = ("--images", "pairs", "--vary", "symmetry", "--best_of", "2")
    with LoopbackServer(then=reply(maker="knowing_grids")) as server:
        found = run_with_pictures(run_script, tmp_path, server, *options)
        asked = server.ledger()
        assert len(asked) == 8
        again = run_with_pictures(run_script, tmp_path, server, *options, "--reparse")
        assert len(server.ledger()) == 8
    assert len(again) == len(found) == 4
    assert {entry["solved"] for entry in found} == {True, False}
    for entry in asked:
        kinds = [part["type"] for part in entry.body["messages"][1]["content"]]
        assert kinds.count("image_url") >= 3
    assert "base64" not in (tmp_path / "out" / "direct_benchmark_results.jsonl").read_text()
    assert '"width"' in (tmp_path / "out" / "direct_benchmark_results.jsonl").read_text()
    (metadata,) = entries(tmp_path / "out" / "direct_benchmark_results.jsonl", "metadata")[:1]
    assert metadata["configuration"]["images"]["layout"] == "pairs"


def test_a_dry_run_counts_the_pictures(run_script: Run, tmp_path: Path) -> None:
    lines = []
    for options in ((), ("--images", "sheet"), ("--images", "sheet", "--images_only")):
        done = run_script(
            DIRECT, "--model_identifier", "CLAUDE_OPUS", "--max_tasks", "2", "--dry_run", *options,
            "--output_directory", tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (line,) = (one for one in done.stdout.splitlines() if one.strip().startswith("input"))
        lines.append(int(line.split("about ")[1].split(" tokens")[0].replace(",", "")))
    assert lines[1] > lines[0] + 500
    assert lines[2] < lines[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model_identifier", "DEEPSEEK", "--images", "pairs"), "takes no pictures"),
        (("--agent", "program_search", "--images", "pairs"), "PROGRAM_SEARCH has no prompt"),
        (("--model_identifier", "GPT", "--images_only"), "--images_only: give --images"),
        (("--model_identifier", "GPT", "--images", "film"), "invalid choice"),
    ],
)
def test_pictures_that_cannot_be_shown_are_refused_in_one_line(
    options: tuple[str, ...], said: str, run_script: Run, tmp_path: Path
) -> None:
    done = run_script(DIRECT, *options, "--dry_run", "--output_directory", tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
