"""The page that follows runs: growing files, their counts, and the server that a browser asks."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import needs_axe, needs_chromium, started_browser
from tests.support.report_results import HOSTILE, NEARLY, RIGHT, Entry, entry, metadata
from tests.support.scripts import Run, clean_environment, script_command
from utilities.report.following import GrowingFile, Watch

SCRIPT = "auxiliary_utilities/build_report.py"


def append(path: Path, *entries: Entry, end: str = "\n") -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{json.dumps(one)}{end}" for one in entries))


def watched(*paths: Path) -> tuple[Watch, dict[str, Any]]:
    watch = Watch(paths)
    return watch, looked(watch)


def looked(watch: Watch) -> dict[str, Any]:
    while watch.look():
        pass
    return watch.state()


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    file = GrowingFile(path := tmp_path / "r.jsonl")
    path.write_bytes(b"one\ntwo\n")
    assert file.new_lines() == ([b"one", b"two"], False)
    assert file.new_lines() == ([], False)
    with path.open("ab") as appended:
        appended.write(b"three\n")
    assert file.new_lines() == ([b"three"], False)
    assert file.bytes_read == 14


def test_a_torn_end_waits_for_its_rest_and_may_be_cut_off(tmp_path: Path) -> None:
    file = GrowingFile(path := tmp_path / "r.jsonl")
    path.write_bytes(b"one\ntw")
    assert file.new_lines() == ([b"one"], False)
    assert file.new_lines() == ([], False)
    path.write_bytes(b"one\n")  # its writer was killed, and the next one cut the torn end off
    assert file.new_lines() == ([], False)
    path.write_bytes(b"one\ntwo\n")
    assert file.new_lines() == ([b"two"], False)


def test_a_file_that_appears_later_or_is_replaced_is_read_from_its_beginning(
    tmp_path: Path,
) -> None:
    file = GrowingFile(path := tmp_path / "r.jsonl")
    assert (file.new_lines(), file.is_there) == (([], False), False)
    path.write_bytes(b"one\n")
    assert (file.new_lines(), file.is_there) == (([b"one"], False), True)
    path.rename(tmp_path / "old.jsonl")
    assert (file.new_lines(), file.is_there) == (([], False), False)
    path.write_bytes(b"other\nfile\n")
    assert file.new_lines() == ([b"other", b"file"], True)
    path.write_bytes(b"new\n")  # shorter: begun anew in its place
    assert file.new_lines() == ([b"new"], True)


def test_a_folder_or_a_pipe_in_its_place_stops_nothing(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.jsonl")
    for path in (tmp_path, pipe):
        assert GrowingFile(path).new_lines()[0] == []


def test_a_line_longer_than_a_portion_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("utilities.report.following._READ_BYTES", 8)
    file = GrowingFile(path := tmp_path / "r.jsonl")
    path.write_bytes(b"x" * 100 + b"\nshort\n")
    assert file.new_lines()[0] == [b"x" * 100, b"short"]
    path.write_bytes(b"x" * 100 + b"\nshort\n" + b"y" * 100)  # torn, and longer than a portion
    assert file.new_lines()[0] == []


def test_tasks_cost_and_statuses_are_counted_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    append(path, entry("aaa", RIGHT, NEARLY))
    watch, state = watched(path)
    assert state["runs"][0]["tasks_a_minute"] == 0, "what was there before has no rate"
    append(path, entry("bbb", NEARLY, status=["rate_limited"], cost_usd=[None]))
    (run,) = looked(watch)["runs"]
    assert (run["tasks"], run["solved"], run["cost_usd"], run["unpriced"]) == (2, 1, 0.5, 1)
    assert run["statuses"] == {"ok": 2, "rate_limited": 1}
    assert run["status"] == "running"
    assert run["quiet_s"] < 60
    for one in watch.runs.values():
        one.since -= 60  # a minute later
    assert looked(watch)["runs"][0]["tasks_a_minute"] == pytest.approx(1, rel=0.05)
    append(path, metadata(status="completed"))
    assert looked(watch)["runs"][0]["status"] == "completed"
    assert [one["task"] for one in watch.state()["newest"]] == ["bbb", "aaa", "aaa"]


def test_a_run_that_was_killed_and_taken_up_again_is_one(tmp_path: Path) -> None:
    append(path := tmp_path / "r.jsonl", entry("aaa", RIGHT))
    watch, _ = watched(path)
    append(path, entry("bbb", NEARLY, run_id="run-later"), metadata(run_id="run-later"))
    (run,) = looked(watch)["runs"]
    assert (run["tasks"], run["solved"], run["status"]) == (2, 1, "completed")
    append(path, entry("ccc", RIGHT, run="b"), metadata(status="stopped", run_id="run-empty"))
    first, second = looked(watch)["runs"]
    assert (first["status"], second["status"]) == ("stopped", "running")


def test_a_run_that_begins_later_has_a_rate_of_its_own_time(tmp_path: Path) -> None:
    watch, _ = watched(path := tmp_path / "r.jsonl")
    watch._began -= 3600
    path.touch()
    looked(watch)
    append(path, entry("aaa", RIGHT))
    looked(watch)
    (run,) = watch.runs.values()
    assert watch.state()["runs"][0]["quiet_s"] < 60
    run.since -= 60
    assert watch.state()["runs"][0]["tasks_a_minute"] == pytest.approx(1, rel=0.05)


def test_a_task_that_is_answered_again_counts_once_and_anew(tmp_path: Path) -> None:
    append(path := tmp_path / "r.jsonl", entry("aaa", NEARLY), entry("aaa", RIGHT))
    (run,) = watched(path)[1]["runs"]
    assert (run["tasks"], run["solved"]) == (1, 1)


def test_damaged_lines_are_counted_and_a_new_file_forgets_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"entry_type": "result", "status": 3}\nnonsense\n[]\n\n')
    append(path, entry("aaa", RIGHT), {"entry_type": "of a later version"})
    watch, state = watched(path)
    assert (state["files"][0]["unreadable"], len(state["runs"])) == (3, 1)
    path.unlink()
    append(path, entry("bbb", RIGHT, run="b"))
    state = looked(watch)
    assert (state["files"][0]["unreadable"], len(state["runs"])) == (0, 1)
    assert [one["task"] for one in state["newest"]] == ["bbb"]


@contextmanager
def serving(*paths: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The real script, and its address."""
    process = subprocess.Popen(
        script_command(SCRIPT, *map(str, paths), "--serve", "0"),
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    with process:
        try:
            said = process.stderr.readline()
            found = re.search(r"at (http://\S+);", said)
            assert found, said + process.stderr.read()
            yield found[1], process
        finally:
            process.kill()


def get(address: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_server_answers_this_machine_alone_and_ends_cleanly(tmp_path: Path) -> None:
    path, later = tmp_path / "r.jsonl", tmp_path / "later.jsonl"
    append(path, entry("aaa", RIGHT))
    with serving(path, later) as (address, process):
        assert json.loads(get(f"{address}/state")[1])["files"][1]["is_there"] is False
        assert get(address, Host="evil.example:80")[0] == 403
        status, whole = get(f"{address}/report")
        assert (status, "ARC report" in whole) == (200, True)
        path.write_text("nonsense\n")
        assert get(f"{address}/report")[0] == 503
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")


def test_a_port_in_use_is_one_line(tmp_path: Path, run_script: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_script(SCRIPT, tmp_path / "r.jsonl", "--serve", port)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot listen at 127.0.0.1, port {port}: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r.json", "--serve", "0"], "--serve follows results files as they grow"),
        (["r.jsonl", "--serve", "0", "--output", "p.html"], "--serve writes no page"),
        (["r.jsonl", "--serve", "70000"], "65,535"),
    ],
)
def test_what_does_not_go_with_serving_is_one_line(
    words: list[str], said: str, run_script: Run
) -> None:
    done = run_script(SCRIPT, *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@needs_chromium
@needs_axe
def test_the_page_in_a_browser_fills_up_as_the_run_does(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with serving(path) as (address, _), started_browser() as browser:
        browser.driver.get(address)
        browser.wait("#told")
        append(path, entry("aaa", RIGHT, reasoning=[HOSTILE]))
        browser.wait("#live-runs .score strong")
        assert browser.texts("#live-runs .score strong") == ["1"]
        append(path, entry("bbb", NEARLY))
        browser.wait_for_text("#live-runs .score strong", "2")
        assert "1 of 2 solved" in browser.one("#live-runs .score").text
        assert "bbb · sample 1" in browser.texts("#newest b")
        shown = browser.texts("#newest .preview")[-1]
        assert shown.startswith("<script>document.title = 'owned'</script>")
        assert browser.violations() == []
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        assert browser.violations() == []
        assert [line for line in browser.complaints() if "favicon" not in line] == []
