"""What merging, exporting and fresh pairs cost: processor seconds and memory, by size.

    .venv/bin/python -m tests.performance.measure_merge_and_export
    .venv/bin/python -m tests.performance.measure_merge_and_export --entries 300 3000

An entry has four samples, nine tenths of them programs. The last lines say how many times as much
the largest file takes as the smallest: its seconds should grow as its entries, its memory should
not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).resolve().parents[2]


def cost_of(command: list[str]) -> tuple[float, float]:
    """Processor seconds, children included, and the largest resident memory in MiB.

    A child begins with the memory of this process, which therefore keeps small.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def commands(results: Path, folder: Path) -> dict[str, list[str]]:
    """What is measured."""
    merge, export, verify = (
        [sys.executable, str(REPOSITORY / script), str(results)]
        for script in (
            "auxiliary_utilities/merge_reasoning.py",
            "auxiliary_utilities/export_training_data.py",
            "synthetic_data_generators/verify_generated_code.py",
        )
    )
    merge += ["--traces_path", str(folder / "store.json")]
    return {
        "merge": merge,
        "merge again": merge,
        "export messages": [*export, "--format", "messages", "--output", str(folder / "m.jsonl")],
        "export preference": [
            *export, "--format", "preference", "--output", str(folder / "p.jsonl"),
        ],
        "export parquet, split": [
            *export, "--format", "parquet", "--output", str(folder / "parquet"),
            "--split", "train=0.9,validation=0.1",
        ],
        "fresh pairs": [
            *verify, "--fresh_pairs", str(folder / "fresh"), "--fresh_per_task", "20",
            "--output", str(folder / "verified.jsonl"),
        ],
    }  # fmt: skip


def measure(entries: int) -> dict[str, tuple[float, float]]:
    """The cost of each command on so many entries."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        results = folder / "results.jsonl"
        made = ["--entries", str(entries), "--output", str(results)]
        made += ["--fresh_pairs", str(folder / "fresh")]
        maker = [sys.executable, "-m", "tests.performance.synthetic_results", *made]
        subprocess.run(maker, cwd=REPOSITORY, check=True)
        print(f"{entries} entries, {results.stat().st_size / 1e6:.0f} MB", flush=True)
        found = {}
        for what, command in commands(results, folder).items():
            found[what] = cost_of(command)
            seconds, memory = found[what]
            print(f"  {what:22} {seconds:8.1f} s CPU {memory:8.0f} MiB", flush=True)
        return found


def main() -> None:
    """Measure each size and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, nargs="+", default=(2500, 5000, 10_000))
    sizes = sorted(parser.parse_args().entries)
    costs = [measure(entries) for entries in sizes]
    print(f"{sizes[-1]} ÷ {sizes[0]} entries ({sizes[-1] / sizes[0]:.1f})")
    for what in costs[0]:
        seconds, memory = (
            of_large / of_small
            for of_small, of_large in zip(costs[0][what], costs[-1][what], strict=True)
        )
        print(f"  {what:22} CPU × {seconds:5.1f}   memory × {memory:5.2f}")


if __name__ == "__main__":
    main()
