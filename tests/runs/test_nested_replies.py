"""Replies that are nested without end, in their text or in the JSON around it, end no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import Behaviour, LoopbackServer, body, reply
from tests.support.scripts import Run, entries

TASK = "67a3c6ac"
DEPTHS = (600, 100_000)
TEXTS = [
    text
    for depth in DEPTHS
    for text in (
        "[" * depth,
        "[" * depth + "0" + "]" * depth,
        '{"a":' * depth + "0" + "}" * depth,
        "```json\n" + '{"grid": [' * depth + "\n```\n",
        "(" * depth + ")" * depth,
        "<think>" * depth + "</think>" * depth,
        "<think>" * depth,
        "```\n" * depth,
        "```python\ndef solve_task(grid):\n" * depth,
        "<reasoning>" * depth + "</reasoning>" * depth,
        "> " * depth + "- " * depth + "* " * depth,
    )
]


def run_on(
    replies: list[Behaviour], script: str, run_script: Run, dataset: Path, folder: Path
) -> tuple[int, str, list[str]]:
    """Exit code, standard error, and the statuses of the samples."""
    with LoopbackServer(first=replies) as server:
        done = run_script(
            script, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", dataset, "--output_directory", folder,
            "--best_of", str(len(replies)),
        )  # fmt: skip
    (results,) = (path for path in folder.glob("*_results.jsonl") if "partial" not in path.name)
    (entry,) = entries(results)
    return done.returncode, done.stderr, entry["status"]


@pytest.mark.parametrize(
    "script",
    [
        "benchmark/run_code_benchmark.py",
        "benchmark/run_direct_benchmark.py",
        "synthetic_data_generators/generate_code_data.py",
        "synthetic_data_generators/generate_reasoning_data.py",
    ],
)
def test_a_text_that_is_nested_without_end_gets_a_status(
    script: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    replies = [reply(text) for text in TEXTS]
    code, said, statuses = run_on(replies, script, run_script, dataset(TASK), tmp_path / "out")
    assert "Traceback" not in said
    assert code == 0, said
    assert len(statuses) == len(TEXTS)
    assert all(statuses)


def test_a_body_that_is_nested_without_end_gets_a_status(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    whole = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "x", "nested": 0,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "no", "reasoning_details": 1},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    }  # fmt: skip
    text = json.dumps(whole)
    places = ('"nested": 0', '"no"', '"stop"', '"reasoning_details": 1', ": 10", ": 1,")
    nests = ["[" * depth + "]" * depth for depth in DEPTHS]
    replies = [
        body(text.replace(place, place[: place.rfind(": ") + 1] + nest))
        for nest in nests
        for place in places
    ]
    replies += [
        body('{"error": ' + nest + "}", code=status) for nest in nests for status in (200, 400)
    ]
    script = "benchmark/run_code_benchmark.py"
    code, said, statuses = run_on(replies, script, run_script, dataset(TASK), tmp_path / "out")
    assert "Traceback" not in said
    assert code == 1, said  # some are rejected
    assert len(statuses) == len(replies)
    assert set(statuses) == {"no_code", "rejected"}
