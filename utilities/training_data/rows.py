"""The rows of each format, every one with its provenance; a new format is one function here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from utilities.files.hashing import hash_of
from utilities.training_data.conversations import conversation, lacks_conversation, tools_of
from utilities.training_data.prompts import (
    REPAIR_PROMPT_HASH,
    Message,
    answer_message,
    repair_prompt,
    standard_prompt,
)
from utilities.training_data.row_parts import Parts, Row, as_json
from utilities.training_data.samples import TrainingSample

Columns = Literal["rows", "soar"]
_AS_TRANSFORM = "def transform(grid):\n    return solve_task(grid)\n"
"""The name that SOAR's programs have."""
_SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}


@dataclass(frozen=True, slots=True)
class RowFormat:
    """A format of rows; `FORMATS` has each under its name."""

    description: str
    """What a row is, in one line."""
    make: Callable[..., Row]
    """Makes a row of the parts of a sample; of two, a verified and a failed one, if `is_paired`."""
    serves_as_failed: Callable[[TrainingSample], bool] | None = None
    """Whether a sample may be the failed one of a pair; None if verified ones alone become rows."""
    takes_each: bool = False
    """Whether the failed samples, too, become rows, each of its own."""
    columns: Columns | None = None
    """Which columns the rows have in Parquet files in a folder; None if they become lines of one
    file."""
    needs: Literal["program", "grids", "turns"] | None = None
    """What a sample must have to become a row."""
    has_messages: bool = True
    """Whether answers are messages with fields, else texts."""
    llama_factory: Mapping[str, Any] | None = None
    """How LLaMA-Factory's `dataset_info.json` describes such rows, if it can read them."""

    @property
    def is_paired(self) -> bool:
        """Whether a row is made of a verified and a failed sample of the same task."""
        return self.serves_as_failed is not None and not self.takes_each

    @property
    def is_folder(self) -> bool:
        """Whether the rows become Parquet files in a folder."""
        return self.columns is not None

    def lacks(self, sample: TrainingSample) -> str | None:
        """What a sample does not have and must have to become a row."""
        if self.needs == "turns":
            return lacks_conversation(sample)
        if self.needs == "program" and sample.python_code is None:
            return "no program"
        return "no grids" if self.needs == "grids" and not sample.answers else None


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


@row_format("messages", "`messages` for chat fine-tuning: question, then reasoning and program")
def _messages(parts: Parts) -> Row:
    return {"messages": parts.messages, "provenance": parts.provenance}


@row_format(
    "tool_calls",
    "`messages` and `tools`: a conversation with calls and their results, for chat templates",
    needs="turns",
)
def _tool_calls(parts: Parts) -> Row:
    """TRL's form: what a call is given is an object."""
    return {**_conversation(parts, as_objects=True), "provenance": parts.provenance}


@row_format(
    "openai_tool_calls",
    "the same for OpenAI: arguments as text, and nothing else",
    needs="turns",
    has_messages=False,
)
def _openai_tool_calls(parts: Parts) -> Row:
    """OpenAI's messages of tools have no name, and it refuses an empty list of tools."""
    row = _conversation(parts, as_objects=False)
    for message in row["messages"]:
        if message["role"] == "tool":
            del message["name"]
    if not row["tools"]:
        return {"messages": row["messages"]}
    return {**row, "parallel_tool_calls": True}


def _conversation(parts: Parts, *, as_objects: bool) -> Row:
    said = conversation(
        parts.sample,
        parts.answer_to(parts.prompt_of_turns),
        as_objects=as_objects,
        thinking_field=parts.thinking_field,
    )
    return {"messages": [*parts.prompt_of_turns, *said], "tools": tools_of(parts.sample)}


@row_format(
    "grids",
    "`messages` whose answer is the output grids and nothing else",
    needs="grids",
)
def _grids(parts: Parts) -> Row:
    bare = replace(parts.sample, reasoning=None, thinking=None)
    answered = answer_message(bare, parts.prompt, thinking_field=False)
    return {"messages": [*parts.prompt, answered], "provenance": parts.provenance}


@row_format(
    "sharegpt",
    "`messages` as `conversations`",
    has_messages=False,
    llama_factory={"formatting": "sharegpt", "columns": {"messages": "conversations"}},
)
def _sharegpt(parts: Parts) -> Row:
    return {"conversations": list(map(_turn, parts.messages)), "provenance": parts.provenance}


def _turn(message: Message) -> Row:
    role = message["role"]
    return {"from": _SHAREGPT_ROLES.get(role, role), "value": message["content"]}


@row_format("prompt_completion", "`messages` as `prompt` and `completion`, two lists")
def _prompt_completion(parts: Parts) -> Row:
    return {
        "prompt": parts.prompt,
        "completion": [parts.answer_to(parts.prompt)],
        "provenance": parts.provenance,
    }


@row_format("prompt_completion_text", "the same as two texts", has_messages=False)
def _prompt_completion_text(parts: Parts) -> Row:
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
    "kto",
    "`prompt`, `completion` and `label`: a verified sample, or a failed one by itself",
    serves_as_failed=is_failure,
    takes_each=True,
)
def _kto(parts: Parts) -> Row:
    """TRL's unpaired preference, conversational."""
    row = _prompt_completion(parts)
    return {**row, "label": not is_failure(parts.sample)}


@row_format(
    "preference",
    "`prompt`, `chosen`, `rejected`: a verified and a failed sample of one task",
    serves_as_failed=is_failure,
)
def _preference(right: Parts, wrong: Parts) -> Row:
    """TRL's conversational form."""
    prompt, prompt_hash = right.prompt, right.provenance["prompt_hash"]
    if wrong.prompt != prompt:
        prompt, prompt_hash = standard_prompt(right.sample)
    chosen, rejected = ([parts.answer_to(prompt)] for parts in (right, wrong))
    provenance, of_rejected = (
        parts.provenance_with(prompt, prompt_hash) for parts in (right, wrong)
    )
    return {
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "provenance": {**provenance, "rejected": of_rejected},
    }


@row_format(
    "sharegpt_preference",
    "the same for LLaMA-Factory: `conversations`, with `chosen` and `rejected` as turns",
    serves_as_failed=is_failure,
    has_messages=False,
    llama_factory={
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    },
)
def _sharegpt_preference(right: Parts, wrong: Parts) -> Row:
    row = _preference(right, wrong)
    return {
        "conversations": list(map(_turn, row["prompt"])),
        "chosen": _turn(row["chosen"][0]),
        "rejected": _turn(row["rejected"][0]),
        "provenance": row["provenance"],
    }


@row_format(
    "openai_preference",
    "the same for OpenAI: `input`, `preferred_output`, `non_preferred_output`, and nothing else",
    serves_as_failed=is_failure,
    has_messages=False,
)
def _openai_preference(right: Parts, wrong: Parts) -> Row:
    row = _preference(right, wrong)
    return {
        "input": {"messages": row["prompt"], "tools": [], "parallel_tool_calls": True},
        "preferred_output": row["chosen"],
        "non_preferred_output": row["rejected"],
    }


def fails_train(sample: TrainingSample) -> bool:
    """Whether its program fails a train pair, of which feedback may speak."""
    return sample.level == "failed" and sample.python_code is not None


@row_format(
    "repair",
    "`messages`: a failed program and the feedback on it, then a verified program",
    serves_as_failed=fails_train,
)
def _repair(right: Parts, wrong: Parts) -> Row:
    failed = wrong.sample
    assert failed.verdict is not None
    prompt = repair_prompt(failed.task, failed.python_code or "", failed.verdict)
    provenance = right.provenance_with(prompt, REPAIR_PROMPT_HASH)
    return {
        "messages": [*prompt, right.answer_to(prompt)],
        "provenance": {**provenance, "failed": wrong.provenance},
    }


@row_format(
    "parquet",
    "rows as in `messages`, in columns, in a folder for `datasets.load_dataset`",
    columns="rows",
)
def _parquet(parts: Parts) -> Row:
    has_turns = lacks_conversation(parts.sample) is None
    whole = _conversation(parts, as_objects=False) if has_turns else {"messages": [], "tools": []}
    return {
        "messages": parts.messages,
        "conversation": whole["messages"],
        "tools": as_json(whole["tools"]),
        # Trainers would take columns `prompt` and `completion` in place of the messages.
        "prompt_text": _joined(parts.prompt),
        "answer_text": parts.answer,
        "reasoning": parts.sample.reasoning or "",
        "thinking": parts.sample.thinking or "",
        "python_code": parts.sample.python_code or "",
        "task_data": as_json(parts.sample.task.to_json()),
        **parts.provenance,
    }


@row_format(
    "soar",
    "programs with their outputs in the columns of SOAR's data sets, in such a folder",
    has_messages=False,
    columns="soar",
    needs="program",
)
def _soar(parts: Parts) -> Row:
    sample, verdict = parts.sample, parts.sample.verdict
    named = [sample.task_hash, sample.run_id, sample.sample_index, sample.python_code]
    return {
        "row_id": hash_of(named)[:32],
        "task_id": sample.task.task_id,
        "reasoning": sample.reasoning or "",
        "code": f"{(sample.python_code or '').rstrip()}\n\n\n{_AS_TRANSFORM}",
        "correct_train_input": list(verdict.train_passed if verdict else ()),
        "correct_test_input": list(map(bool, verdict.test_passed if verdict else ())),
        "predicted_train_output": list(verdict.train_outputs if verdict else ()),
        "predicted_test_output": list(verdict.test_outputs if verdict else ()),
        "model": sample.model or "",
        "is_transductive": bool(verdict and verdict.hardcoded),
        "refined_from_id": None,
        "compound_inspiration_id": None,
    }


def _joined(prompt: list[Message]) -> str:
    return "\n\n".join(message["content"] for message in prompt)
