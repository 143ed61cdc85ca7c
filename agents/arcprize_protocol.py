"""ARC Prize's own way to ask (`--protocol arcprize`): prompt, grids, and how replies are read.

As github.com/arcprize/arc-agi-benchmarking asks at COMMIT: one user message for each test input
and attempt, which shows all train pairs and this one test input. Its words are read from a
checkout, since they are not ours to carry; without one a text of our own stands in.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from agents.base import status_of
from agents.reply_parsing import extract_reasoning, extract_thinking
from agents.strategies.strategy import side_by_side
from utilities.errors import ASK_AGAIN, RequestFailed, UsageError
from utilities.files.hashing import KEY_DIGITS
from utilities.models.interface import Message
from utilities.replies.asked_model import AskedModel
from utilities.results.entry import Sample
from utilities.tasks.grids import check_grid
from utilities.tasks.harness_answers import rows_of_answer
from utilities.tasks.task import Grid, Task

COMMIT = "28e67d5"
REPOSITORY = "arcprize/arc-agi-benchmarking"
ATTEMPTS = 2
"""For each test input, asked for independently."""
MOST_REQUESTS = 2
"""For each attempt: what cannot be parsed is asked again so often in all."""
OFFICIAL_PROMPT_SHA256 = "065e42f724bcfe3a735ded38d92b34a6a942604e653a0584cc08b1de9bdf70cc"
PROMPT_IN_CHECKOUT = Path("src", "arc_agi_benchmarking", "prompts", "system_prompt.txt")
OWN_PROMPT = Path(__file__).with_name("prompts") / "arcprize.md"
READING_VERSION = 1
"""Counts up if replies are read otherwise than before: entries are then made anew, for nothing."""
DIFFERENCES = (
    "requests are made side by side, not one after the other",
    "requests without a reply are repeated by this toolkit's rules, and none counts as asked",
    "every reply is paid for and counted, also one that cannot be parsed",
)
"""In what a run differs from one of the harness, apart from the prompt's words."""

PromptOrigin = Literal["official", "own", "other"]


@dataclass(frozen=True, slots=True)
class ProtocolPrompt:
    """The text of the one message, with `{training_examples}` and `{test_input}` in it."""

    template: str
    sha256: str
    origin: PromptOrigin
    """Whether the words are COMMIT's, this toolkit's, or another version's."""

    @classmethod
    def read(cls, checkout: Path | None) -> "ProtocolPrompt":
        """The checkout's prompt; without a checkout our own.

        Raises UsageError if it has none, or one that cannot be filled in.
        """
        path = OWN_PROMPT if checkout is None else checkout / PROMPT_IN_CHECKOUT
        try:
            template = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise UsageError(
                f"--protocol_directory {checkout}: cannot read {PROMPT_IN_CHECKOUT} in it: "
                f"{reason}; give a checkout of https://github.com/{REPOSITORY}"
            ) from error
        sha256 = hashlib.sha256(template.encode()).hexdigest()
        origin: PromptOrigin = "official" if sha256 == OFFICIAL_PROMPT_SHA256 else "other"
        prompt = cls(template, sha256, "own" if checkout is None else origin)
        prompt._check(path)
        return prompt

    def _check(self, path: Path) -> None:
        marks = "\x00examples\x00", "\x00input\x00"
        try:
            filled = self._filled(*marks)
        except (LookupError, ValueError, AttributeError) as error:
            raise UsageError(
                f"--protocol_directory: {path} cannot be filled in: {error}"
            ) from error
        if not all(mark in filled for mark in marks):
            raise UsageError(
                f"--protocol_directory: {path} lacks {{training_examples}} or {{test_input}}"
            )

    def _filled(self, training_examples: str, test_input: str) -> str:
        return self.template.format(training_examples=training_examples, test_input=test_input)

    def of(self, task: Task, place: int) -> str:
        """The message about the test input at this place; bytes as the harness makes them."""
        examples = "".join(
            f"--Example {number}-- \n\n INPUT: \n\n{json.dumps(pair.input)}\n\n"
            f"OUTPUT: \n\n{json.dumps(pair.output)}\n\n"
            for number, pair in enumerate(task.train)
        )
        return self._filled(examples, json.dumps(task.test[place].input))

    def to_json(self) -> dict[str, Any]:
        """What a run's metadata says of the protocol."""
        return {
            "name": "arcprize",
            "repository": REPOSITORY,
            "commit": COMMIT,
            "prompt": self.origin,
            "prompt_sha256": self.sha256,
            "differs": self.differences(),
        }

    def differences(self) -> list[str]:
        """In what a run differs from one of the harness, a line each."""
        if self.origin == "official":
            return list(DIFFERENCES)
        words = f"are another version's ({self.sha256[:KEY_DIGITS]})"
        if self.origin == "own":
            words = "are this toolkit's own: --protocol_directory takes theirs"
        return [f"the prompt's words {words}", *DIFFERENCES]

    def lines(self) -> list[str]:
        """What a run's summary says of the protocol."""
        words = {"official": "its prompt", "own": "a prompt of our own", "other": "another prompt"}
        told = f"protocol  arcprize: as {REPOSITORY} {COMMIT} asks, with {words[self.origin]}"
        return [told, *(f"differs   {line}" for line in self.differences())]


@dataclass(frozen=True, slots=True)
class AskedTask:
    """All samples of a task, one a request, and which of them the attempts are."""

    samples: Sequence[Sample]
    attempts: Sequence[Sequence[int]]
    """For each test input the samples of attempt 1 and attempt 2, by index."""

    def grids(self) -> list[list[Grid | None]]:
        """For each test input its attempts; None for an answer that is no valid grid."""
        return [
            [None if (given := self.samples[at].answers) is None else given[place] for at in pair]
            for place, pair in enumerate(self.attempts)
        ]


class ArcPrizeAgent:
    """Asks a model as ARC Prize's harness does; a sample is one request about one test input."""

    needs_model: ClassVar[bool] = True

    def __init__(self, model: AskedModel, prompt: ProtocolPrompt) -> None:
        """`model` journals each reply before it is read."""
        self._model, self._prompt = model, prompt

    def identity(self) -> dict[str, Any]:
        """The protocol, the prompt, how replies are read, and the model."""
        return {
            "agent": type(self).__name__,
            "protocol": f"arcprize {COMMIT}",
            "prompt": self._prompt.origin,
            "prompt_hash": self._prompt.sha256[:KEY_DIGITS],
            "parser_hash": f"arcprize {READING_VERSION}",
            **self._model.identity(),
        }

    async def sample(self, task: Task, index: int) -> Sample:
        """One of a task's first requests; each test input has as many in a row as attempts."""
        return await self._ask(task, index, index // ATTEMPTS)

    async def all_samples(self, task: Task) -> AskedTask:
        """Both attempts at every test input; what cannot be parsed is asked again.

        That begins when every first request has its reply, so that it depends on replies alone:
        a killed run goes on with the same requests. Raises FatalModelError as agents do.
        """
        first = (self.sample(task, index) for index in range(len(task.test) * ATTEMPTS))
        samples = await side_by_side(first)
        answering = list(range(len(samples)))
        """For each attempt the sample that it is, so far."""
        for _ in range(MOST_REQUESTS - 1):
            if any(sample.status in ASK_AGAIN for sample in samples):
                break
            left = [slot for slot, index in enumerate(answering) if _is_unparsed(samples[index])]
            again = (
                self._ask(task, index, slot // ATTEMPTS)
                for index, slot in enumerate(left, start=len(samples))
            )
            for slot, sample in zip(left, await side_by_side(again), strict=True):
                answering[slot] = sample.index
                samples.append(sample)
        return AskedTask(
            samples,
            [answering[at : at + ATTEMPTS] for at in range(0, len(answering), ATTEMPTS)],
        )

    async def _ask(self, task: Task, index: int, place: int) -> Sample:
        """One request about the test input at this place."""
        messages: list[Message] = [{"role": "user", "content": self._prompt.of(task, place)}]
        about: dict[str, Any] = {"task_id": task.task_id, "index": index}
        about |= {"prompt_messages": messages, "test_input": place}
        try:
            reply = await self._model.ask(task, index, messages)
        except RequestFailed as error:
            failed = error.failed_attempts
            return Sample(**about, status=error.status, error=str(error), failed_attempts=failed)
        rows = rows_of_answer(reply.text)
        grid = None if rows is None or check_grid(rows) else rows
        answers = tuple(grid if at == place else None for at in range(len(task.test)))
        return Sample(
            **about,
            status=status_of(reply, usable=grid is not None, otherwise="unparsable"),
            reasoning=extract_reasoning(reply.text, reply.reasoning),
            thinking=extract_thinking(reply.text, reply.reasoning),
            answers=None if grid is None else answers,
            reply=reply,
        )


def _is_unparsed(sample: Sample) -> bool:
    """Whether the harness would ask again; rows that are no valid grid are an answer to it."""
    return sample.reply is not None and rows_of_answer(sample.reply.text) is None
