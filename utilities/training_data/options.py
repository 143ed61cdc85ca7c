"""The options of `export_training_data.py`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from utilities.command_line.options import (
    Options,
    argument,
    flag,
    option,
    part,
    unsafe_no_seccomp_flag,
)
from utilities.command_line.words import comma_list, is_one_of
from utilities.training_data.rows import FORMATS, RowFormat
from utilities.training_data.samples import SampleVerdict, TrainingSample
from utilities.training_data.selection import WHOLE, Deduplication, Shares, parse_shares
from utilities.verification.verifier import VerifierSettings
from utilities.views.changes import KINDS, Kind, kinds_in

_filter = partial(option, group="which samples")
_filter_flag = partial(flag, group="which samples")
_row = partial(option, group="rows")
_publish = partial(option, group="publishing")


@dataclass(frozen=True, kw_only=True)
class Filters(Options):
    """Which samples become rows."""

    verified: Literal["train_and_test", "train", "any"] = _filter(
        "what the program must solve (an answer of grids: the test); any: failed samples and those "
        "without a program too",
        default="train_and_test",
    )
    allow_nondeterministic: bool = _filter_flag("keep programs whose outputs vary from run to run")
    allow_hardcoded: bool = _filter_flag("keep programs whose source holds an output")
    generalising: bool = _filter_flag(
        "only programs that hold on fresh pairs, as verify_generated_code.py --fresh_pairs found"
    )
    min_followed: float | None = _filter(
        "only samples whose reasoning led at least this share of its followers to the right output "
        "(0.5; 1: all), as verify_reasoning.py found",
        "SHARE",
    )
    min_fresh_passed: float | None = _filter(
        "only programs right on at least this share of their fresh pairs, 0-1", "SHARE"
    )
    min_confidence: float | None = _filter(
        "only samples that state at least this confidence, 0-1", "C"
    )
    agent_verdict: Literal["found", "guess"] | None = _filter(
        "only samples of which their agent claims this (the embedded agent does)"
    )
    rule_form: Literal["idea", "table", "layers", "any"] = _filter(
        "what the reasoning tells; idea: samples that are said to tell a table of cases, or layers "
        "of pictures, are left out (the embedded agent says so); any: all samples",
        default="idea",
    )
    status: tuple[str, ...] = _filter(
        "statuses of samples, comma list (default: ok)", "LIST", parse=comma_list, default=("ok",)
    )
    models: tuple[str, ...] | None = _filter(
        "only samples of these models, comma list", "LIST", parse=comma_list
    )
    min_length: int = _filter("fewest characters of reasoning and program together", "N", default=1)
    max_length: int | None = _filter("most characters of both", "N")

    def fault(self) -> str | None:
        """What is wrong with the filters together."""
        if self.max_length is not None and self.max_length < self.min_length:
            return "--max_length is less than --min_length"
        for name in ("min_followed", "min_fresh_passed", "min_confidence"):
            if (least := getattr(self, name)) is not None and least > 1:
                return f"--{name} {least:g} is no share: give one over 0, up to 1"
        return None

    def refusal_before_running(self, sample: TrainingSample) -> str | None:
        """Why a sample is no row, whatever its program does; None if it may be one."""
        if (refusal := self._refusal_of_author(sample)) is not None:
            return refusal
        if sample.python_code is None and sample.answers is None and self.verified != "any":
            return "no program"
        if sample.length < self.min_length:
            too_short = f"shorter than {self.min_length}"
            return too_short if sample.length else "neither program nor reasoning"
        if self.max_length is not None and sample.length > self.max_length:
            return f"longer than {self.max_length}"
        return None

    def _refusal_of_author(self, sample: TrainingSample) -> str | None:
        if sample.status not in self.status:
            return f"status {sample.status}"
        if self.models is not None and sample.model not in self.models:
            return "of another model"
        if self.min_confidence is not None and (sample.confidence or 0) < self.min_confidence:
            known = sample.confidence is not None
            return f"confidence below {self.min_confidence:g}" if known else "no confidence stated"
        if self.agent_verdict not in (None, sample.agent_verdict):
            return f"not called {self.agent_verdict}"
        if self.rule_form not in ("any", sample.rule_form or "idea"):
            return f"rule_form {sample.rule_form or 'not said'}"
        return None

    def refusal_of_verdict(self, sample: TrainingSample) -> str | None:
        """Why verdicts on its program, or on its reasoning, make a sample no row; else None."""
        return self._refusal_of_program(sample) or self._refusal_of_followers(sample)

    def _refusal_of_followers(self, sample: TrainingSample) -> str | None:
        if self.min_followed is None or sample.augmentation is not None:
            return None
        if sample.followed is None:
            return "reasoning that nobody followed"
        return None if sample.followed >= self.min_followed else "reasoning that led too few there"

    def _refusal_of_program(self, sample: TrainingSample) -> str | None:
        level = sample.level
        if level in ("unverified", "failed"):
            fails = "fails train" if sample.answers is None else "fails test"
            refusal = "not verified" if level == "unverified" else fails
            return None if self.verified == "any" else refusal
        if level == "test":
            return None
        if self.verified == "train_and_test" and level == "train":
            return "passes train, not test"
        if self.generalising and sample.generalises is not True:
            known = sample.generalises is not None
            return "fails fresh pairs" if known else "not judged on enough fresh pairs"
        if self.min_fresh_passed is not None and (sample.fresh_passed or 0) < self.min_fresh_passed:
            known = sample.fresh_passed is not None
            least = f"{self.min_fresh_passed:g}"
            return f"under {least} of its fresh pairs" if known else "not run on fresh pairs"
        return self._refusal_of_labels(sample.verdict)

    def _refusal_of_labels(self, verdict: SampleVerdict | None) -> str | None:
        assert verdict is not None
        if not self.allow_nondeterministic and verdict.deterministic is not True:
            return "not deterministic"
        if not self.allow_hardcoded and verdict.hardcoded is not False:
            return "hardcoded"
        return None


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files: .jsonl, or the older .json, also gzipped (.gz)", "RESULTS", default=()
    )
    from_dataset: str | None = option(
        "instead of RESULTS, tasks: a dataset's name, or the path of a file or folder; each train "
        "pair in turn is the test, and its output the answer",
        "DATASET",
    )
    format: str = option("what a row is, as above", "FORMAT", choices=tuple(FORMATS), required=True)
    output: Path = option("the file to write; for parquet a folder", "PATH", required=True)
    filters: Filters = part(Filters)
    evaluation_tasks: Literal["leave_out", "refuse", "allow"] = _filter(
        "what becomes of tasks of ARC-AGI's evaluation sets, found by content: left out and "
        "named, refused with an error, or rows like others",
        default="leave_out",
    )
    verify_again: bool = _filter_flag(
        "run every program; without it, only those whose verdict or labels RESULTS does not tell",
    )
    unsafe_no_seccomp: bool = unsafe_no_seccomp_flag(group="which samples")
    deduplicate: Deduplication = _row(
        "which programs of a task count as the same: equal ones, or also those with equal outputs",
        default="program",
    )
    max_per_task: int | None = _row(
        "most rows of a task; its turned and recoloured copies count with it", "N"
    )
    prompt: Literal["recorded", "standard"] = _row(
        "the prompt of a row: what the model was sent, if known, or one question for all",
        default="recorded",
    )
    reasoning: Literal["visible", "thinking", "both", "none"] = _row(
        "what stands before the program: what the answer says, what the model thought before it "
        "(as far as the results tell it apart), both, or nothing",
        default="visible",
    )
    thinking_format: Literal["field", "tags"] | None = _row(
        "where thinking goes: into `reasoning_content` of the message, or between <think> and "
        "</think> in the text (default: field, in rows without messages tags)",
    )
    split: Shares = _row(
        "parts and their shares of the tasks, each with one at least: train=0.9,validation=0.1 "
        "(default: one part)",
        "SHARES",
        parse=parse_shares,
        default=WHOLE,
    )
    augment: int = _row(
        "add N changed versions of each row, with wrapped programs that are verified",
        "N",
        default=0,
    )
    augment_with: tuple[Kind, ...] = _row(
        f"what the versions change, comma list of {', '.join(KINDS)} (default: all)",
        "LIST",
        parse=kinds_in,
        default=KINDS,
    )
    licence: str | None = _publish(
        "the licence that the card names, by the Hub's name for it (default: apache-2.0 if no "
        "model wrote anything, else other)",
        "NAME",
    )
    push_to: str | None = _publish(
        "a data set on Hugging Face's Hub, OWNER/NAME: say what would be pushed", "REPO"
    )
    push: Literal["new", "update"] | None = _publish(
        "push it: into a new repository, or as one commit to the one that is there; needs a token "
        "(HF_TOKEN)",
    )
    public: bool = flag("a new repository that everybody can see", group="publishing")
    seed: int = _row("the seed of splits and versions", "N", parse=int, default=0)

    @property
    def row_format(self) -> RowFormat:
        """The format of the rows."""
        return FORMATS[self.format]

    @property
    def keeps_thinking(self) -> bool:
        """Whether rows have the thinking, too."""
        return self.reasoning in {"thinking", "both"}

    @property
    def has_thinking_field(self) -> bool:
        """Whether messages have a field for the thinking."""
        in_field = self.thinking_format in {None, "field"} and self.row_format.has_messages
        return self.keeps_thinking and in_field

    @property
    def tasks(self) -> dict[str, Any]:
        """What `open_tasks` needs for --from_dataset."""
        path = Path(self.from_dataset or "")
        if path.exists():
            return {"dataset_directory": path}
        return {"dataset": self.from_dataset}

    @property
    def settings(self) -> VerifierSettings:
        """How programs are run."""
        return VerifierSettings(unsafe_no_seccomp=self.unsafe_no_seccomp)

    @property
    def is_split(self) -> bool:
        """Whether the rows go to several parts."""
        return self.split != WHOLE

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        paired, folder = self.row_format.is_paired, self.row_format.is_folder
        is_file = self.output.is_file() or self.output.suffix == ".parquet"
        if bool(self.results) == (self.from_dataset is not None):
            return "give either RESULTS or --from_dataset DATASET"
        faults = {
            f"--from_dataset has answers of grids; --format {self.format} needs programs": (
                self.from_dataset is not None and (paired or self.row_format.needs == "program")
            ),
            f"--augment does not go with --format {self.format}": (
                (paired or self.row_format.needs == "turns") and self.augment
            ),
            f"--format {self.format} needs verified samples: leave --verified any out": (
                paired and self.filters.verified == "any"
            ),
            f"--thinking_format field does not go with --format {self.format}, which has no "
            "messages: tags do": (
                self.thinking_format == "field" and not self.row_format.has_messages
            ),
            "--push and --public need --push_to OWNER/NAME": (
                self.push_to is None and (self.push is not None or self.public)
            ),
            "--public is for a new repository: give --push new": (
                self.public and self.push == "update"
            ),
            "--output is one of RESULTS": is_one_of(self.output, self.results),
            f"--output names a file; --format {self.format} writes a folder": folder and is_file,
        }
        return next((fault for fault, is_so in faults.items() if is_so), None)
