"""Which samples are worth training on, and why the others are not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from utilities.training_data.samples import SampleVerdict, TrainingSample

Wanted = Literal["train_and_test", "train", "any"]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a row's sample must be; see the options of the same names."""

    verified: Wanted = "train_and_test"
    allow_nondeterministic: bool = False
    allow_hardcoded: bool = False
    status: tuple[str, ...] = ("ok",)
    models: tuple[str, ...] | None = None
    min_length: int = 1
    max_length: int | None = None

    def refusal_before_running(self, sample: TrainingSample) -> str | None:
        """Why a sample is no row, whatever its program does; None where that is open."""
        if sample.status not in self.status:
            return f"status {sample.status}"
        if self.models is not None and sample.model not in self.models:
            return "of another model"
        if sample.python_code is None and self.verified != "any":
            return "no program"
        length = answer_length(sample)
        if length < self.min_length:
            return f"shorter than {self.min_length}" if length else "neither program nor reasoning"
        if self.max_length is not None and length > self.max_length:
            return f"longer than {self.max_length}"
        return None

    def refusal_of_verdict(self, sample: TrainingSample) -> str | None:
        """Why what its program does makes a sample no row; None where it is one."""
        level = sample.level
        if level in ("unverified", "failed"):
            refusal = "not verified" if level == "unverified" else "fails train"
            return None if self.verified == "any" else refusal
        if self.verified == "train_and_test" and level == "train":
            return "passes train, not test"
        return self._refusal_of_labels(sample.verdict)

    def _refusal_of_labels(self, verdict: SampleVerdict | None) -> str | None:
        assert verdict is not None
        if not self.allow_nondeterministic and verdict.deterministic is not True:
            return "not deterministic"
        if not self.allow_hardcoded and verdict.hardcoded is not False:
            return "hardcoded"
        return None

    def to_json(self) -> dict[str, Any]:
        """Every filter, for the data card."""
        return asdict(self)


def answer_length(sample: TrainingSample) -> int:
    """Characters of reasoning and program together."""
    return len(sample.reasoning or "") + len(sample.python_code or "")


def is_failure(sample: TrainingSample) -> bool:
    """Whether its program is known to be wrong: by a train pair, or a test pair that is known."""
    verdict = sample.verdict
    return verdict is not None and False in (*verdict.train_passed, *verdict.test_passed)


def fails_train(sample: TrainingSample) -> bool:
    """Whether feedback that keeps test outputs secret has something to say of its program."""
    return sample.verdict is not None and sample.verdict.level == "failed"
