"""Compares a store of traces that LARC was merged into with LARC's own summary.

.venv/bin/python auxiliary_utilities/merge_reasoning.py LARC/dataset/tasks_json --traces_path STORE
.venv/bin/python -m tests.performance.compare_with_larc LARC/dataset STORE
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from utilities.files.json_files import read_json
from utilities.traces.store import read_store

Figures = tuple[int, int, int, int]
"""Tasks, descriptions, builds, successful builds."""


def figures_of_summary(folder: Path) -> tuple[Figures, Figures]:
    """What the summary counts: in all, and of the tasks whose file is in `tasks_json`."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / "summary" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    succeeded = {row["build_id"] for row in rows("build") if row["is_success"] == "True"}
    there = {path.stem for path in (folder / "tasks_json").glob("*.json")}
    found = []
    for joined in (rows("join"), [row for row in rows("join") if row["task_id"] in there]):
        names = [{row[key] for row in joined} for key in ("task_id", "description_id", "build_id")]
        builds = names[2] - {""}
        found.append((len(names[0]), len(names[1]), len(builds), len(builds & succeeded)))
    return found[0], found[1]


def main() -> None:
    """Print both, and how many of the people's ids stand in the store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="LARC's folder dataset")
    parser.add_argument("store", type=Path)
    options = parser.parse_args()
    descriptions = [
        description
        for path in (options.folder / "tasks_json").glob("*.json")
        for description in read_json(path)["descriptions"].values()
    ]
    builds = [build for one in descriptions for build in one["builds"].values()]
    people = {one["uid"] for one in (*descriptions, *builds)}
    text = options.store.read_text(encoding="utf-8")
    store = read_store(options.store)
    traces = [trace for of_task in store.values() for trace in of_task]
    print("                         tasks  descriptions  builds  successful")
    for name, of in zip(
        ("summary", "… of the files here"), figures_of_summary(options.folder), strict=True
    ):
        print(f"{name:24} {of[0]:5} {of[1]:13} {of[2]:7} {of[3]:11}")
    print(
        f"{'files':24} {len(store):5} {len(descriptions):13} {len(builds):7} "
        f"{sum(build['success'] for build in builds):11}"
    )
    print(
        f"{'store':24} {len(store):5} {len(traces):13} "
        f"{sum(trace['builds'] for trace in traces):7} {sum(t['score'] for t in traces):11}"
    )
    print(f"{len(people)} people, {sum(person in text for person in people)} ids in the store")


if __name__ == "__main__":
    main()
