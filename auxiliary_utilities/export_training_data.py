"""Export the verified samples of results files as rows to train on, with a data card.

    python auxiliary_utilities/export_training_data.py code_data_results_verified.jsonl \
--format messages --output rows.jsonl
    python auxiliary_utilities/export_training_data.py *_results.jsonl --format parquet \
--output arc_rows --split train=0.9,validation=0.1 --augment 3

FORMAT is messages, sharegpt, prompt_completion (a row for each verified sample), preference (a
verified and a failed sample of a task), repair (a failed program, what is wrong with it, a
verified one) or parquet (rows as in messages, in columns). Programs without a verdict in RESULTS
run in the sandbox first. Tasks of ARC-AGI's evaluation sets are left out and named.
"""

import asyncio
import sys

from utilities.command_line.options import parse_options
from utilities.command_line.script import run_script
from utilities.command_line.terminal import printable
from utilities.training_data.card import card_path, card_text
from utilities.training_data.export import Export, evaluation_names, export, write_card
from utilities.training_data.options import ExportOptions


def main() -> int:
    """Export and say what came of it."""
    options = parse_options(ExportOptions, __doc__)
    exported = asyncio.run(export(options))
    write_card(exported, card_path(options), card_text(options, exported))
    print("\n".join(summary_lines(exported)))
    return 0


def summary_lines(exported: Export) -> list[str]:
    """What a person wants to know at the end."""
    found, left_out = exported.collected, exported.collected.refused + exported.left_out
    lines = [f"samples     {found.samples} read, {exported.programs_run} programs run"]
    if reasons := [f"{reason} {count}" for reason, count in left_out.most_common() if count]:
        lines.append(f"left out    {printable(', '.join(reasons))}")
    if found.evaluation_tasks:
        lines.append(f"evaluation  {printable(evaluation_names(found))}")
    unusable = list(found.unusable_tasks.values())[:3]
    lines += [f"unusable    {printable(reason, 200)}" for reason in unusable]
    for part in exported.parts:
        versions = f", {exported.versions} of them versions" if exported.versions else ""
        told = versions if len(exported.parts) == 1 else ""
        lines.append(f"rows        {part.rows} of {part.tasks} tasks{told}: {part.path}")
    return [*lines, f"card        {exported.card}"]


if __name__ == "__main__":
    sys.exit(run_script(main))
