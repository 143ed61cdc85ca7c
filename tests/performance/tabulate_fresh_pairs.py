"""Prints how the embedded agent's first programs do on fresh pairs, by the confidence stated.

    .venv/bin/python benchmark/run_code_benchmark.py --dataset arc1_training --best_of 3 \
--model_identifier PROGRAM_SEARCH
    .venv/bin/python synthetic_data_generators/verify_generated_code.py RESULTS --fresh_pairs DIR
    .venv/bin/python -m tests.performance.tabulate_fresh_pairs VERIFIED

A program counts if it passes train and ran on at least 20 fresh pairs.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from utilities.results.reader import read_entries
from utilities.results.result_entry import ResultEntry

_SHARES = (1.0, 0.95, 0.5)
Row = tuple[bool, float]
"""Whether a program is right on its task's test, and its share of fresh pairs."""


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verified", type=Path)
    classes: defaultdict[str, list[Row]] = defaultdict(list)
    for entry in read_entries(parser.parse_args().verified):
        if not isinstance(entry, ResultEntry) or not entry.samples or not entry.generalises:
            continue
        share = (entry.fresh_passed or [None])[0]
        if share is None or entry.generalises[0] is None:
            continue
        row = entry.is_verified(0), float(share)
        confidence = entry.confidence[0] or 0.0
        for name in ("all", "right on the test" if row[0] else "wrong on the test"):
            classes[name].append(row)
        classes[f"confidence {confidence:.2f}"].append(row)
    print("| first programs | number | right on the test | all fresh pairs | ≥ 95 % | ≥ 50 % |")
    print("|---|---|---|---|---|---|")
    for name, rows in sorted(classes.items(), reverse=True):
        reached = (sum(share >= least for _, share in rows) for least in _SHARES)
        figures = [len(rows), sum(right for right, _ in rows), *reached]
        print(f"| {name} |", " | ".join(map(str, figures)), "|")


if __name__ == "__main__":
    main()
