"""Measures another program search, icecuber's of 2020, on the tasks that the embedded agent solves.

    git clone https://github.com/top-quarks/ARC-solution
    .venv/bin/python -m tests.performance.measure_icecuber ARC-solution

It needs make and g++. The sources are copied, set to the training tasks that they bring along, and
built; each test output is then asked for at depth 2, as its readme does. The repository gives the
same 400 tasks as 416 test outputs, with up to three answers each.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

WORKERS = 2
DEPTH = "2"


class Output(NamedTuple):
    """The answers to one test output: whether each is right, best first; and its CPU seconds."""

    name: str
    right: tuple[bool, ...]
    cpu_s: float


def built(checkout: Path, directory: Path) -> Path:
    """A copy of the checkout in the directory, set to the training tasks and compiled."""
    copy = directory / "search"
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git"))
    runner = copy / "src" / "runner.cpp"
    text = runner.read_text()
    changed = text.replace('sample_dir = "evaluation"', 'sample_dir = "training"')
    if changed == text:
        raise SystemExit(f"{runner}: it does not name the folder of its tasks as expected")
    runner.write_text(changed)
    for folder in ("obj", "output", "store/tmp"):
        (copy / folder).mkdir(parents=True, exist_ok=True)
    subprocess.run(["make", f"-j{WORKERS}"], cwd=copy, check=True, capture_output=True)
    return copy


def answered(search: Path, number: int) -> Output:
    """Ask for the test output of this number, and compare what comes."""
    command = ["./run", str(number), DEPTH]
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=search, stdout=silent, stderr=silent) as process:
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0  # it was waited for here; an output without an answer tells the rest
    cpu_s = used.ru_utime + used.ru_stime
    found = [*(search / "output").glob(f"answer_{number}_*.csv")]
    if not found:
        return Output(f"output {number}", (), cpu_s)
    first, *lines = found[0].read_text().splitlines()
    wanted = expected(search, first)
    return Output(first, tuple(grid_of(line) == wanted for line in lines), cpu_s)


def expected(search: Path, name: str) -> list[list[int]]:
    """The output of the test input that the name (`task_number`) tells."""
    task, number = re.fullmatch(r"(\w+)_(\d+)", name).groups()  # type: ignore[union-attr]
    content = json.loads((search / "dataset" / "training" / f"{task}.json").read_text())
    grid: list[list[int]] = content["test"][int(number)]["output"]
    return grid


def grid_of(line: str) -> list[list[int]]:
    """The grid of a line such as `|408|478| 2.9`."""
    rows = line.split(maxsplit=1)[0].strip("|").split("|")
    return [[int(cell) for cell in row] for row in rows]


def print_figures(outputs: Iterable[Output]) -> None:
    """Outputs right at one, two and three attempts, and CPU seconds for an output."""
    outputs = list(outputs)
    right = [sum(any(one.right[:attempts]) for one in outputs) for attempts in (1, 2, 3)]
    print(f"outputs {len(outputs)}, right @1 {right[0]}, @2 {right[1]}, @3 {right[2]}")
    cpu = sorted(one.cpu_s for one in outputs)
    print(f"CPU s an output: mean {sum(cpu) / len(cpu):.2f}, ", end="")
    print(f"median {median(cpu):.2f}, p95 {cpu[int(0.95 * len(cpu))]:.2f}")


def main() -> None:
    """Build, ask for all outputs, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="a clone of top-quarks/ARC-solution")
    parser.add_argument("--save", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        search = built(options.checkout, Path(directory))
        tasks = [*(search / "dataset" / "training").glob("*.json")]
        total = sum(len(json.loads(one.read_text())["test"]) for one in tasks)
        with ThreadPoolExecutor(WORKERS) as pool:
            outputs = list(pool.map(lambda number: answered(search, number), range(total)))
    if options.save:
        options.save.write_text(json.dumps([one._asdict() for one in outputs]))
    print_figures(outputs)


if __name__ == "__main__":
    main()
