"""Which samples are worth training on, and why the others are not."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from utilities.command_line.options import Options, comma_list, flag, option
from utilities.training_data.samples import SampleVerdict, TrainingSample

Wanted = Literal["train_and_test", "train", "any"]


_filter = partial(option, group="which samples")
_filter_flag = partial(flag, group="which samples")


@dataclass(frozen=True, kw_only=True)
class Filters(Options):
    """What a row's sample must be."""

    verified: Wanted = _filter(
        "what the program must solve; any: also samples that fail or have no program",
        default="train_and_test",
    )
    allow_nondeterministic: bool = _filter_flag("keep programs whose outputs vary")
    allow_hardcoded: bool = _filter_flag("keep programs that hold an output")
    status: tuple[str, ...] = _filter(
        "statuses of samples, comma list (default: ok)", "LIST", parse=comma_list, default=("ok",)
    )
    models: tuple[str, ...] | None = _filter(
        "only samples of these models, comma list", "LIST", parse=comma_list
    )
    min_length: int = _filter(
        "characters of reasoning and program together, at least", "N", default=1
    )
    max_length: int | None = _filter("the same, at most", "N")

    def fault(self) -> str | None:
        """What is wrong with filters that are each right."""
        if self.max_length is not None and self.max_length < self.min_length:
            return "--max_length is less than --min_length"
        return None

    def refusal_before_running(self, sample: TrainingSample) -> str | None:
        """Why a sample is no row, before its program runs; None if that is open."""
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
        """Why the verdict on its program makes a sample no row; None if it is one."""
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
