"""Results of runs that never were, for the tests of the report and of show_task."""

from __future__ import annotations

import json
from typing import Any

from tests.support.entries import result_entry, run_metadata

Entry = dict[str, Any]
TRAIN = [{"input": [[1, 2], [3, 4]], "output": [[4, 3], [2, 1]]}]
TEST = [{"input": [[5, 6, 7]], "output": [[7, 6, 5]]}]
RIGHT, NEARLY, OTHER_SHAPE = [[7, 6, 5]], [[7, 0, 5]], [[7], [6]]
CODE = "def solve_task(grid):\n    # turn it round\n    return [row[::-1] for row in grid[::-1]]\n"
HOSTILE = (
    "<script>document.title = 'owned'</script></script><!-- <img src=x onerror=\"alert(1)\">"
    " &lt;b&gt; \u2028\u2029 \u202egnp.exe\u202c \x1b[31mred\x1b[0m \x07 \ud800 שלום"
)


def entry(task_id: str, *outputs: Any, run: str = "a", **changed: Any) -> Entry:
    """A benchmark's entry with a sample for each output of the test input, None where none."""
    count = len(outputs)
    right = [output == RIGHT for output in outputs]
    attempts = [[*outputs, None, None][:2]]
    fields = {
        "run_id": f"run-{run}",
        "configuration_hash": run * 32,
        "model": f"model-{run}",
        "task_data": {"train": TRAIN, "test": TEST},
        "solved": RIGHT in attempts[0],
        "reasoning": ["It is turned round."] * count,
        "python_code": [CODE] * count,
        "usage": [{"input_tokens": 100, "output_tokens": 20}] * count,
        "cost_usd": [0.25] * count,
        "latency_s": [1.5] * count,
        "execution_status": ["ok" if output else "timeout" for output in outputs],
        "train_passed": [[True] if output else [False] for output in outputs],
        "test_passed": [[one] for one in right],
        "train_outputs": [[[[4, 3], [2, 1]]] if output else [None] for output in outputs],
        "test_outputs": [[output] for output in outputs],
        "attempts": attempts,
        "outputs_solved": [RIGHT in attempts[0]],
    } | changed
    made = result_entry(task_id, **({"status": ["ok"] * count} | fields))
    del made["model_identifier"]  # as in older files
    return made


OF_PARTS = {
    name: value
    for name, value in entry(
        "t",
        *[None] * 4,
        task_data={"train": TRAIN, "test": [*TEST, {"input": [[1, 2, 3]], "output": [[3, 2, 1]]}]},
        status=["ok", "ok", "ok", "unparsable"],
        test_input=[0, 0, 1, 1],
        test_outputs=[[RIGHT, None], [NEARLY, None], [None, [[3, 2, 1]]], None],
        attempts=[[RIGHT, NEARLY], [[[3, 2, 1]], None]],
        outputs_solved=[True, True],
    ).items()
    if name not in {"execution_status", "train_passed", "test_passed", "train_outputs"}
}
"""A task of two test inputs; each sample is about one of them."""


def turns(text: str) -> list[Entry]:
    """A conversation of two turns whose every text ends with `text`."""
    used = {"usage": {"input_tokens": 1200, "output_tokens": 34}, "cost_usd": 0.0125}
    call = {
        "id": "c1",
        "name": "python",
        "arguments": json.dumps({"code": f"print(train)  # {text}"}),
        "result": f"[1, 2] {text}",
        "status": "timed_out",
        "duration_s": 0.5,
    }
    looked = {"text": f"I look. {text}", "thinking": f"Hm. {text}", "tool_calls": [call], **used}
    return [looked, {"text": f"It turns. {text}", "thinking": None, "tool_calls": [], **used}]


def metadata(run: str = "a", **changed: Any) -> Entry:
    """What ends a run."""
    fields = {
        "run_id": f"run-{run}",
        "configuration_hash": run * 32,
        "configuration": {"best_of": 2},
        "duration_s": 90.0,
    }
    return run_metadata(**(fields | changed))


def journal_line(
    task_id: str, index: int, latency_s: float, text: str, reasoning: str | None = None
) -> Entry:
    """A raw reply to the prompt of a sample of `entry`, as the journal holds it."""
    return {
        "key": f"{index:032}",
        "entry_type": "reply",
        "run_id": "run-a",
        "task_id": task_id,
        "sample_index": index,
        "reply": {
            "text": text,
            "reasoning": reasoning,
            "finish_reason": "stop",
            "usage": {"input_tokens": 100, "output_tokens": 20},
            "latency_s": latency_s,
        },
    }
