"""OpenAI's batch endpoint: a file of requests goes up, files of results come down."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from utilities.errors import AttemptFailed, ProviderFailed, RateLimited, TimedOut, ToolkitError
from utilities.files.json_lines import encode_line
from utilities.models.batches.endpoint import (
    BatchEndpoint,
    BatchLimits,
    BatchState,
    LostBatch,
    Outcome,
    Result,
    Submission,
    json_lines,
)
from utilities.models.chat_completions import chat_body, openai_sdk, read_completion
from utilities.models.costs import priced
from utilities.models.interface import Message, Sampling
from utilities.models.json_fields import JSONObject, count_at, list_at, object_at, text_at

if TYPE_CHECKING:
    import openai

_ENDPOINT: Final = "/v1/chat/completions"
_TOKEN = "arc_reasoning_toolkit_batch"  # noqa: S105 - a name in the batch's metadata, no secret
_PAGE = 100
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_NEVER_RAN = frozenset({"batch_expired", "batch_cancelled"})
_QUEUE_FULL = "token_limit_exceeded"


class OpenAIBatches(BatchEndpoint):
    """Batches of chat completions, over the openai SDK; a batch has its token in its metadata.

    Limits and codes: developers.openai.com, guide "Batch API" and the reference of `/v1/batches`.
    """

    limits = BatchLimits(requests=50_000, size_bytes=200_000_000)
    package = "openai"
    connect = staticmethod(openai_sdk)
    _sdk: openai.AsyncOpenAI

    def encode(self, custom_id: str, messages: list[Message], sampling: Sampling) -> bytes:
        """One line of the input file."""
        line = {
            "custom_id": custom_id,
            "method": "POST",
            "url": _ENDPOINT,
            "body": chat_body(self._entry, messages, sampling),
        }
        return encode_line(line)[:-1]

    async def prepare(self, submission: Submission) -> None:
        """Upload the requests; what is left is the file's id."""
        content = b"\n".join(submission.requests) + b"\n"
        name = f"batch-{submission.token}.jsonl"
        with self._triaged():
            raw = await self._sdk.files.with_raw_response.create(
                file=(name, content, "application/jsonl"), purpose="batch"
            )
        file_id = text_at(self._object_of(raw.content), "id")
        if not file_id:
            raise self._triage.no_reply("the uploaded file has no id")
        submission.prepared = file_id.encode()

    async def create(self, submission: Submission) -> BatchState:
        """Create the batch of an uploaded file."""
        with self._triaged():
            raw = await self._sdk.batches.with_raw_response.create(
                input_file_id=submission.prepared.decode(),
                endpoint=_ENDPOINT,
                completion_window="24h",
                metadata={_TOKEN: submission.token},
            )
        return self._read_state(self._object_of(raw.content))

    async def candidates(self, lost: LostBatch) -> list[BatchState]:
        """The batch with this token in its metadata, if there is one."""
        after: dict[str, Any] = {}
        while True:
            with self._triaged():
                raw = await self._sdk.batches.with_raw_response.list(limit=_PAGE, **after)
            page = self._object_of(raw.content)
            batches = [item for item in list_at(page, "data") if isinstance(item, dict)]
            for batch in batches:
                if text_at(object_at(batch, "metadata"), _TOKEN) == lost.token:
                    return [self._read_state(batch)]
            oldest = batches[-1] if batches else {}
            too_old = count_at(oldest, "created_at") < lost.created_after
            if not page.get("has_more") or too_old or not text_at(oldest, "id"):
                return []
            after = {"after": oldest["id"]}

    async def token_of(self, state: BatchState) -> str | None:
        """The token in the metadata."""
        return state.token

    async def results(self, state: BatchState) -> AsyncGenerator[Result]:
        """The lines of the output file, then those of the error file."""
        for file_id in state.result_files:
            with self._triaged():
                files = self._sdk.files.with_streaming_response
                async with files.content(file_id) as response:
                    async for text, line in json_lines(response.iter_bytes()):
                        status = count_at(object_at(line, "response"), "status_code")
                        outcome = self._outcome_of(line, status, text)
                        yield Result(text_at(line, "custom_id"), outcome, status == 200, text)

    def _outcome_of(self, line: JSONObject, status: int, text: str) -> Outcome:
        response, error = object_at(line, "response"), object_at(line, "error")
        code = text_at(error, "code")
        if code in _NEVER_RAN:
            return AttemptFailed(TimedOut, f"{self._entry.name}: {code.replace('_', ' ')}")
        try:
            if status == 200:
                reply = read_completion(response.get("body"), self._triage)
            elif status:
                raise self._triage.answer(status, response.get("body"))
            else:
                raise self._triage.error_in_success(error)
        except ToolkitError as failure:
            return failure
        return priced(self._entry, reply, body=self._triage.without_key(text))

    async def _retrieve(self, batch_id: str) -> bytes:
        raw = await self._sdk.batches.with_raw_response.retrieve(batch_id)
        return raw.content

    def _read_state(self, batch: JSONObject) -> BatchState:
        batch_id, word = text_at(batch, "id"), text_at(batch, "status")
        if not batch_id or not word:
            raise self._triage.no_reply("the answer describes no batch")
        counts = object_at(batch, "request_counts")
        replied, failed = count_at(counts, "completed"), count_at(counts, "failed")
        files = (text_at(batch, "output_file_id"), text_at(batch, "error_file_id"))
        return BatchState(
            batch_id=batch_id,
            word=word,
            ended=word in _ENDED,
            total_count=count_at(counts, "total"),
            done_count=replied + failed,
            replied_count=replied,
            created_at=count_at(batch, "created_at"),
            result_files=tuple(filter(None, files)),
            unanswered=self._unanswered(batch, word),
            token=text_at(object_at(batch, "metadata"), _TOKEN),
        )

    def _unanswered(self, batch: JSONObject, word: str) -> ToolkitError | None:
        name = self._entry.name
        if word == "failed":
            return self._refused(object_at(batch, "errors"))
        if word in {"expired", "cancelled"}:
            return AttemptFailed(TimedOut, f"{name}: the batch was {word} before this request ran")
        if word == "completed":
            return AttemptFailed(ProviderFailed, f"{name}: the batch has no result for this sample")
        return None

    def _refused(self, errors: JSONObject) -> ToolkitError:
        """Why OpenAI did not take the batch as a whole."""
        found: object = next(iter(list_at(errors, "data")), {})
        error = {"code": text_at(found, "code"), "message": text_at(found, "message")}
        if error["code"] == _QUEUE_FULL:
            message = f"{self._entry.name}: {error['message']} (see --batch_size)"
            return AttemptFailed(RateLimited, message)
        return self._triage.answer(400, {"error": error})
