"""What a row of training data may be made of: a sample, its prompt, its answer, its provenance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from utilities.files.hashing import hash_of
from utilities.files.json_lines import encode_line
from utilities.training_data.prompts import (
    Message,
    answer,
    answer_message,
    recorded_prompt,
    standard_prompt,
)
from utilities.training_data.samples import RunFacts, TrainingSample

Row = dict[str, Any]
_TOKENS = ("input_tokens", "output_tokens", "reasoning_tokens")
"""By the provider's count; `output_tokens` has the thinking, too."""
_UNKNOWN = -1.0
"""Stands in provenance for a number that nobody told, which is not the same as 0."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a row may be made of."""

    sample: TrainingSample
    prompt: list[Message]
    """The question, without the answer."""
    provenance: Row
    """Where the row comes from; its `prompt_hash` names the wording of the prompt."""
    thinking_field: bool = False
    """Whether the assistant's turn has the thinking as `reasoning_content`, not in its text."""
    prompt_of_turns: list[Message] = field(default_factory=list)
    """The question of the whole conversation, if the sample has one."""

    def provenance_with(self, prompt: list[Message], prompt_hash: str) -> Row:
        """Where the row comes from if it asks with this prompt."""
        characters = {
            "prompt_characters": sum(len(message["content"]) for message in prompt),
            "reasoning_characters": len(self.sample.reasoning or ""),
            "thinking_characters": len(self.sample.thinking or ""),
            "completion_characters": len(self.answer_to(prompt)["content"]),
        }
        return {**self.provenance, "prompt_hash": prompt_hash, **characters}

    @property
    def answer(self) -> str:
        """Thinking and reasoning, if there are some, then the program in a fence."""
        return answer(self.sample, self.prompt)

    @property
    def messages(self) -> list[Message]:
        """The prompt, and the answer as the assistant's turn."""
        return [*self.prompt, self.answer_to(self.prompt)]

    def answer_to(self, prompt: list[Message]) -> Message:
        """The assistant's turn after a prompt."""
        return answer_message(self.sample, prompt, thinking_field=self.thinking_field)


def parts_of(
    sample: TrainingSample,
    facts: RunFacts,
    *,
    recorded_prompts: bool,
    thinking_field: bool = False,
    with_turns: bool = False,
) -> Parts:
    """The parts of a sample; with `recorded_prompts` its own prompt is taken, if it has one.

    A prompt that offers tools is taken only `with_turns`: else it asks for what the row has not.

    Its provenance has the same fields of the same types in every row of every export, so that
    files of several exports can be loaded together: nothing in it is null.
    """
    known = facts.of(sample)
    own = recorded_prompt(sample) if recorded_prompts else None
    prompt = own if with_turns or sample.turns is None else None
    if prompt is not None:
        prompt_hash = known["prompt_hash"] or hash_of(prompt)
    else:
        prompt, prompt_hash = standard_prompt(sample)
    parts = Parts(sample, prompt, _provenance(sample, known), thinking_field, own or prompt)
    return replace(parts, provenance=parts.provenance_with(prompt, prompt_hash))


def _provenance(sample: TrainingSample, known: Mapping[str, str | None]) -> Row:
    """Where a sample comes from; `known` is what is told of its run."""
    verdict, usage = sample.verdict, sample.usage
    tokens = {} if usage is None else {name: usage.get(name) or 0 for name in _TOKENS}
    return {
        "task_id": sample.task.task_id,
        "task_hash": sample.task_hash,
        "source": sample.source or "",
        "run_id": sample.run_id or "",
        "model": sample.model or "",
        "sample_index": sample.sample_index,
        "prompt_hash": "",
        "dataset_hash": known["dataset_hash"] or "",
        "verdict": sample.level or "",
        "train_passed": _flags(verdict.train_passed if verdict else ()),
        "test_passed": _flags(verdict.test_passed if verdict else ()),
        "deterministic": bool(verdict and verdict.deterministic),
        "hardcoded": bool(verdict and verdict.hardcoded),
        "fresh_pairs": sample.fresh_pairs,
        "fresh_passed": float(sample.fresh_passed or 0),
        "generalises": sample.generalises is True,
        "followers": sample.followers,
        "followed": float(sample.followed or 0),
        "confidence": _UNKNOWN if sample.confidence is None else float(sample.confidence),
        "agent_verdict": sample.agent_verdict or "",
        "rule_form": sample.rule_form or "",
        "cost_usd": _UNKNOWN if sample.cost_usd is None else float(sample.cost_usd),
        **{name: int(tokens.get(name, _UNKNOWN)) for name in _TOKENS},
        "judged_by": (verdict and verdict.judged_by) or "",
        "sandbox": known["sandbox"] or "",
        "augmentation": as_json(sample.augmentation),
        "relabelled_from": as_json(sample.relabelled_from),
    }


def _flags(passed: Sequence[bool | None]) -> list[bool]:
    """Verdicts as they are, or none if one is unknown: a list of nulls has no type of its own."""
    known = [flag for flag in passed if flag is not None]
    return known if len(known) == len(passed) else []


def as_json(value: object) -> str:
    """JSON as text: what a member may be differs from row to row. Empty for nothing."""
    return "" if value is None else encode_line({"": value})[4:-2].decode()
