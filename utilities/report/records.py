"""What the page keeps of an entry: grids as text, texts cut to a length, an outcome a sample."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from utilities.errors import ASK_AGAIN
from utilities.results.reader import Fields as Entry
from utilities.scoring.scored_runs import run_age
from utilities.tasks.grids import COLOURS, LONGEST_SIDE

Record = dict[str, Any]
RIGHT, TRAIN_ONLY, WRONG, FAILED, USABLE, NOTHING = "RTWEUN"
"""A sample's outcome: right on all pairs; on the train pairs only; wrong; its program failed;
usable but not judged; no usable reply."""
_DIGITS = bytes.maketrans(bytes(range(COLOURS)), b"0123456789")
_LARGEST_NUMBER = 1e15


def grid_text(grid: object) -> str | None:
    """A grid's rows of digits with `/` between them (`012/345`); None for what is no grid."""
    if not isinstance(grid, list) or not 1 <= len(grid) <= LONGEST_SIDE:
        return None
    try:
        rows = [bytes(row) for row in grid if isinstance(row, list)]
    except (TypeError, ValueError):  # a cell that is no number, or none of 0-255
        return None
    width = len(rows[0]) if rows else 0
    right_shape = len(rows) == len(grid) and 1 <= width <= LONGEST_SIDE
    if not right_shape or any(len(row) != width or max(row) >= COLOURS for row in rows):
        return None
    return b"/".join(rows).translate(_DIGITS).decode()


def task_record(entry: Entry) -> Record:
    """The entry's pairs, `[input, output]` as texts; without usable `task_data`, no pairs."""
    content = entry.get("task_data")
    pairs: dict[str, list[list[str | None]]] = {"train": [], "test": []}
    for part, texts in pairs.items():
        found = content.get(part) if isinstance(content, dict) else None
        for pair in found if isinstance(found, list) else []:
            if isinstance(pair, dict):
                texts.append([grid_text(pair.get("input")), grid_text(pair.get("output"))])
    return {"id": str(entry.get("task_id")), **pairs}


def content_key(task: Record) -> str:
    """A name for what a task shows, test outputs left out; empty where it has no pairs."""
    if not task["train"] and not task["test"]:
        return ""
    shown = repr((task["train"], [pair[0] for pair in task["test"]]))
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def sample_records(entry: Entry, task: Record, longest_text: int) -> list[Record]:
    """A record for each sample; fields that hold nothing are left out."""
    statuses = entry.get("status")
    count = len(statuses) if isinstance(statuses, list) else 0
    return [_sample_record(entry, index, task, longest_text) for index in range(count)]


def _sample_record(entry: Entry, index: int, task: Record, longest_text: int) -> Record:
    def item(field: str) -> Any:
        values = entry.get(field)
        return values[index] if isinstance(values, list) and index < len(values) else None

    answers = _grids(item("test_outputs"))
    record = {
        "status": _short(item("status")),
        "execution": _short(item("execution_status")),
        "train": _flags(item("train_passed")),
        "test": _flags(item("test_passed")) or _judged_answers(answers, task),
        "train_outputs": _grids(item("train_outputs")),
        "test_outputs": answers,
        "varies": item("deterministic") is False or None,
        "hardcoded": item("hardcoded") is True or None,
        "round": _round(item("refinement_round")),
        "parents": _places(item("parent_samples")) or None,
        "confidence": number(item("confidence")),
        "cost": number(item("cost_usd")),
        "latency": number(item("latency_s")),
        **_tokens(item("usage")),
        "reasoning": shortened(item("reasoning"), longest_text),
        "code": shortened(item("python_code"), longest_text),
        "error": shortened(item("error"), longest_text),
        "message": shortened(item("execution_message"), longest_text),
    }
    record["outcome"] = _outcome(record)
    return {name: value for name, value in record.items() if value is not None}


def shortened(text: object, longest: int) -> str | None:
    """A text's beginning and end, with what is left out between them said; None for no text."""
    if not isinstance(text, str) or not text:
        return None
    if len(text) <= longest:
        return text
    end = longest // 4
    left_out = len(text) - longest
    tail = text[len(text) - end :]
    return f"{text[: longest - end]}\n\n[… {left_out:,} characters left out …]\n\n{tail}"


def number(value: object) -> float | int | None:
    """A finite number of ordinary size, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST_NUMBER else None


def is_complete(entry: Entry) -> bool:
    """Whether no sample failed for a technical reason; told by the statuses if nothing else is."""
    if isinstance(entry.get("complete"), bool):
        return bool(entry["complete"])
    statuses = entry.get("status")
    known = statuses if isinstance(statuses, list) else []
    return not any(isinstance(one, str) and one in ASK_AGAIN for one in known)


def precedence(entry: Entry) -> tuple[bool, str]:
    """Of a task's entries the one with the greatest counts: the newest complete, else the newest.

    Of equals the one that is read last counts, as in `read_scored_runs`.
    """
    return is_complete(entry), run_age(str(entry.get("run_id") or ""))


def result_record(entry: Entry, samples: list[Record], task: Record) -> Record:
    """What the table and the summary need of an entry."""
    outputs = _outputs_solved(entry, task)
    costs = [sample.get("cost") for sample in samples]
    first_round = [sample for sample in samples if "round" not in sample]
    by_test = kind_of(entry) == "benchmark"
    return {
        "solved": _solved(entry, samples, outputs),
        "outputs": outputs,
        "complete": is_complete(entry),
        "samples": "".join(sample["outcome"] for sample in samples),
        "first_round": len(first_round),
        "first_right": sum(_is_right(sample, by_test=by_test) for sample in first_round),
        "statuses": dict(Counter(sample.get("status", "unknown") for sample in samples)),
        "executions": dict(Counter(one["execution"] for one in samples if "execution" in one)),
        "cost": sum(cost for cost in costs if cost is not None),
        "unpriced": costs.count(None),
        "input": sum(sample.get("input", 0) for sample in samples),
        "output": sum(sample.get("output", 0) for sample in samples),
        "latency": round(sum(sample.get("latency", 0) for sample in samples), 3),
    }


def _outputs_solved(entry: Entry, task: Record) -> list[bool | None] | None:
    """For each test input whether an attempt is right; what is stored counts without attempts."""
    stored, attempts = _flags(entry.get("outputs_solved")), attempt_texts(entry)
    if stored is None or attempts is None or not task["test"]:
        return stored
    padded = [*attempts, *([] for _ in task["test"])]
    wanted = [pair[1] for pair in task["test"]]
    return [
        None if want is None else want in tried for want, tried in zip(wanted, padded, strict=False)
    ]


def attempt_texts(entry: Entry) -> list[list[str | None]] | None:
    """A benchmark's chosen grids, a list for each test input."""
    attempts = entry.get("attempts")
    if not isinstance(attempts, list):
        return None
    return [_grids(tried) or [] for tried in attempts]


def kind_of(entry: Entry) -> str:
    """What an entry can be judged by: `benchmark`, `verified` or `generated`."""
    if isinstance(entry.get("outputs_solved"), list):
        return "benchmark"
    judged = isinstance(entry.get("test_passed"), list) or "not_judged" in entry
    return "verified" if judged else "generated"


def _solved(entry: Entry, samples: list[Record], outputs: list[bool | None] | None) -> bool | None:
    """Whether the task counts as solved; None where its test outputs are not known."""
    match kind_of(entry):
        case "benchmark":
            return None if not outputs or None in outputs else all(outputs)
        case "verified":
            return any(sample["outcome"] == RIGHT for sample in samples)
        case _:
            return any(sample["outcome"] in {USABLE, RIGHT} for sample in samples)


def _outcome(sample: Mapping[str, Any]) -> str:
    train, test = sample["train"], sample["test"]
    if train is None and test is None:
        answered = sample["execution"] is not None or sample["status"] == "ok"
        return USABLE if answered else NOTHING
    if (train is None or all(train)) and test and all(test):
        return RIGHT
    if train and all(train):
        return TRAIN_ONLY
    return FAILED if sample["execution"] not in {None, "ok"} else WRONG


def _is_right(sample: Record, *, by_test: bool) -> bool:
    """Whether a sample counts for pass@1; a benchmark asks for nothing but the test outputs."""
    test = sample.get("test") or ()
    return sample["outcome"] == RIGHT or (by_test and bool(test) and all(test))


def _judged_answers(outputs: list[str | None] | None, task: Record) -> list[bool | None] | None:
    """The direct benchmark's answers against the test outputs; None where none is known."""
    wanted = [pair[1] for pair in task["test"]]
    if not outputs or not any(outputs) or not any(wanted):
        return None
    padded = outputs + [None] * len(wanted)
    return [
        None if want is None else got == want for got, want in zip(padded, wanted, strict=False)
    ]


def _round(value: object) -> int | None:
    """A refinement's round; None for samples of the first one."""
    return value if type(value) is int and 0 < value < _LARGEST_NUMBER else None


def _places(value: object) -> list[int]:
    """The samples whose programs a refinement was shown, by their places."""
    return (
        [place for place in value if type(place) is int and 0 <= place < _LARGEST_NUMBER]
        if isinstance(value, list)
        else []
    )


def _short(value: object) -> str | None:
    return None if value is None else str(value)[:40]


def _flags(value: object) -> list[bool | None] | None:
    if not isinstance(value, list):
        return None
    return [flag if isinstance(flag, bool) else None for flag in value]


def _grids(value: object) -> list[str | None] | None:
    return [grid_text(grid) for grid in value] if isinstance(value, list) else None


def _tokens(usage: object) -> dict[str, float | int | None]:
    if not isinstance(usage, dict):
        return {}
    return {name: number(usage.get(f"{name}_tokens")) for name in ("input", "output")}
