"""Raw replies in the page: found in the journals beside results, packed, within their room."""

import gzip
import json
import random
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.support.entries import write_entries
from tests.support.report_results import NEARLY, RIGHT, entry, journal_line, metadata
from tests.support.scripts import Run
from utilities.report.contents import ReportContents

SCRIPT = "auxiliary_utilities/build_report.py"
RECORDED = Path("tests/compatibility/fixtures/code_benchmark_refined")


def contents_of(*paths: Path, room: int = 10**7) -> ReportContents:
    contents = ReportContents(longest_text=100, most_bytes=10**8, most_reply_bytes=room)
    contents.read(paths)
    return contents


def replies_of(contents: ReportContents) -> dict[str, Any]:
    """The replies by block, unpacked as the page unpacks them; None if there was no room."""
    packed = {name: json.loads(content) for name, content in contents.replies.blocks.items()}
    return {
        name: text and json.loads(zlib.decompress(b64decode(text))) for name, text in packed.items()
    }


def random_text(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices("0123456789 abcdefgh\n", k=length))


def test_each_sample_has_the_whole_reply_that_its_journal_has(tmp_path: Path) -> None:
    """Refinements too, of a recorded run; the reply is longer than other texts may be."""
    results = RECORDED / "code_benchmark_results.jsonl"
    found = replies_of(contents_of(results))
    lines = (RECORDED / "code_benchmark_partial_results.jsonl").read_text().splitlines()
    told = {reply["text"] for line in lines if (reply := json.loads(line).get("reply"))}
    assert len(found) == 18
    assert {reply["text"] for reply in found.values()} == told
    assert {reply["thinking"] for reply in found.values()} > {None}


def test_a_reply_stands_with_its_own_sample(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r_results.jsonl",
        entry("t", RIGHT, NEARLY, latency_s=[1.0, 2.0]),
        entry("u", RIGHT, latency_s=[1.0]),
    )
    write_entries(
        tmp_path / "r_partial_results.jsonl",
        journal_line("u", 0, 1.0, "of u"),
        journal_line("t", 1, 2.0, "second of t"),
        journal_line("t", 0, 1.0, "first of t"),
        journal_line("t", 0, 7.0, "of a sample that is not in the results"),
    )
    texts = {name: reply["text"] for name, reply in replies_of(contents_of(results)).items()}
    assert texts == {"t0r0s0": "first of t", "t0r0s1": "second of t", "t1r0s0": "of u"}


def test_verified_results_and_packed_journals_have_their_replies(tmp_path: Path) -> None:
    results = write_entries(tmp_path / "r_results_verified.jsonl", entry("t", RIGHT))
    journal = write_entries(tmp_path / "plain", journal_line("t", 0, 1.5, "told"))
    packed = gzip.compress(journal.read_bytes())
    (tmp_path / "r_partial_results.jsonl.gz").write_bytes(packed)
    assert replies_of(contents_of(results))["t0r0s0"]["text"] == "told"


def test_a_body_that_could_not_be_read_is_shown_with_the_sample_that_failed_of_it(
    tmp_path: Path,
) -> None:
    failed = entry("t", None, usage=[None], latency_s=[None], status=["provider_error"],
                   error=["no reply"])  # fmt: skip
    results = write_entries(tmp_path / "r_results.jsonl", failed)
    about = {"run_id": "run-a", "key": "0" * 32, "task_id": "t", "sample_index": 0}
    body = {"entry_type": "unread_body", **about, "body": "<html>busy</html>"}
    write_entries(tmp_path / "r_partial_results.jsonl", body)
    assert replies_of(contents_of(results)) == {"t0r0s0": {"body": "<html>busy</html>"}}


def test_replies_beyond_the_room_are_counted_and_said(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r_results.jsonl", *(entry(f"t{n}", RIGHT) for n in range(20))
    )
    lines = [journal_line(f"t{n}", 0, 1.5, random_text(n, 1000)) for n in range(20)]
    write_entries(tmp_path / "r_partial_results.jsonl", *lines)
    contents = contents_of(results, room=5000)
    assert 0 < contents.replies.left_out < 20
    assert sum(map(len, contents.replies.blocks.values())) <= 5000
    [note] = contents.replies.notes()
    assert note.startswith(f"{contents.replies.left_out} raw replies found no room")
    assert sum(reply is None for reply in replies_of(contents).values()) == (
        contents.replies.left_out
    )


def test_without_a_journal_the_missing_replies_are_counted(tmp_path: Path) -> None:
    contents = contents_of(write_entries(tmp_path / "r.jsonl", entry("t", RIGHT, RIGHT)))
    [note] = contents.replies.notes()
    assert note.startswith("2 raw replies are in no journal beside the results; the page of the")


def test_a_combined_run_has_the_replies_of_the_runs_that_it_was_made_of(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        line = journal_line("t", 0, 1.5, f"of {name}")
        write_entries(tmp_path / name / "r_partial_results.jsonl", line)
    combined = entry("t", RIGHT, NEARLY, RIGHT, combined_from=["A", "B", "B"])
    files = {"A": ["a/r_results.jsonl"], "B": ["b/r_results.jsonl", 7], "C": None}
    results = tmp_path / "combined_results.jsonl"
    write_entries(results, combined, metadata(combined_files=files))
    contents = contents_of(results)
    texts = {name: reply["text"] for name, reply in replies_of(contents).items()}
    assert texts == {"t0r0s0": "of a", "t0r0s1": "of b"}
    assert contents.replies.absent == 1


@pytest.mark.parametrize("damage", ["no json\n", "[]\n", '{"entry_type": "reply", "reply": 7}\n'])
def test_a_damaged_journal_ends_no_page(damage: str, tmp_path: Path) -> None:
    results = write_entries(tmp_path / "r_results.jsonl", entry("t", RIGHT))
    line = json.dumps(journal_line("t", 0, 1.5, "told")) + "\n"
    (tmp_path / "r_partial_results.jsonl").write_text(line + damage + line)
    assert replies_of(contents_of(results))["t0r0s0"]["text"] == "told"


def test_the_command_says_how_many_replies_it_found_and_can_leave_them_out(
    run_script: Run, tmp_path: Path
) -> None:
    results = write_entries(tmp_path / "r_results.jsonl", entry("t", RIGHT))
    write_entries(tmp_path / "r_partial_results.jsonl", journal_line("t", 0, 1.5, "told"))
    assert "replies  1 raw ones\n" in run_script(SCRIPT, results).stdout
    none = run_script(SCRIPT, results, "--max_reply_megabytes", "0")
    assert (none.returncode, "raw" in none.stdout) == (0, False)
