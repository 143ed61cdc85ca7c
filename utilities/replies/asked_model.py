"""A model as agents see it: asked about a task, sample by sample."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utilities.models.interface import FREE, Message, ModelClient, Reply, Sampling
from utilities.replies.budget import Meter
from utilities.replies.journal import request_key
from utilities.replies.replies import Replies
from utilities.replies.shared_prompts import SharedPrompts
from utilities.tasks.task import Task

if TYPE_CHECKING:
    from utilities.replies.batches.queue import BatchQueue


_log = logging.getLogger(__name__)

_MOST_CHARACTERS_A_TOKEN = 5
"""On the average: prose has 4 to 5 characters a token, grids one or two."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What keeps a reply's cost within the budget: what is sent, and what that costs at worst."""

    sampling: Sampling
    """As the user asked, with a limit on the tokens."""
    worst_usd_of: Callable[[Sequence[Message]], float]


class AskedModel:
    """A model as agents see it: `ask` about a task, sample by sample."""

    def __init__(
        self,
        client: ModelClient,
        sampling: Sampling,
        replies: Replies,
        *,
        model_identifier: str,
        model: str,
        bound: Bound | None = None,
        is_free: bool = False,
        min_cached_prompt_tokens: int | None = None,
        batches: BatchQueue | None = None,
    ) -> None:
        """`model` is `provider:id`; `is_free` where nobody sends a bill. With `batches` the
        requests go through these.

        `bound` is None where the price is unknown. It does not change a request's key: what was
        paid for without a budget is recalled with one, and the other way round. Of a task's
        samples one goes ahead where the prompt has `min_cached_prompt_tokens`, so that the others
        find it in the provider's cache; None: all go at once.
        """
        self._client = client
        self._sampling, self._sampling_json = sampling, sampling.to_json()
        self._replies = replies
        self._bound = bound
        self._is_free = is_free
        self._min_cached_prompt_tokens = min_cached_prompt_tokens
        self._shared_prompts = SharedPrompts()
        self._batches = batches
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
        known_by: list[Message] | None = None,
    ) -> Reply:
        """The reply for one sample; raises as Replies.obtain does.

        `known_by` stands for the messages in the request's key, where they may come out otherwise
        although nothing that matters has changed.
        """
        named = messages if known_by is None else known_by
        key = request_key(task, named, self.model, self._sampling_json, index)
        about = {
            "task_id": task.task_id,
            "sample_index": index,
            "model_identifier": self.model_identifier,
            "model": self.model,
        }
        if self._replies.plan is not None:
            journal = self._replies.journal
            ordered = journal.batches.batch_of(key) is not None
            self._replies.plan.note(messages, journal.recall(key), is_ordered=ordered)
        _log.debug("%s: prompt: %s", about, messages)
        return await self._replies.obtain(
            key,
            lambda: self._ask(key, about, messages, index),
            about,
            journals=self._batches is not None,
        )

    async def _ask(
        self, key: str, about: Mapping[str, Any], messages: list[Message], index: int
    ) -> Reply:
        sent, worst_usd, bound = self._sampling, None, self._bound
        if bound is not None:
            sent, worst_usd = bound.sampling, bound.worst_usd_of(messages)
        sent = sent.of_sample(index)
        meter = FREE if self._is_free else Meter(self._replies.budget, worst_usd)
        if self._batches is not None:
            from utilities.replies.batches.slip import BatchRequest

            return await self._batches.complete(
                BatchRequest(key, about, messages, sent, worst_usd or 0.0, meter)
            )
        self._replies.journal.batches.check_is_in_none(key)
        if not self._is_cached(messages):
            return await self._client.complete(messages, sent, meter)
        name = tuple((message["role"], message["content"]) for message in messages)
        async with self._shared_prompts.turn(name) as shared:
            return await self._client.complete(messages, sent, meter, shared)

    def _is_cached(self, messages: Sequence[Message]) -> bool:
        """Whether the provider caches a prompt as long as this, by a low estimate of its tokens."""
        if self._min_cached_prompt_tokens is None:
            return False
        length = sum(len(message["content"]) for message in messages)
        return length / _MOST_CHARACTERS_A_TOKEN >= self._min_cached_prompt_tokens
