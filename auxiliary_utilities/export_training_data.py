"""Export the verified samples of results files as rows to train on, with a data card.

    python auxiliary_utilities/export_training_data.py code_data_results_verified.jsonl \
--format messages --output rows.jsonl
    python auxiliary_utilities/export_training_data.py *_results.jsonl --format parquet \
--output arc_rows --split train=0.9,validation=0.1 --augment 3

Programs without a verdict in RESULTS run in the sandbox first. Tasks of ARC-AGI's evaluation sets
are left out and named. FORMAT says what a row is:

"""

from utilities.command_line.script import run_script

import sys

from utilities.command_line.options import parse_options
from utilities.command_line.signals import run_until_stopped
from utilities.command_line.terminal import printable, show
from utilities.training_data.card import write_card
from utilities.training_data.export import Exported, export
from utilities.training_data.options import ExportOptions
from utilities.training_data.publishing import Hub, files_to_push
from utilities.training_data.row_files import describe_for_llama_factory
from utilities.training_data.rows import FORMATS


def main() -> int:
    """Export and say what came of it."""
    formats = [f"  {name:20} {form.description}" for name, form in FORMATS.items()]
    options = parse_options(ExportOptions, "\n".join([(__doc__ or "").rstrip(), *formats]))
    hub = None if options.push_to is None else Hub(options.push_to, options.push)
    if hub is not None:
        hub.check()
    exported = run_until_stopped(export(options))
    card = write_card(options, exported)
    lines = [*summary_lines(exported), f"card        {card}"]
    if (description := options.row_format.llama_factory) is not None:
        files = exported.parts.values()
        described = describe_for_llama_factory(options.output, files, description)
        lines.append(f"described   for LLaMA-Factory's dataset_info.json: {described}")
    show(*lines)
    if hub is not None:
        show(*hub.publish(files_to_push(card, exported), is_public=options.public))
    return 0


def summary_lines(exported: Exported) -> list[str]:
    """What a person wants to know at the end."""
    lines = [f"samples     {exported.samples} read, {exported.programs_run} programs run"]
    if reasons := [f"{reason} {count}" for reason, count in exported.reasons()]:
        lines.append(f"left out    {printable(', '.join(reasons))}")
    if exported.evaluation_tasks:
        lines.append(f"evaluation  {printable(exported.evaluation_names())}")
    unusable = list(exported.unusable_tasks.values())[:3]
    lines += [f"unusable    {printable(reason, 200)}" for reason in unusable]
    if exported.without_thinking:
        count = exported.without_thinking
        lines.append(f"thinking    of {count} samples left out; --reasoning both keeps it")
    files = exported.parts.values()
    is_told = exported.versions and len(files) == 1
    versions = f", {exported.versions} of them versions" if is_told else ""
    return lines + [
        f"rows        {file.rows} of {len(file.tasks)} tasks{versions}: {file.path}"
        for file in files
    ]


if __name__ == "__main__":
    sys.exit(run_script(main))
