"""The process that searches: reads a task a line, and writes its programs as a line each time.

WorkerPool starts it as `python -m agents.program_search.worker`; it ends when its input ends.
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
"""Far slower than any task was: counted work limits a search, and this is only a guard."""


def answer(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The programs for one job: reasoning, code, and the outputs for the test inputs."""
    task = Task.from_json(job["task_id"], job)
    return [
        {
            "reasoning": solution.reasoning,
            "python_code": solution.python_code,
            "answers": list(solution.outputs[len(task.train) :]),
            "kind": solution.kind,
            "confidence": solution.confidence,
        }
        for solution in solve(task, best_of=job["best_of"], search_budget=job["search_budget"])
    ]


def main() -> None:
    """Answer each line until the input ends; whatever else is printed goes to stderr."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        job = orjson.loads(line)
        # SIGPROF ends a search that never ends; its task is then reported as failed.
        most_cpu_s = _GRACE_S + job["search_budget"] / _SLOWEST_CELLS_PER_S
        signal.setitimer(signal.ITIMER_PROF, most_cpu_s)
        replies.write(orjson.dumps(answer(job)) + b"\n")
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        replies.flush()


if __name__ == "__main__":
    main()
