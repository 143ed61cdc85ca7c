"""Waits for a batch to end."""

from __future__ import annotations

from utilities.errors import AttemptFailed, ProviderFailed
from utilities.models.batches.endpoint import BatchState
from utilities.replies.batches.slip import Desk

LONGEST_POLL_S = 300.0
_SLOWER = 1.25
_MOST_FAILED_POLLS = 20


async def until_ended(desk: Desk, state: BatchState) -> BatchState:
    """Ask again and again, ever slower, until the batch has ended.

    Raises NotAsked where the run is stopping (the batch goes on at the provider), and what the
    last failure becomes where the provider cannot be asked for long.
    """
    delay_s, failures = desk.poll_s, 0
    while not state.ended:
        await desk.calls.pause(delay_s)
        delay_s = max(desk.poll_s, min(delay_s * _SLOWER, LONGEST_POLL_S))
        latest, failure = await _latest(desk, state.batch_id)
        failures = 0 if failure is None else failures + 1
        if failure is not None and failures >= _MOST_FAILED_POLLS:
            raise failure.becomes(str(failure), attempts=failures) from failure
        if latest is None:
            continue
        if (latest.word, latest.done_count) != (state.word, state.done_count):
            desk.announce(f"batch {state.batch_id}: {progress_of(latest)}")
        state = latest
    return state


async def _latest(desk: Desk, batch_id: str) -> tuple[BatchState | None, AttemptFailed | None]:
    try:
        state = await desk.calls.once(lambda: desk.provider.state(batch_id))
    except AttemptFailed as failure:
        return None, failure
    if state is None:
        raise ProviderFailed(f"batch {batch_id} is gone from {desk.base_url}")
    return state, None


def progress_of(state: BatchState) -> str:
    """How far a batch is, in a few words."""
    return f"{state.done_count} of {state.total_count} done ({state.word})"
