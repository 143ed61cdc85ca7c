"""What a run would ask and what that would cost, counted before anything is sent."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from utilities.models.content import images_in, text_of
from utilities.models.interface import Message, Reply, Usage
from utilities.results.result_entry import ResultEntry


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model's requests cost; `worst_usd_of` is None if the price is unknown."""

    model_identifier: str
    max_tokens: int
    """The longest reply, in tokens."""
    cost_of: Callable[[Usage], float | None]
    worst_usd_of: Callable[[Sequence[Message]], float] | None
    image_tokens: Callable[[int, int], int] = lambda _width, _height: 0
    """The tokens of a picture of so many pixels of width and height."""


class RequestPlan:
    """Counts requests instead of making them, and learns from the replies that are there."""

    def __init__(self) -> None:
        """`prices` is set when the model is known; None for an agent that asks none."""
        self.prices: Prices | None = None
        self.agent_without_model: str | None = None
        """The name of an agent that asks no model."""
        self.most_later_requests = 0
        """How many requests more a task may get; its replies decide how many it gets."""
        self.most_asked_again = 0
        """The same for a test input, of what is asked again if its reply cannot be parsed."""
        self.unfinished_test_inputs = 0
        self.most_judge_calls = 0
        """How often a judge may be asked about a task, once it has its samples."""
        self.most_turns = 1
        """How many requests a sample may take, if it is a conversation; the first is counted."""
        self.finished_tasks = 0
        self.unfinished_tasks = 0
        self._to_ask = 0
        self._journalled = 0
        self._ordered = 0
        self._input_tokens = 0
        self._worst_usd = 0.0
        self._known_replies = 0
        self._known_output_tokens = 0
        self._known_input_tokens = 0
        self._known_input_estimate = 0

    def note(
        self, messages: Sequence[Message], journalled: Reply | None, *, is_ordered: bool = False
    ) -> None:
        """Count a request: one to make, or one whose reply is in the journal.

        `is_ordered` if an earlier run's batch holds it, whose reply is still to be collected.
        """
        if journalled is not None:
            self._journalled += 1
            self._learn(messages, journalled.usage.input_tokens, journalled.usage.output_tokens)
            return
        if is_ordered:
            self._ordered += 1
            return
        self._to_ask += 1
        self._input_tokens += self._tokens(messages)
        if self.prices is not None and self.prices.worst_usd_of is not None:
            self._worst_usd += self.prices.worst_usd_of(messages)

    def note_finished(self, entry: ResultEntry) -> None:
        """Count a task with an entry, and learn from its samples."""
        self.finished_tasks += 1
        several = zip(entry.prompt_messages, entry.usage or (), entry.turns, strict=False)
        for messages, usage, turns in several:
            if usage is not None and not turns:  # the usage of turns is of longer prompts, too
                tokens = (int(usage.get(f"{kind}_tokens") or 0) for kind in ("input", "output"))
                self._learn(messages, *tokens)

    def _learn(self, messages: Sequence[Message], input_tokens: int, output_tokens: int) -> None:
        if not output_tokens:
            return
        self._known_replies += 1
        self._known_output_tokens += output_tokens
        if input_tokens:
            self._known_input_tokens += input_tokens
            self._known_input_estimate += self._tokens(messages)

    def _tokens(self, messages: Sequence[Message]) -> int:
        contents = [message["content"] for message in messages]
        tokens = sum(estimated_tokens(text_of(content)) for content in contents)
        if (prices := self.prices) is not None:
            images = (image for content in contents for image in images_in(content))
            tokens += sum(prices.image_tokens(image["width"], image["height"]) for image in images)
        return tokens

    def summary(self, script: str, max_cost_usd: float | None) -> list[str]:
        """The lines of the dry run's summary."""
        tasks = f"{self.unfinished_tasks} to do, {self.finished_tasks} finished by earlier runs"
        rows = {"tasks": tasks, **self._request_rows(max_cost_usd)}
        rest = [f"  {name:10}{text}" for name, text in rows.items()]
        return [f"{script}: dry run, nothing sent and nothing written", *rest]

    def _request_rows(self, max_cost_usd: float | None) -> dict[str, str]:
        prices = self.prices
        if prices is None:
            return {"requests": f"none: {self.agent_without_model} asks no model", "cost": "$0"}
        requests = f"{self._to_ask:,} to make, {self._journalled:,} answered in the journal"
        later = self._later_row(prices)
        if self._ordered:
            requests += f", {self._ordered:,} in batches of earlier runs (--batch collects them)"
        if not self._to_ask:
            return {"requests": requests, "cost": "$0", **later}
        scale, by = 1.0, "estimated from the prompts' words, digits and signs"
        if self._known_input_estimate:
            scale = self._known_input_tokens / self._known_input_estimate
            by += f", times {scale:.2f} by earlier replies"
        input_tokens = round(self._input_tokens * scale)
        most = f"at most {self._to_ask * prices.max_tokens:,} ({prices.max_tokens:,} a reply)"
        output_tokens = None
        if self._known_replies:
            mean = self._known_output_tokens / self._known_replies
            output_tokens = round(mean * self._to_ask)
            most = f"about {output_tokens:,} (the mean of {self._known_replies:,} replies), {most}"
        return {
            "requests": requests,
            "input": f"about {input_tokens:,} tokens ({by})",
            "output": most,
            "cost": self._cost(prices, input_tokens, output_tokens, max_cost_usd),
            **later,
        }

    def _later_row(self, prices: Prices) -> dict[str, str]:
        """The rows about requests that the other rows do not count."""
        name, count = "refine", self.most_later_requests * self.unfinished_tasks
        if self.most_asked_again:
            name, count = "again", self.most_asked_again * self.unfinished_test_inputs
        rows = {}
        if calls := self.most_judge_calls * self.unfinished_tasks:
            rows["judge"] = f"not counted here: at most {calls:,} calls, which the answers decide"
        if self.most_turns > 1:
            more = f"up to {self.most_turns - 1:,} further replies of each sample"
            rows["turns"] = f"not counted here: {more}, each to a longer prompt"
        if count:
            tokens = f"{count * prices.max_tokens:,} tokens of output"
            rows[name] = (
                f"not counted here: at most {count:,} requests more, {tokens}, which the replies "
                "decide"
            )
        return rows

    def _cost(
        self,
        prices: Prices,
        input_tokens: int,
        output_tokens: int | None,
        max_cost_usd: float | None,
    ) -> str:
        if prices.worst_usd_of is None:
            name = prices.model_identifier
            return f"unknown: {name} has no list price; give --price IN,OUT (USD a million tokens)"
        text = f"at most ${self._worst_usd:,.2f}, without retries"
        # By the mean request: some prices depend on a request's length.
        usage = Usage(
            input_tokens=round(input_tokens / self._to_ask),
            output_tokens=round((output_tokens or 0) / self._to_ask),
        )
        expected = prices.cost_of(usage)
        if expected is not None and output_tokens is not None:
            text = f"about ${expected * self._to_ask:,.2f}, {text}"
        else:
            text += "; no reply is there yet to expect a length from"
        if max_cost_usd is not None and max_cost_usd < self._worst_usd:
            text += f"; --max_cost_usd {max_cost_usd:g} may stop it before"
        return text


_PIECES = re.compile(r" ?[^\W\d_]+|\d{1,3}|\s+(?=\S)|[^\w\s]+|_+|\s+$")
_LETTERS_A_TOKEN = 8


def estimated_tokens(text: str) -> int:
    """Counts words (long ones as several), groups of up to three digits, signs and spaces.

    Byte pair encodings split text in about this way: a grid of spaced digits has a token for each
    digit and each space, prose one for four or five characters.
    """
    return sum(
        1 + len(piece) // _LETTERS_A_TOKEN if piece[-1].isalpha() else 1
        for piece in _PIECES.findall(text)
    )
