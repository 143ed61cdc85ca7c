"""The rows of each format, every one with its provenance."""

from __future__ import annotations

from typing import Any, Literal

from utilities.files.hashing import hash_of
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

Format = Literal["messages", "sharegpt", "prompt_completion", "preference", "repair", "parquet"]
PAIRED: tuple[Format, ...] = ("preference", "repair")
"""Formats whose rows take a failed sample too."""
_SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}

Row = dict[str, Any]


class RowMaker:
    """Makes rows of one format."""

    def __init__(self, form: Format, facts: RunFacts, *, recorded_prompts: bool) -> None:
        """With `recorded_prompts` a sample's own prompt is taken, where it has one."""
        self._form = form
        self._facts = facts
        self._recorded_prompts = recorded_prompts

    def of(self, sample: TrainingSample) -> Row:
        """A row of a format that takes one sample."""
        prompt, prompt_hash = self._prompt(sample)
        told = answer(sample, prompt)
        messages = [*prompt, {"role": "assistant", "content": told}]
        provenance = self._provenance(sample, prompt_hash)
        match self._form:
            case "sharegpt":
                row: Row = {"conversations": [_turn(message) for message in messages]}
            case "prompt_completion":
                row = {"prompt": _joined(prompt), "completion": told}
            case "parquet":
                return {
                    "messages": messages,
                    "prompt": _joined(prompt),
                    "completion": told,
                    "reasoning": sample.reasoning,
                    "python_code": sample.python_code,
                    "task_data": sample.task.to_json(),
                    **provenance,
                }
            case _:
                row = {"messages": messages}
        return {**row, "provenance": provenance}

    def of_pair(self, right: TrainingSample, wrong: TrainingSample) -> Row:
        """A row of a format that takes a verified sample and a failed one of the same task."""
        if self._form == "repair":
            assert wrong.verdict is not None
            prompt = repair_prompt(wrong.task, wrong.python_code or "", wrong.verdict)
            told = {"role": "assistant", "content": answer(right, prompt)}
            provenance = self._provenance(right, REPAIR_PROMPT_HASH)
            failed = self._provenance(wrong, self._prompt(wrong)[1])
            return {"messages": [*prompt, told], "provenance": {**provenance, "failed": failed}}
        prompt, prompt_hash = self._prompt(right)
        if self._prompt(wrong)[0] != prompt:
            prompt, prompt_hash = standard_prompt(right.task), PROMPT_HASH
        answers = [[{"role": "assistant", "content": answer(s, prompt)}] for s in (right, wrong)]
        rejected = self._provenance(wrong, prompt_hash)
        return {
            "prompt": prompt,
            "chosen": answers[0],
            "rejected": answers[1],
            "provenance": {**self._provenance(right, prompt_hash), "rejected": rejected},
        }

    def _prompt(self, sample: TrainingSample) -> tuple[list[Message], str]:
        recorded = recorded_prompt(sample) if self._recorded_prompts else None
        if recorded is not None:
            return recorded, self._facts.of(sample)["prompt_hash"] or hash_of(recorded)
        with_program = sample.python_code is not None
        return standard_prompt(sample.task, with_program=with_program), PROMPT_HASH

    def _provenance(self, sample: TrainingSample, prompt_hash: str) -> Row:
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


def _turn(message: Message) -> dict[str, str]:
    role = message["role"]
    return {"from": _SHAREGPT_ROLES.get(role, role), "value": message["content"]}


def _joined(prompt: list[Message]) -> str:
    return "\n\n".join(message["content"] for message in prompt)
