"""The same requests by inspect_ai, for comparison; prints what they took as a line of JSON.

    VENV/bin/python tests/performance/measured_inspect.py http://127.0.0.1:8000/v1

It is run by the Python of a virtual environment that has inspect_ai and openai. Imports and first
connections are made before the clock starts; replies come as a whole.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time

PROMPT_BYTES = 3000
WARM_UP = 20


def ask(url: str, count: int, in_flight: int) -> None:
    """Evaluate `count` samples that generate and are not scored, with logs as by default."""
    from inspect_ai import Task  # type: ignore[import-not-found]
    from inspect_ai import eval as evaluate  # type: ignore[import-not-found]
    from inspect_ai.dataset import MemoryDataset, Sample  # type: ignore[import-not-found]
    from inspect_ai.model import get_model  # type: ignore[import-not-found]
    from inspect_ai.solver import generate  # type: ignore[import-not-found]

    samples = [Sample(input=f"{number:06}".ljust(PROMPT_BYTES, "x")) for number in range(count)]
    model = get_model("openai-api/paced/paced", base_url=url, api_key="k")
    with tempfile.TemporaryDirectory(prefix="inspect") as folder:
        (log,) = evaluate(
            Task(dataset=MemoryDataset(samples), solver=generate()),
            model=model,
            max_connections=in_flight,
            max_samples=in_flight,
            display="none",
            log_dir=folder,
        )
        assert log.status == "success", log.error


def main() -> None:
    """Read the options, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--in_flight", type=int, default=100)
    options = parser.parse_args()
    ask(options.url, WARM_UP, options.in_flight)
    began, began_cpu = time.perf_counter(), time.process_time()
    ask(options.url, options.requests, options.in_flight)
    taken = {"cpu_s": time.process_time() - began_cpu, "wall_s": time.perf_counter() - began}
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
