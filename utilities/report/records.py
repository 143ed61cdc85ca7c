"""What the page keeps of an entry: grids as text, texts cut to a length, an outcome a sample."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from utilities.models.tool_calls import arguments_object
from utilities.results.result_entry import ResultEntry, item_of
from utilities.scoring.outcomes import TaskOutcome, outputs_right
from utilities.tasks.grids import COLOURS
from utilities.tasks.symmetries import SYMMETRIES
from utilities.tasks.task import Grid, Task

Record = dict[str, Any]
RIGHT, TRAIN_ONLY, WRONG, FAILED, USABLE, NOTHING = "RTWEUN"
"""A sample's outcome: right on all pairs; on the train pairs only; wrong; its program failed;
usable but not judged; no usable reply."""
_LONGEST_VIEW = 200
_DIGITS = bytes.maketrans(bytes(range(COLOURS)), b"0123456789")


def grid_text(grid: Grid | None) -> str | None:
    """A grid's rows of digits with `/` between them (`012/345`)."""
    return None if grid is None else b"/".join(map(bytes, grid)).translate(_DIGITS).decode()


def grid_texts(grids: Sequence[Grid | None] | None) -> list[str | None] | None:
    """Several grids' texts; None for no list."""
    return None if grids is None else list(map(grid_text, grids))


def task_record(task: Task) -> Record:
    """The task's pairs, `[input, output]` as texts."""
    train, test = (
        [[grid_text(pair.input), grid_text(pair.output)] for pair in pairs]
        for pairs in (task.train, task.test)
    )
    return {"id": task.task_id, "train": train, "test": test}


def sample_records(entry: ResultEntry, task: Task, longest_text: int) -> list[Record]:
    """A record for each sample; fields that hold nothing are left out."""
    right = outputs_right(entry, [pair.output for pair in task.test])
    return [
        _sample_record(entry, index, right[index], longest_text) for index in range(entry.samples)
    ]


def _sample_record(
    entry: ResultEntry, index: int, right: Sequence[bool | None], longest_text: int
) -> Record:
    outputs = item_of(entry.test_outputs, index)
    known = any(one is not None for one in right)
    judged = item_of(entry.test_passed, index)
    if outputs and any(outputs) and known:
        judged = list(right)
    place = entry.test_input[index]
    if place is not None:  # it is about one test input, and knows nothing of the others
        judged = judged and judged[place : place + 1]
        outputs = outputs and outputs[place : place + 1]
    usage = item_of(entry.usage, index) or {}
    record = {
        "status": _short(entry.status[index]),
        "execution": _short(item_of(entry.execution_status, index)),
        "train": item_of(entry.train_passed, index),
        "test": judged,
        "train_outputs": grid_texts(item_of(entry.train_outputs, index)),
        "test_outputs": grid_texts(outputs),
        "test_input": place,
        "varies": item_of(entry.deterministic, index) is False or None,
        "hardcoded": item_of(entry.hardcoded, index) or None,
        "fresh": item_of(entry.fresh_passed, index),
        "generalises": item_of(entry.generalises, index),
        "round": entry.refinement_round[index] or None,
        "parents": entry.parent_samples[index] or None,
        "view": view_text(item_of(entry.view, index)),
        "from": _short(item_of(entry.combined_from, index)),
        "points": _points(entry, index),
        "chain": entry.chain[index],
        "score": entry.score[index],
        "confidence": entry.confidence[index],
        "verdict": entry.verdict[index],
        "cost": entry.cost_usd[index],
        "latency": entry.latency_s[index],
        "input": usage.get("input_tokens"),
        "output": usage.get("output_tokens"),
        "reasoning": shortened(entry.reasoning[index], longest_text),
        "code": shortened(entry.python_code[index], longest_text),
        "error": shortened(entry.error[index], longest_text),
        "message": shortened(item_of(entry.execution_message, index), longest_text),
        "turns": turn_records(item_of(entry.turns, index), longest_text),
    }
    record["outcome"] = _outcome(record)
    return {name: value for name, value in record.items() if value is not None}


def _points(entry: ResultEntry, index: int) -> int | None:
    """What a judge gave the sample's answer, over all calls; None if it judged nothing."""
    if entry.judge is None or not entry.judge.calls:
        return None
    judged = zip(entry.judge.answers, entry.judge.points, strict=False)
    return next((points for samples, points in judged if index in samples), None)


def judge_text(entry: ResultEntry) -> str | None:
    """Who judged the answers, at what cost, and what it changed; None without a judge."""
    judge = entry.judge
    if judge is None:
        return None
    name = f"judge {judge.model_identifier or 'unknown'}"
    if not judge.calls:
        return f"{name}: not asked, no two answers differ"
    count, cost = len(judge.calls), sum(call.cost_usd or 0.0 for call in judge.calls)
    unpriced = any(call.usage is not None and call.cost_usd is None for call in judge.calls)
    chosen = sum(call.first is not None for call in judge.calls)
    parts = [f"{count} call{'s' * (count != 1)}", f"{'at least ' * unpriced}${cost:.4f}"]
    parts += [f"{count - chosen} without a choice"] if chosen < count else []
    if judge.voted_attempts is not None:
        changed = judge.voted_attempts != entry.attempts
        parts.append(f"attempts {'changed' if changed else 'as without it'}")
    return f"{name}: {', '.join(parts)}"


def turn_records(turns: object, longest_text: int) -> list[Record] | None:
    """What the model said in each turn, the calls in it and what came of them; None for none."""
    found = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    return [_turn_record(turn, longest_text) for turn in found] or None


def _turn_record(turn: Record, longest_text: int) -> Record:
    usage, calls = turn.get("usage"), turn.get("tool_calls")
    usage = usage if isinstance(usage, dict) else {}
    record = {
        "thinking": _text(turn.get("thinking"), longest_text),
        "text": _text(turn.get("text"), longest_text),
        "calls": [_call_record(call, longest_text) for call in calls if isinstance(call, dict)]
        if isinstance(calls, list)
        else None,
        "cost": _number(turn.get("cost_usd")),
        "latency": _number(turn.get("latency_s")),
        "input": _number(usage.get("input_tokens")),
        "output": _number(usage.get("output_tokens")),
    }
    return {name: value for name, value in record.items() if value not in (None, [])}


def _call_record(call: Record, longest_text: int) -> Record:
    """A call's name, its code or whatever else it was given, and its result."""
    arguments = call.get("arguments")
    given = arguments_object(arguments) if isinstance(arguments, str) else None
    code = (given or {}).get("code")
    record = {
        "name": _text(call.get("name"), longest_text),
        "code": _text(code if isinstance(code, str) else arguments, longest_text),
        "result": _text(call.get("result"), longest_text),
        "status": _short(_text(call.get("status"), longest_text)),
        "seconds": _number(call.get("duration_s")),
    }
    return {name: value for name, value in record.items() if value is not None}


def _text(value: object, longest: int) -> str | None:
    return shortened(value, longest) if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def view_text(view: object) -> str | None:
    """In which view a sample saw its task, in words; None if it saw the task as it is.

    Grids as they are, colours that stay, and pairs in their own order are not mentioned.
    """
    told = view if isinstance(view, dict) else {}
    symmetry, colours = told.get("symmetry"), told.get("colours")
    parts = [symmetry] if isinstance(symmetry, str) and symmetry != SYMMETRIES[0].name else []
    places = enumerate(colours if isinstance(colours, list) else [])
    if changed := [f"{old}→{new}" for old, new in places if old != new]:
        parts.append(f"colours {' '.join(changed)}")
    for name in ("train", "test"):
        order = told.get(f"{name}_order")
        if isinstance(order, list) and order != list(range(len(order))):
            numbers = (pair + 1 if isinstance(pair, int) else pair for pair in order)
            parts.append(f"{name} pairs {', '.join(map(str, numbers))}")
    return f"view: {', '.join(parts)}"[:_LONGEST_VIEW] if parts else None


def shortened(text: str | None, longest: int) -> str | None:
    """A text's beginning and end, with what is left out between them said; None for no text."""
    if not text or len(text) <= longest:
        return text or None
    end = longest // 4
    tail = text[len(text) - end :]
    left_out = f"[… {len(text) - longest:,} characters left out …]"
    return f"{text[: longest - end]}\n\n{left_out}\n\n{tail}"


def prompt_text(messages: object, longest: int) -> str | None:
    """What the model was shown, each message under its role; None if the entry does not say."""
    if not isinstance(messages, list):
        return None
    parts = []
    for message in messages:
        told = message if isinstance(message, dict) else {"content": message}
        content = told.get("content")
        text = content if isinstance(content, str) else _parts_text(content)
        parts.append(f"[{told.get('role', 'message')}]\n{text}")
    return shortened("\n\n".join(parts), longest)


def _parts_text(content: object) -> str:
    """Parts of a message with their texts, and the sizes of the pictures between them."""
    shown = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case {"type": "text", "text": str(text)}:
                shown.append(text)
            case {"type": "image", "width": int(width), "height": int(height)}:
                shown.append(f"[picture, {width} × {height} pixels]")
            case _:
                shown.append(orjson.dumps(part).decode())
    return "\n\n".join(shown)


def result_record(outcome: TaskOutcome, samples: Sequence[Record]) -> Record:
    """What the table needs of an entry: its part in the figures, and its samples in a letter each.

    `solved` is None if the task counts in no figure.
    """
    return {
        "solved": outcome.solved if outcome.scored else None,
        "outputs": outcome.outputs_solved,
        "complete": not outcome.failures,
        "samples": "".join(sample["outcome"] for sample in samples),
        "statuses": Counter(sample["status"] for sample in samples if "status" in sample),
        "executions": Counter(one["execution"] for one in samples if "execution" in one),
        "cost": outcome.known_cost_usd,
        "unpriced": outcome.unpriced,
        "input": outcome.input_tokens,
        "output": outcome.output_tokens,
        "latency": round(outcome.latency_s, 3),
    }


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


def _short(value: str | None) -> str | None:
    return value and value[:40]
