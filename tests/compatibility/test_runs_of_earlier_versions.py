"""Runs that earlier versions left go on as they were: nothing paid for is asked for again.

`fixtures/` holds what the scripts of commit 68fc801 wrote; `recorded.py` runs them again. A key
that comes out otherwise shows as a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compatibility.recorded import (
    FIXTURES,
    RUNS,
    Servers,
    again,
    again_at,
    copied,
    latest_entries,
    narrowed,
    outcomes,
    read_lines,
    servers_that_sell_nothing,
)
from tests.support.batch_server import BatchServer, ServedBatch
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import entries

UNFINISHED, OPEN_BATCH, FAILED = (
    RUNS[name] for name in ("code_unfinished", "code_batch_open", "code_failed")
)
REFINED = RUNS["code_benchmark_refined"]
FINISHED = [run for run in RUNS.values() if run not in (UNFINISHED, OPEN_BATCH, FAILED)]
ASKED = [run for run in FINISHED if run.server is not None]
"""The embedded agent is journalled under its source's hash: with another one it searches again."""
SAID_ANEW = ("reasoning", "python_code", "confidence")
"""What a new source of the embedded agent may say otherwise of the same answers."""
SOLVER = reply(maker="identity_program")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with servers_that_sell_nothing() as opened:
        yield opened


@pytest.mark.parametrize("name", [run.name for run in FINISHED])
def test_a_finished_run_asks_nothing_and_tells_the_same_figures(
    name: str, tmp_path: Path, servers: Servers
) -> None:
    run, folder = RUNS[name], copied(tmp_path)
    found = again(run, folder, servers)
    assert (found.done.returncode, found.requests) == (run.exit_code, 0), found.done.stderr
    now, recorded = outcomes(run, folder)
    if run.server is None:
        for entry in (*now[0].values(), *recorded[0].values()):
            for name_of_field in SAID_ANEW:
                entry.pop(name_of_field, None)
    assert now == recorded


@pytest.mark.parametrize("name", [run.name for run in ASKED])
def test_lost_results_are_made_anew_from_the_journal_alone(
    name: str, tmp_path: Path, servers: Servers
) -> None:
    run = RUNS[name]
    folder = copied(tmp_path, without=run.results(Path()))
    found = again(run, folder, servers)
    assert (found.done.returncode, found.requests) == (run.exit_code, 0), found.done.stderr
    now, recorded = outcomes(run, folder)
    assert now == recorded


@pytest.mark.parametrize("name", [run.name for run in ASKED])
def test_reparsing_a_journal_gives_the_same_entries(
    name: str, tmp_path: Path, servers: Servers
) -> None:
    run = RUNS[name]
    folder = copied(tmp_path, without=run.results(Path()))
    found = again(run, folder, servers, "--reparse")
    assert (found.done.returncode, found.requests) == (0, 0), found.done.stderr
    now, recorded = outcomes(run, folder)
    assert now == recorded


def test_reparsing_keeps_what_failed_as_it_failed(tmp_path: Path, servers: Servers) -> None:
    folder = copied(tmp_path)
    found = again(FAILED, folder, servers, "--reparse")
    assert (found.done.returncode, found.requests) == (0, 0), found.done.stderr
    now, recorded = (latest_entries(FAILED.results(where)) for where in (folder, FIXTURES))
    for entry in recorded.values():  # a prompt that does not fit is asked again by now
        entry["complete"] &= "context_too_long" not in entry["status"]
    assert narrowed(now, recorded) == recorded


def test_a_killed_run_asks_only_for_what_is_not_journalled(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    journalled = read_lines(UNFINISHED.journal(FIXTURES))
    with LoopbackServer(then=SOLVER) as server:
        done = again_at(UNFINISHED, folder, server.openai_url)
        asked = len(server.ledger())
    assert (done.returncode, asked) == (0, 15 - len(journalled)), done.stderr
    found = {entry["task_id"]: entry for entry in entries(UNFINISHED.results(folder))}
    assert len(found) == 5
    for line in journalled:
        code = found[line["task_id"]]["python_code"][line["sample_index"]]
        assert (code or "") in line["reply"]["text"]


def test_entries_of_a_killed_run_are_kept(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    with LoopbackServer(then=SOLVER) as server:
        again_at(UNFINISHED, folder, server.openai_url)
    now, recorded = (latest_entries(UNFINISHED.results(where)) for where in (folder, FIXTURES))
    assert recorded
    assert narrowed(now, recorded) == recorded


def test_of_a_refined_task_only_the_refinement_is_asked_that_is_missing(tmp_path: Path) -> None:
    folder = copied(tmp_path, without=REFINED.results(Path()))
    *kept, last = REFINED.journal(FIXTURES).read_text().splitlines(keepends=True)
    REFINED.journal(folder).write_text("".join(kept))
    with LoopbackServer(then=SOLVER) as server:
        done = again_at(REFINED, folder, server.openai_url)
        asked = len(server.ledger())
    assert (done.returncode, asked) == (0, 1), done.stderr
    assert read_lines(REFINED.journal(folder))[-1]["key"] == json.loads(last)["key"]


def test_what_failed_is_asked_again_and_what_has_a_reply_is_not(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    with LoopbackServer(then=SOLVER) as server:
        done = again_at(FAILED, folder, server.openai_url)
        asked = len(server.ledger())
    assert done.returncode == 0, done.stderr
    # The prompt that was too long has no reply either; other parsers may ask for it once more.
    assert asked in (3, 4)
    replies = [line["key"] for line in read_lines(FAILED.journal(folder)) if "reply" in line]
    assert len(replies) == len(set(replies)) == 4 + asked
    found = latest_entries(FAILED.results(folder))
    assert all(entry["complete"] for entry in found.values())


def test_an_open_batch_is_taken_up_and_none_is_created(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    held = json.loads((FIXTURES / OPEN_BATCH.name / "at_the_provider.json").read_text())
    with BatchServer() as server:
        server.batches.append(ServedBatch(**held))
        done = again_at(OPEN_BATCH, folder, server.openai_url)
        assert done.returncode == 0, done.stderr
        assert len(server.batches) == 1
        assert not [route for route in server.seen if route.startswith("POST")]
        assert set(server.bought.values()) == {1}
    found = latest_entries(OPEN_BATCH.results(folder))
    assert [entry["status"] for entry in found.values()] == [["ok", "ok"]] * 2
    steps = [line.get("step") for line in read_lines(OPEN_BATCH.journal(folder))]
    assert steps.count("closed") == 1


def test_a_live_run_does_not_buy_what_an_open_batch_holds(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    live = [word for word in OPEN_BATCH.words if word != "--batch"]
    with LoopbackServer(then=SOLVER) as server:
        run = type(OPEN_BATCH)("live", OPEN_BATCH.script, live, 2, "openai")
        done = again_at(run, folder, server.openai_url)
        assert (done.returncode, server.ledger()) == (2, [])
    assert "batch_0" in done.stderr


def test_a_benchmark_starts_again_from_its_metadata_and_asks_nothing(
    tmp_path: Path, servers: Servers
) -> None:
    folder = copied(tmp_path)
    results = REFINED.results(Path())
    from_metadata = type(REFINED)(
        REFINED.name, REFINED.script, ["--from_metadata", str(results)], 0, REFINED.server
    )
    found = again(from_metadata, folder, servers)
    assert (found.done.returncode, found.requests) == (0, 0), found.done.stderr
    now, recorded = outcomes(REFINED, folder)
    assert now == recorded
    first, last = entries(folder / results, "metadata")
    assert last["repeats"]["run_id"] == first["run_id"]
