"""Brings a batch into being once, also where nobody heard whether it was."""

from __future__ import annotations

import time

from utilities.errors import AttemptFailed, RateLimited, ToolkitError
from utilities.models.batches.endpoint import BatchState, Sought, Submission
from utilities.replies.batch_ledger import event_of
from utilities.replies.batches.polling import progress_of, until_ended
from utilities.replies.batches.slip import Desk

FOUND_WITHIN_S = 20.0
"""A batch whose creation had no answer shows in the provider's list by then, or never will."""
_CLOCKS_DIFFER_S = 300.0


class NeverCreated(Exception):
    """No batch was created, for certain; the cause says why."""


async def create(desk: Desk, submission: Submission) -> BatchState:
    """Create a planned batch; after a doubtful answer it is looked for before the next try.

    Raises NeverCreated where there is none, and NotAsked or RequestFailed where there may be one.
    """
    token, attempts = submission.token, 0
    while True:
        attempts += 1
        await desk.journal.note_batch(event_of("creating", token))
        try:
            return await desk.calls.once(lambda: desk.provider.create(submission))
        except AttemptFailed as error:
            failure = error
        except ToolkitError as error:
            raise NeverCreated from error
        if failure.becomes is not RateLimited and not failure.unreachable:
            state = await search(desk, token)
            if state is not None:
                return state
        try:
            await desk.calls.pause(desk.calls.delay_s(attempts, failure))
        except ToolkitError as error:
            raise NeverCreated from error


async def search(desk: Desk, token: str) -> BatchState | None:
    """Look for the batch whose creation had no answer; None where there is none."""
    record = desk.journal.batches.get(token)
    creating_at = record.creating_at or time.time()
    sought = Sought(
        token,
        request_count=len(record.requests),
        created_after=creating_at - _CLOCKS_DIFFER_S,
        other_ids=desk.journal.batches.known_ids,
    )
    while True:
        candidates = await desk.calls.again(lambda: desk.provider.candidates(sought))
        for candidate in candidates:
            if (state := await _confirmed(desk, token, candidate)) is not None:
                return state
        left_s = creating_at + FOUND_WITHIN_S - time.time()
        if left_s <= 0:
            return None
        await desk.calls.pause(min(left_s, desk.poll_s))


async def _confirmed(desk: Desk, token: str, state: BatchState) -> BatchState | None:
    """The candidate if it is this batch; some show that only when they have ended."""
    while (found := await _token_of(desk, state)) is None:
        desk.announce(
            f"batch {state.batch_id} may be one whose creation was cut short, which shows when it "
            f"has ended: {progress_of(state)}"
        )
        state = await until_ended(desk, state)
    return state if found == token else None


async def _token_of(desk: Desk, state: BatchState) -> str | None:
    return await desk.calls.again(lambda: desk.provider.token_of(state))
