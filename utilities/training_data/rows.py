"""The rows of each format, every one with its provenance; a new format is one function here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from utilities.files.hashing import hash_of
from utilities.files.json_lines import encode_line
from utilities.training_data.prompts import (
    PROMPT_HASH,
    REPAIR_PROMPT_HASH,
    Message,
    answer,
    recorded_prompt,
    repair_prompt,
    standard_prompt,
)
from utilities.training_data.samples import RunFacts, TrainingSample

Row = dict[str, Any]
_SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a row may be made of."""

    sample: TrainingSample
    prompt: list[Message]
    """The question, without the answer."""
    provenance: Row
    """Where the row comes from; its `prompt_hash` names the wording of the prompt."""

    @property
    def answer(self) -> str:
        """Reasoning, if there is some, then the program in a fence."""
        return answer(self.sample, self.prompt)

    @property
    def messages(self) -> list[Message]:
        """The prompt, and the answer as the assistant's turn."""
        return [*self.prompt, {"role": "assistant", "content": self.answer}]


@dataclass(frozen=True, slots=True)
class RowFormat:
    """A format of rows; `FORMATS` has each under its name."""

    description: str
    """What a row is, in one line."""
    make: Callable[..., Row]
    """Makes a row of the parts of a sample; of two, a verified and a failed one, if `is_paired`."""
    serves_as_failed: Callable[[TrainingSample], bool] | None = None
    """Whether a sample may be the failed one of a pair; None if rows are made of one sample."""
    is_folder: bool = False
    """Whether the rows become columns of Parquet files in a folder, else lines of one file."""

    @property
    def is_paired(self) -> bool:
        """Whether a row is made of a verified and a failed sample of the same task."""
        return self.serves_as_failed is not None


FORMATS: dict[str, RowFormat] = {}
"""What `--format` takes, by name; the decorator below adds to it."""


def row_format(
    name: str, description: str, **settings: Any
) -> Callable[[Callable[..., Row]], Callable[..., Row]]:
    """Register a function that makes a row as the format `name`; settings as in `RowFormat`."""

    def register(make: Callable[..., Row]) -> Callable[..., Row]:
        FORMATS[name] = RowFormat(description, make, **settings)
        return make

    return register


def parts_of(sample: TrainingSample, facts: RunFacts, *, recorded_prompts: bool) -> Parts:
    """The parts of a sample; with `recorded_prompts` its own prompt is taken, if it has one.

    Its provenance has the same fields of the same types in every row of every export, so that
    files of several exports can be loaded together: nothing in it is null.
    """
    known = facts.of(sample)
    prompt = recorded_prompt(sample) if recorded_prompts else None
    if prompt is not None:
        prompt_hash = known["prompt_hash"] or hash_of(prompt)
    else:
        prompt = standard_prompt(sample.task, with_program=sample.python_code is not None)
        prompt_hash = PROMPT_HASH
    verdict = sample.verdict
    provenance = {
        "task_id": sample.task.task_id,
        "task_hash": sample.task_hash,
        "source": sample.source or "",
        "run_id": sample.run_id or "",
        "model": sample.model or "",
        "sample_index": sample.sample_index,
        "prompt_hash": prompt_hash,
        "dataset_hash": known["dataset_hash"] or "",
        "verdict": sample.level or "",
        "train_passed": _flags(verdict.train_passed if verdict else ()),
        "test_passed": _flags(verdict.test_passed if verdict else ()),
        "deterministic": bool(verdict and verdict.deterministic),
        "hardcoded": bool(verdict and verdict.hardcoded),
        "judged_by": (verdict and verdict.judged_by) or "",
        "sandbox": known["sandbox"] or "",
        "augmentation": _as_json(sample.augmentation),
        "relabelled_from": _as_json(sample.relabelled_from),
    }
    return Parts(sample, prompt, provenance)


def _flags(passed: Sequence[bool | None]) -> list[bool]:
    """Verdicts as they are, or none if one is unknown: a list of nulls has no type of its own."""
    known = [flag for flag in passed if flag is not None]
    return known if len(known) == len(passed) else []


def _as_json(value: object) -> str:
    """JSON as text: what a member may be differs from row to row. Empty for nothing."""
    return "" if value is None else encode_line({"": value})[4:-2].decode()


@row_format("messages", "`messages` for chat fine-tuning: question, then reasoning and program")
def _messages(parts: Parts) -> Row:
    return {"messages": parts.messages, "provenance": parts.provenance}


@row_format("sharegpt", "the same as `conversations`")
def _sharegpt(parts: Parts) -> Row:
    turns = [
        {"from": _SHAREGPT_ROLES.get(message["role"], message["role"]), "value": message["content"]}
        for message in parts.messages
    ]
    return {"conversations": turns, "provenance": parts.provenance}


@row_format("prompt_completion", "the same as two texts, `prompt` and `completion`")
def _prompt_completion(parts: Parts) -> Row:
    return {
        "prompt": f"{_joined(parts.prompt)}\n\n",  # trainers put the two together as they are
        "completion": parts.answer,
        "provenance": parts.provenance,
    }


def is_failure(sample: TrainingSample) -> bool:
    """Whether its program is known to be wrong on some pair, train or test."""
    verdict = sample.verdict
    return verdict is not None and False in (*verdict.train_passed, *verdict.test_passed)


@row_format(
    "preference",
    "`prompt`, `chosen`, `rejected`: a verified and a failed sample of one task",
    serves_as_failed=is_failure,
)
def _preference(right: Parts, wrong: Parts) -> Row:
    prompt, prompt_hash = right.prompt, right.provenance["prompt_hash"]
    if wrong.prompt != prompt:
        prompt, prompt_hash = standard_prompt(right.sample.task), PROMPT_HASH
    chosen, rejected = (
        [{"role": "assistant", "content": answer(parts.sample, prompt)}] for parts in (right, wrong)
    )
    provenance, of_rejected = (
        {**parts.provenance, "prompt_hash": prompt_hash} for parts in (right, wrong)
    )
    return {
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "provenance": {**provenance, "rejected": of_rejected},
    }


def fails_train(sample: TrainingSample) -> bool:
    """Whether its program fails a train pair, of which feedback may speak."""
    return sample.level == "failed"


@row_format(
    "repair",
    "`messages`: a failed program and the feedback on it, then a verified program",
    serves_as_failed=fails_train,
)
def _repair(right: Parts, wrong: Parts) -> Row:
    failed = wrong.sample
    assert failed.verdict is not None
    prompt = repair_prompt(failed.task, failed.python_code or "", failed.verdict)
    provenance = {**right.provenance, "prompt_hash": REPAIR_PROMPT_HASH}
    return {
        "messages": [*prompt, {"role": "assistant", "content": answer(right.sample, prompt)}],
        "provenance": {**provenance, "failed": wrong.provenance},
    }


@row_format(
    "parquet",
    "rows as in `messages`, in columns, in a folder for `datasets.load_dataset`",
    is_folder=True,
)
def _parquet(parts: Parts) -> Row:
    return {
        "messages": parts.messages,
        # Trainers would take columns `prompt` and `completion` in place of the messages.
        "prompt_text": _joined(parts.prompt),
        "answer_text": parts.answer,
        "reasoning": parts.sample.reasoning or "",
        "python_code": parts.sample.python_code or "",
        "task_data": _as_json(parts.sample.task.to_json()),
        **parts.provenance,
    }


def _joined(prompt: list[Message]) -> str:
    return "\n\n".join(message["content"] for message in prompt)
