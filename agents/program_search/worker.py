"""A process that searches: a task a line on standard input, its programs a line on the other.

Started by WorkerPool as `python -m agents.program_search.worker`; ends when its input does.
"""

import os
import signal
import sys
from typing import Any

import orjson

from agents.program_search.solving import solve
from utilities.tasks.task import Task

_GRACE_S = 60.0
_SLOWEST_CELLS_PER_S = 100_000
"""Far below what any task needed: work is what is counted, and this only a guard."""


def answer(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The programs for one job: reasoning, code, and the outputs for the test inputs."""
    task = Task.from_json(job["task_id"], job)
    found = solve(task, best_of=job["best_of"], search_budget=job["search_budget"])
    return [
        {
            "reasoning": solution.reasoning,
            "python_code": solution.python_code,
            "answers": list(solution.outputs[len(task.train) :]),
            "kind": solution.kind,
            "confidence": solution.confidence,
        }
        for solution in found
    ]


def main() -> None:
    """Answer until the input ends; what anything else prints goes to stderr."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        job = orjson.loads(line)
        # A search that never ends is ended by SIGPROF, and its task reported as failed.
        most_cpu_s = _GRACE_S + job["search_budget"] / _SLOWEST_CELLS_PER_S
        signal.setitimer(signal.ITIMER_PROF, most_cpu_s)
        replies.write(orjson.dumps(answer(job)) + b"\n")
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        replies.flush()


if __name__ == "__main__":
    main()
