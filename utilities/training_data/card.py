"""The data card: what a data set holds, where it comes from, and under which licences."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from utilities.command_line.terminal import printable
from utilities.files.atomic import write_atomically
from utilities.files.hashing import file_sha256
from utilities.results.provenance import provenance
from utilities.tasks.public_sets import LICENCE
from utilities.training_data.export import Exported
from utilities.training_data.options import ExportOptions
from utilities.training_data.relabelling import SYNTHETIC

_TITLE = "ARC programs and reasoning"
_LINK = "https://github.com/fchollet/ARC-AGI/blob/master/LICENSE"
"""The Hub wants an address with a licence that it has no name for: that of the tasks."""


def write_card(options: ExportOptions, exported: Exported) -> Path:
    """Write the card and return its path.

    It is `README.md` in a folder of Parquet, where Hugging Face looks for it; else it lies beside
    the rows.
    """
    path = options.output / "README.md"
    if not options.row_format.is_folder:
        path = options.output.with_name(f"{options.output.stem}_card.md")
    write_atomically(path, card_text(options, exported).encode("utf-8", "replace"))
    return path


def card_text(options: ExportOptions, exported: Exported) -> str:
    """The card in Markdown, with the front matter that Hugging Face's Hub and `datasets` read."""
    opening = (
        f"{sum(file.rows for file in exported.parts.values())} rows in the format "
        f"`{options.format}`, {exported.versions} of them further versions of others "
        "(augmentation). Each row names run, model, prompt, sample, verdict and sandbox in its "
        "provenance."
    )
    parts = [
        f"{name or 'all'} | {_cell(file.path.name)} | {file.rows} | {len(file.tasks)} "
        f"| `{file_sha256(file.path)}`"
        for name, file in exported.parts.items()
    ]
    sources = [f"{_cell(path.name)} | `{file_sha256(path)}`" for path in options.results]
    models = [f"{_cell(model)} | {rows}" for model, rows in exported.models.most_common()]
    reasons = [f"{_cell(reason)} | {count}" for reason, count in exported.reasons()]
    lines = [
        *_front_matter(options, exported),
        f"# {_TITLE}",
        "",
        opening,
        "",
        *_table("part | file | rows | tasks | SHA-256", parts),
        *_table("results file | SHA-256", sources),
        *_table("model | rows", models),
        *_licences(options, exported),
        *_choices(options),
        *_table("not exported, because | samples", reasons),
        *_evaluation(options, exported),
        *_made(),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _front_matter(options: ExportOptions, exported: Exported) -> Iterator[str]:
    import yaml

    base = options.output if options.row_format.is_folder else options.output.parent
    files = [
        {"split": name or "train", "path": file.path.relative_to(base).as_posix()}
        for name, file in exported.parts.items()
        if file.rows
    ]
    own = {"PROGRAM_SEARCH", *(["unknown"] if options.from_dataset is not None else [])}
    licence = options.licence or ("apache-2.0" if exported.models.keys() <= own else "other")
    fields = {
        "pretty_name": _TITLE,
        "language": ["en"],
        **_licence_fields(licence),
        "size_categories": [size_category(sum(file.rows for file in exported.parts.values()))],
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "tags": ["arc-agi", "reasoning", "code", "synthetic", options.format.replace("_", "-")],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    yield from ("---", yaml.safe_dump(fields, sort_keys=False).rstrip(), "---", "")


def _licence_fields(licence: str) -> dict[str, str]:
    if licence != "other":
        return {"license": licence}
    name = "apache-2.0-tasks-and-terms-of-the-models-providers"
    return {"license": licence, "license_name": name, "license_link": _LINK}


def size_category(rows: int) -> str:
    """The Hub's name for so many rows: `n<1K`, `1K<n<10K` and so on, up to `n>1T`."""
    if rows < 1000:
        return "n<1K"
    ends = [f"{figure}{unit}" for unit in "KMB" for figure in (1, 10, 100)] + ["1T"]
    step = len(str(rows)) - 4  # powers of ten beyond 1,000
    return f"{ends[step]}<n<{ends[step + 1]}" if step + 1 < len(ends) else "n>1T"


def _licences(options: ExportOptions, exported: Exported) -> Iterator[str]:
    synthetic = sum(task_id.startswith(SYNTHETIC) for task_id in exported.task_ids)
    yield from ("## Licences", "")
    yield f"- Tasks: {len(exported.task_ids)} ids, {synthetic} of them made by relabelling."
    yield f"  Those of ARC-AGI: {LICENCE}. Others: the licence of where they come from."
    for model in sorted(exported.models):
        if model == "unknown" and options.from_dataset is not None:
            yield "- The answers are outputs of the tasks themselves; no model wrote anything."
        elif model == "PROGRAM_SEARCH":
            yield f"- Text and programs of `{model}`: made by this toolkit's own search."
        else:
            yield f"- Text and programs of {_cell(model)}: its provider's terms of use apply."
    yield ""


def _choices(options: ExportOptions) -> Iterator[str]:
    yield from ("## How rows were chosen", "")
    chosen = {
        "from_dataset": options.from_dataset,
        **options.filters.to_json(),
        "deduplicate": options.deduplicate,
        "max_per_task": options.max_per_task,
        "prompt": options.prompt,
        "evaluation_tasks": options.evaluation_tasks,
        "reasoning": options.reasoning,
        "thinking_format": options.thinking_format,
        "split": dict(options.split) if options.split[0][0] else None,
        "seed": options.seed,
        "augment": options.augment,
        "augment_with": options.augment_with if options.augment else None,
        "verify_again": options.verify_again,
    }
    yield from (f"- {name}: `{_cell(json.dumps(value))}`" for name, value in chosen.items())
    yield ""
    yield "Tasks that are the same by content, in any symmetry, colours or order of pairs, are on"
    yield "one side of a split. Augmented rows have no reasoning: it would speak of other grids."
    yield ""


def _evaluation(options: ExportOptions, exported: Exported) -> Iterator[str]:
    if options.evaluation_tasks == "allow":
        yield from ("Evaluation tasks of ARC-AGI were **not** looked for.", "")
    elif found := exported.evaluation_tasks:
        tasks = [f"{_cell(task_id)} | {known}" for task_id, known in sorted(found.items())]
        yield from _table("left out: task | is the evaluation task", tasks)


def _made() -> Iterator[str]:
    made = provenance()
    changed = ", with changes" if made["git_dirty"] else ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    yield f"Made by `export_training_data.py`, commit {made['git_commit']}{changed}, at {now}."


def _table(head: str, rows: Iterable[str]) -> Iterator[str]:
    yield f"| {head} |"
    yield f"|{'---|' * (head.count('|') + 1)}"
    yield from (f"| {row} |" for row in rows)
    yield ""


def _cell(text: str) -> str:
    """Text from elsewhere, made safe: it cannot end its cell or its line, or be markup."""
    for mark, escape in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("`", "'")):
        text = text.replace(mark, escape)
    return printable(text)
