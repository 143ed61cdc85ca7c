"""Anthropic's batch endpoint: requests go in one body, results come as a stream of JSON lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from utilities.errors import AttemptFailed, ProviderFailed, TimedOut, ToolkitError
from utilities.files.json_lines import encode_line
from utilities.models.anthropic_messages import anthropic_sdk, message_body, read_message
from utilities.models.batches.endpoint import (
    BatchEndpoint,
    BatchLimits,
    BatchState,
    LostBatch,
    Outcome,
    Result,
    Submission,
    json_lines,
    parts_of,
)
from utilities.models.costs import priced
from utilities.models.interface import Message, Sampling
from utilities.models.json_fields import JSONObject, count_at, list_at, object_at, text_at

if TYPE_CHECKING:
    import anthropic

_PATH = "/v1/messages/batches"
_PAGE = 100


class AnthropicBatches(BatchEndpoint):
    """Batches of messages, over the anthropic SDK.

    A batch has no metadata. It is known again by its `custom_id`s, which show in its results only;
    until it has ended, its time and its number of requests say that it may be the one.
    Limits and results: platform.claude.com, guide "Batch processing".
    """

    limits = BatchLimits(requests=100_000, size_bytes=256_000_000)
    package = "anthropic"
    connect = staticmethod(anthropic_sdk)
    _sdk: anthropic.AsyncAnthropic

    def encode(self, custom_id: str, messages: list[Message], sampling: Sampling) -> bytes:
        """One item of the body's list; replies in a batch are never streamed."""
        body = message_body(self._entry, messages, sampling)
        return encode_line({"custom_id": custom_id, "params": body})[:-1]

    async def prepare(self, submission: Submission) -> None:
        """Put the body together."""
        submission.prepared = b'{"requests":[' + b",".join(submission.requests) + b"]}"

    async def create(self, submission: Submission) -> BatchState:
        """Create the batch."""
        import httpx2

        with self._triaged():
            response = await self._sdk.post(
                _PATH,
                content=submission.prepared,
                options={"headers": {"content-type": "application/json"}},
                cast_to=httpx2.Response,
            )
        return self._read_state(self._object_of(response.content))

    async def candidates(self, lost: LostBatch) -> list[BatchState]:
        """Batches of about this time, with as many requests and of unknown origin."""
        found: list[BatchState] = []
        after: dict[str, Any] = {}
        while True:
            with self._triaged():
                batches = self._sdk.messages.batches.with_raw_response
                raw = await batches.list(limit=_PAGE, **after)
            page = self._object_of(await raw.read())
            states = [self._read_state(item) for item in list_at(page, "data")]
            recent = [state for state in states if state.created_at > lost.created_after]
            found += [
                state
                for state in recent
                if state.total_count == lost.request_count and state.batch_id not in lost.other_ids
            ]
            if not page.get("has_more") or len(recent) < len(states) or not states:
                return found
            after = {"after_id": states[-1].batch_id}

    async def token_of(self, state: BatchState) -> str | None:
        """The token in the first result, once there are results."""
        if not state.ended:
            return None
        async with aclosing(self.results(state)) as results:
            async for result in results:
                return parts_of(result.custom_id)[1]
        return ""

    async def results(self, state: BatchState) -> AsyncGenerator[Result]:
        """The lines of the results."""
        with self._triaged():
            batches = self._sdk.messages.batches.with_streaming_response
            async with batches.results(state.batch_id) as response:
                async for text, line in json_lines(response.iter_bytes()):
                    result = object_at(line, "result")
                    outcome = self._outcome_of(result, text)
                    succeeded = text_at(result, "type") == "succeeded"
                    yield Result(text_at(line, "custom_id"), outcome, succeeded, text)

    def _outcome_of(self, result: JSONObject, text: str) -> Outcome:
        kind = text_at(result, "type")
        if kind in {"expired", "canceled"}:
            return AttemptFailed(TimedOut, f"{self._entry.name}: the request was {kind}")
        try:
            if kind != "succeeded":
                error = object_at(result, "error")
                raise self._triage.error_in_success(object_at(error, "error") or error)
            reply = read_message(object_at(result, "message"), self._triage)
        except ToolkitError as failure:
            if isinstance(failure, AttemptFailed):
                failure.billable = kind == "succeeded"  # what errored is not billed
            return failure
        return priced(self._entry, reply, body=self._triage.without_key(text))

    async def _retrieve(self, batch_id: str) -> bytes:
        raw = await self._sdk.messages.batches.with_raw_response.retrieve(batch_id)
        return await raw.read()

    def _read_state(self, batch: JSONObject) -> BatchState:
        batch_id, word = text_at(batch, "id"), text_at(batch, "processing_status")
        if not batch_id or not word:
            raise self._triage.no_reply("the answer describes no batch")
        counts = object_at(batch, "request_counts")
        names = ("processing", "succeeded", "errored", "canceled", "expired")
        total = sum(count_at(counts, name) for name in names)
        message = f"{self._entry.name}: the batch has no result for this sample"
        return BatchState(
            batch_id=batch_id,
            word=word,
            ended=word == "ended",
            total_count=total,
            done_count=total - count_at(counts, "processing"),
            replied_count=count_at(counts, "succeeded"),
            created_at=_seconds(text_at(batch, "created_at")),
            unanswered=AttemptFailed(ProviderFailed, message),
        )


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0
