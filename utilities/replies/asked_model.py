"""A model as agents see it: asked about a task, sample by sample."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from utilities.models.interface import (
    Begun,
    Message,
    Meter,
    ModelClient,
    Reply,
    Sampling,
    Tool,
    recorded,
    sent_text,
    system_in_user,
)
from utilities.models.json_fields import encode_json
from utilities.replies.batches.queue import BatchQueue
from utilities.replies.budget import BudgetMeter, DeadlineMeter
from utilities.replies.journal import request_key
from utilities.replies.replies import ReadBody, Replies, readable_body, shortly
from utilities.tasks.task import Task

_log = logging.getLogger(__name__)

_MOST_CHARACTERS_A_TOKEN = 5
"""On average: prose has 4 to 5 characters a token, grids one or two."""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What keeps a reply's cost within the budget: what is sent, and what that costs at most."""

    sampling: Sampling
    """As the user asked, with a limit on the tokens."""
    usd_of: Callable[[Sequence[Message]], float]


@dataclass(frozen=True, slots=True)
class Turn:
    """What is special about a request of a conversation in which tools are called."""

    number: int = 1
    """Of the reply, from 1 on."""
    tools: Sequence[Tool] = ()
    """What the model may call."""
    results: Sequence[Mapping[str, Any]] = ()
    """What came of the calls before it, to stand in the journal beside the reply."""


class AskedModel:
    """A model as agents see it: `ask` about a task, sample by sample."""

    def __init__(
        self,
        client: ModelClient | None,
        sampling: Sampling,
        replies: Replies,
        *,
        model_identifier: str,
        model: str,
        worst_case: WorstCase | None = None,
        is_free: bool = False,
        min_cached_prompt_tokens: int | None = None,
        batches: BatchQueue | None = None,
        read_body: ReadBody | None = None,
    ) -> None:
        """`model` is `provider:id`; `is_free` if nobody sends a bill.

        `client` is None if `replies` ask nothing, or `batches` take the requests. `worst_case` is
        None if the price is unknown. It does not change a request's key: what was paid for
        without a budget is recalled with one, and the other way round. If a prompt has
        `min_cached_prompt_tokens`, one of the task's samples goes ahead, so that the others find
        it in the provider's cache; None: all go at once. `read_body` reads journalled bodies that
        an earlier version could not read.
        """
        self._client = client
        self._sampling, self._sampling_json = sampling, sampling.to_json()
        self._replies = replies
        self._worst_case = worst_case
        self._is_free = is_free
        self._min_cached_prompt_tokens = min_cached_prompt_tokens
        self._shared_prompts = SharedPrompts()
        self._batches = batches
        self._read_body = read_body
        self.model_identifier = model_identifier
        self.model = model

    def identity(self) -> dict[str, Any]:
        """What a reply depends on besides the prompt and the sample's index."""
        return {
            "model_identifier": self.model_identifier,
            "model": self.model,
            "sampling": self._sampling_json,
        }

    async def ask(
        self,
        task: Task,
        index: int,
        messages: list[Message],
        *,
        key_messages: list[Message] | None = None,
        turn: Turn | None = None,
    ) -> Reply:
        """The reply for one sample, journalled; raises RequestFailed or FatalModelError.

        `key_messages` replace the messages in the request's key, if these may change although
        nothing that matters has. `turn` is given if a conversation may go on. Raises NotAsked if
        the run is stopping or the budget is spent.
        """
        named = messages if key_messages is None else key_messages
        key = self._key(task, index, named, turn)
        about = self._about(task, index, turn)
        if self._sampling.system_as_user:
            messages = system_in_user(messages)
        self._plan(key, messages)
        _log.debug("%s: prompt: %s", shortly(about), recorded(_not_logged_yet(messages, turn)))
        batches = self._batches
        async with self._replies.request(
            key, about, self._read_body, by_batch=batches is not None
        ) as request:
            if request.reply is not None:
                return request.reply
            sampling, meter = self._sent(messages, index, turn)
            self._tell(meter, key, about)
            if batches is not None:
                reply = await batches.complete(key, about, messages, sampling, meter)
            else:
                self._replies.journal.batches.check_is_in_none(key)
                assert self._client is not None, "it is there if anything is asked"
                more = {"tools": turn.tools} if turn is not None and turn.tools else {}
                async with self._shared(messages, turn) as begun:
                    reply = await self._client.complete(messages, sampling, meter, begun, **more)
            request.reply = reply
        return reply

    def results_shown(
        self, task: Task, index: int, key_messages: list[Message], tools: Sequence[Tool]
    ) -> Sequence[Mapping[str, Any]] | None:
        """The tools' results that a request was sent with earlier, if it was paid for.

        None if it is still to be sent; raises NotAsked, or how it failed, if this run will not.
        """
        key = self._key(task, index, key_messages, Turn(tools=tools))
        told = self._replies.journal.told_about(key) or {}
        if isinstance(results := told.get("tool_results"), list):
            return results
        self._replies.check_may_ask(key)
        return None

    def _key(self, task: Task, index: int, named: list[Message], turn: Turn | None) -> str:
        tools = () if turn is None else turn.tools
        return request_key(task, named, self.model, self._sampling_json, index, tools=tools)

    def _about(self, task: Task, index: int, turn: Turn | None) -> dict[str, Any]:
        """What the journal says of a request besides its key."""
        view = {} if task.view is None else {"view": task.view}
        told = {}
        if turn is not None:
            told = {"turn": turn.number, "tool_results": turn.results}
        return {
            "task_id": task.task_id,
            "sample_index": index,
            "model_identifier": self.model_identifier,
            "model": self.model,
            **view,
            **told,
        }

    def _tell(self, meter: Meter, key: str, about: dict[str, Any]) -> None:
        """Tell the meter where what comes of the request is kept."""
        journal = self._replies.journal
        turn = f", turn {about['turn']}" if "turn" in about else ""
        meter.name = f"{about['task_id']}, sample {about['sample_index']}{turn}"
        meter.response_id = journal.response_of(key)
        meter.note_response = partial(journal.note_response, key, about)
        meter.keep = partial(journal.record_body, key, about)

    def _plan(self, key: str, messages: list[Message]) -> None:
        """Count the request if this run only counts."""
        if (plan := self._replies.plan) is not None:
            journal = self._replies.journal
            ordered = journal.batches.batch_of(key) or journal.response_of(key)
            reply = journal.recall(key)
            if reply is None and self._read_body is not None:
                reply = readable_body(journal, key, self._read_body)
            plan.note(messages, reply, is_ordered=ordered is not None)

    def _sent(
        self, messages: list[Message], index: int, turn: Turn | None
    ) -> tuple[Sampling, Meter]:
        """The sampling of a request, and the meter of its attempts."""
        sampling, worst_usd = self._sampling, None
        if self._worst_case is not None:
            read = [*messages, *_tools_as_messages(turn)]
            sampling, worst_usd = self._worst_case.sampling, self._worst_case.usd_of(read)
        budget = self._replies.budget
        meter: Meter = BudgetMeter(budget, worst_usd)
        if self._is_free:
            meter = DeadlineMeter(budget.deadline)
        return sampling.of_sample(index), meter

    def _shared(
        self, messages: list[Message], turn: Turn | None
    ) -> AbstractAsyncContextManager[Begun | None]:
        """Wait for the request's turn if the provider caches a prompt as long as this.

        Its tokens are estimated low. The later turns of a conversation wait for nobody, and have
        what they are sent cached for the next one.
        """
        length = sum(len(sent_text(message)) for message in messages)
        least = self._min_cached_prompt_tokens
        if least is None or length / _MOST_CHARACTERS_A_TOKEN < least:
            return nullcontext()
        if turn is not None and turn.number > 1:
            return nullcontext(_nothing)
        name = tuple((one["role"], str(one["content"])) for one in recorded(messages))
        return self._shared_prompts.turn(name, goes_on=turn is not None)


def _nothing() -> None:
    """No-op callback."""


def _not_logged_yet(messages: list[Message], turn: Turn | None) -> list[Message]:
    """The prompt; in a later turn what has been said to the model since its last reply."""
    if turn is None or turn.number == 1:
        return messages
    last = max(place for place, one in enumerate(messages) if one["role"] == "assistant")
    return messages[last + 1 :]


def _tools_as_messages(turn: Turn | None) -> list[Message]:
    """The tools' definitions, which are a part of the prompt, too."""
    tools = () if turn is None else turn.tools
    return [
        Message(role="system", content=encode_json(one.to_json()).decode("utf-8")) for one in tools
    ]


@dataclass(slots=True)
class _Group:
    members: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)


class SharedPrompts:
    """Holds requests back until the first one with their prompt has brought a first byte.

    A provider's cache has a prompt from the moment that a reply to it begins: requests sent
    before then pay for the whole of it. If the first one fails, the others go.
    """

    def __init__(self) -> None:
        """Nothing is under way yet; a prompt is forgotten with the last request that has it."""
        self._groups: dict[Hashable, _Group] = {}

    @asynccontextmanager
    async def turn(self, name: Hashable, *, goes_on: bool = False) -> AsyncIterator[Begun | None]:
        """Wait for a request's turn with the prompt of this name.

        None if it is alone with it, and no conversation goes on from it.
        """
        group = self._groups.setdefault(name, _Group())
        group.members += 1
        leads = group.members == 1
        try:
            if leads:
                await asyncio.sleep(0)  # the task's other samples come in the same moment
            else:
                await group.begun.wait()
            yield group.begun.set if goes_on or group.members > 1 or not leads else None
        finally:
            group.members -= 1
            if leads:
                group.begun.set()
            if not group.members:
                del self._groups[name]
