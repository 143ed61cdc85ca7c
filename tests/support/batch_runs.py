"""What the tests of batches share: runs against a BatchServer, in this process or another."""

from __future__ import annotations

from utilities.command_line.script import run_script

import json
import signal
from pathlib import Path
from typing import Any

from agents.opening import ask_for_data
from synthetic_data_generators.generate_code_data import PLACE
from tests.support.batch_server import BatchServer
from tests.support.scripts import entries
from utilities.command_line.options import parse_options
from utilities.command_line.signals import run_until_stopped
from utilities.runs.options import AskingOptions
from utilities.tasks.task import Task

CODE = "synthetic_data_generators/generate_code_data.py"
APIS = ["openai", "anthropic"]
FULL_PRICE_USD = (1000 * 1 + 200 * 10) / 1e6
"""Of the server's replies: 1,000 tokens in, 200 out."""


def arguments(server: BatchServer, api: str, folder: Path, tasks: Path) -> list[str]:
    url = server.openai_url if api == "openai" else server.anthropic_url
    return [
        *("--batch", "--batch_poll_s", "0.05", "--price", "1,10"),
        *("--model_identifier", f"{api}:scripted", "--base_url", url),
        *("--dataset_directory", str(tasks), "--output_directory", str(folder)),
    ]


def generate_code(*words: str | Path) -> int:
    """What generate_code_data.py does, its exit code included."""
    options = parse_options(AskingOptions, None, words=[*map(str, words)])
    depends_on = {"include_test_inputs": False}
    work = ask_for_data(
        options, PLACE, "reasoning_code", Task.train_pairs_only, depends_on=depends_on
    )
    before = signal.getsignal(signal.SIGINT)
    try:
        return run_script(lambda: run_until_stopped(work))
    finally:
        signal.signal(signal.SIGINT, before)


def journal_of(folder: Path, stem: str = "code_data") -> list[dict[str, Any]]:
    text = (folder / f"{stem}_partial_results.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def replies_of(folder: Path, stem: str = "code_data") -> list[dict[str, Any]]:
    return [line for line in journal_of(folder, stem) if line["entry_type"] == "reply"]


def metadata_of(folder: Path, stem: str = "code_data") -> dict[str, Any]:
    return entries(folder / f"{stem}_results.jsonl", "metadata")[-1]
