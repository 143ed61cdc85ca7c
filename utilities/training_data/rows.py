"""The rows of each format, every one with its provenance; a new format is one function here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from utilities.files.hashing import hash_of
from utilities.training_data.filters import fails_train, is_failure
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
    """What a sample gives for a row."""

    sample: TrainingSample
    prompt: list[Message]
    answer: str
    provenance: Row

    @property
    def messages(self) -> list[Message]:
        """The prompt, and the answer as the assistant's turn."""
        return [*self.prompt, {"role": "assistant", "content": self.answer}]


@dataclass(frozen=True, slots=True)
class RowFormat:
    """A format of rows; `FORMATS` has each under its name."""

    of: Callable[[Parts], Row] | None = None
    """Makes a row of one sample."""
    of_pair: Callable[["RowMaker", TrainingSample, TrainingSample], Row] | None = None
    """Makes a row of a verified sample and a failed one of the same task."""
    serves_as_failed: Callable[[TrainingSample], bool] = lambda _: False
    """Whether a sample may be the failed one of a pair."""
    is_folder: bool = False
    """Whether the rows are columns of Parquet files in a folder, else lines of one file."""


FORMATS: dict[str, RowFormat] = {}
"""What `--format` knows: made by the decorators below, in this order."""


def row_format(name: str, **settings: Any) -> Callable[[Callable[[Parts], Row]], None]:
    """Register a function that makes a row of a sample as the format `name`."""

    def register(function: Callable[[Parts], Row]) -> None:
        FORMATS[name] = RowFormat(of=function, **settings)

    return register


def paired_format(
    name: str, serves_as_failed: Callable[[TrainingSample], bool]
) -> Callable[[Callable[["RowMaker", TrainingSample, TrainingSample], Row]], None]:
    """Register a function that makes a row of a verified and a failed sample as `name`."""

    def register(function: Callable[["RowMaker", TrainingSample, TrainingSample], Row]) -> None:
        FORMATS[name] = RowFormat(of_pair=function, serves_as_failed=serves_as_failed)

    return register


class RowMaker:
    """Makes rows of one format."""

    def __init__(self, form: RowFormat, facts: RunFacts, *, recorded_prompts: bool) -> None:
        """With `recorded_prompts` a sample's own prompt is taken, if it has one."""
        self._form = form
        self._facts = facts
        self._recorded_prompts = recorded_prompts

    def of(self, sample: TrainingSample) -> Row:
        """A row of a format that takes one sample."""
        assert self._form.of is not None
        prompt, prompt_hash = self.prompt(sample)
        provenance = self.provenance(sample, prompt_hash)
        return self._form.of(Parts(sample, prompt, answer(sample, prompt), provenance))

    def of_pair(self, right: TrainingSample, wrong: TrainingSample) -> Row:
        """A row of a format that takes a verified sample and a failed one of the same task."""
        assert self._form.of_pair is not None
        return self._form.of_pair(self, right, wrong)

    def prompt(self, sample: TrainingSample) -> tuple[list[Message], str]:
        """The question of a row, and the hash that names its wording."""
        recorded = recorded_prompt(sample) if self._recorded_prompts else None
        if recorded is not None:
            return recorded, self._facts.of(sample)["prompt_hash"] or hash_of(recorded)
        with_program = sample.python_code is not None
        return standard_prompt(sample.task, with_program=with_program), PROMPT_HASH

    def provenance(self, sample: TrainingSample, prompt_hash: str) -> Row:
        """Where a row comes from."""
        verdict, facts = sample.verdict, self._facts.of(sample)
        return {
            "task_id": sample.task.task_id,
            "task_hash": sample.task_hash,
            "source": sample.source,
            "run_id": sample.run_id,
            "model": sample.model,
            "sample_index": sample.sample_index,
            "prompt_hash": prompt_hash,
            "dataset_hash": facts["dataset_hash"],
            "verdict": sample.level,
            "train_passed": verdict and verdict.train_passed,
            "test_passed": verdict and verdict.test_passed,
            "deterministic": verdict and verdict.deterministic,
            "hardcoded": verdict and verdict.hardcoded,
            "judged_by": verdict and verdict.judged_by,
            "sandbox": facts["sandbox"],
            "augmentation": sample.augmentation,
            "relabelled_from": sample.relabelled_from,
        }


@row_format("messages")
def _messages(parts: Parts) -> Row:
    return {"messages": parts.messages, "provenance": parts.provenance}


@row_format("sharegpt")
def _sharegpt(parts: Parts) -> Row:
    turns = [_turn(message) for message in parts.messages]
    return {"conversations": turns, "provenance": parts.provenance}


@row_format("prompt_completion")
def _prompt_completion(parts: Parts) -> Row:
    prompt = _joined(parts.prompt)
    return {"prompt": prompt, "completion": parts.answer, "provenance": parts.provenance}


@paired_format("preference", serves_as_failed=is_failure)
def _preference(maker: RowMaker, right: TrainingSample, wrong: TrainingSample) -> Row:
    prompt, prompt_hash = maker.prompt(right)
    if maker.prompt(wrong)[0] != prompt:
        prompt, prompt_hash = standard_prompt(right.task), PROMPT_HASH
    answers = [[{"role": "assistant", "content": answer(s, prompt)}] for s in (right, wrong)]
    rejected = maker.provenance(wrong, prompt_hash)
    return {
        "prompt": prompt,
        "chosen": answers[0],
        "rejected": answers[1],
        "provenance": {**maker.provenance(right, prompt_hash), "rejected": rejected},
    }


@paired_format("repair", serves_as_failed=fails_train)
def _repair(maker: RowMaker, right: TrainingSample, wrong: TrainingSample) -> Row:
    assert wrong.verdict is not None
    prompt = repair_prompt(wrong.task, wrong.python_code or "", wrong.verdict)
    told = {"role": "assistant", "content": answer(right, prompt)}
    provenance = maker.provenance(right, REPAIR_PROMPT_HASH)
    failed = maker.provenance(wrong, maker.prompt(wrong)[1])
    return {"messages": [*prompt, told], "provenance": {**provenance, "failed": failed}}


@row_format("parquet", is_folder=True)
def _parquet(parts: Parts) -> Row:
    return {
        "messages": parts.messages,
        "prompt": _joined(parts.prompt),
        "completion": parts.answer,
        "reasoning": parts.sample.reasoning,
        "python_code": parts.sample.python_code,
        "task_data": parts.sample.task.to_json(),
        **parts.provenance,
    }


def _turn(message: Message) -> dict[str, str]:
    role = message["role"]
    return {"from": _SHAREGPT_ROLES.get(role, role), "value": message["content"]}


def _joined(prompt: list[Message]) -> str:
    return "\n\n".join(message["content"] for message in prompt)
