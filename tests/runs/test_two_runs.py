"""Two processes that start on the same files in the same moment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries

CODE = "synthetic_data_generators/generate_code_data.py"
RUNS = 3
TASKS = 8


@pytest.mark.timeout(300)
def test_of_runs_started_together_one_works_and_no_sample_is_bought_twice(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    # Slow enough that the first is still at it when the last has found its feet.
    with LoopbackServer(then=reply(maker="identity_program", delay_s=2.0)) as server:
        command = (
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url, "--best_of",
            "2", "--max_concurrent_tasks", "4", "--dataset_directory", dataset(count=TASKS),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        runs = [ScriptProcess(*command) for _ in range(RUNS)]
        messages = [run.completed().stderr for run in runs]
        bought = Counter(json.dumps(request.body["messages"]) for request in server.ledger())
    codes = [run.returncode for run in runs]
    assert min(codes) == 0
    assert set(codes) <= {0, 2}
    for code, message in zip(codes, messages, strict=True):
        assert (code == 2) == ("error: another run is writing" in message), message
        assert "Traceback" not in message
    assert len(bought) == TASKS
    assert set(bought.values()) == {2}
    found = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert sorted(Counter(entry["task_id"] for entry in found).values()) == [1] * TASKS
    journal = (tmp_path / "out" / "code_data_partial_results.jsonl").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in journal}) == 2 * TASKS == len(journal)
    assert not list((tmp_path / "out").glob("*.torn"))
