"""Tasks with the same content under different names: one purchase for both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from utilities.errors import ProviderFailed
from utilities.models.interface import Reply
from utilities.replies.budget import Budget
from utilities.replies.replies import Replies
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore

KEY = "0" * 32


class Model:
    """Raises or returns what it was given, one item an asking, when all who want it have come."""

    def __init__(self, *outcomes: Reply | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked = 0

    async def __call__(self) -> Reply:
        self.asked += 1
        await asyncio.sleep(0.01)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def obtain(replies: Replies, model: Model, about: dict[str, str]) -> Reply:
    async with replies.request(KEY, about) as request:
        request.reply = request.reply or await model()
        return request.reply


async def obtained(folder: Path, model: Model, count: int) -> list[Reply | BaseException]:
    async with ResultStore(OutputPlace(folder, "test", "log"), run_id="r") as store:
        replies = Replies(store.journal, Budget(), asyncio.Event())
        wanted = (obtain(replies, model, {"task_id": str(n)}) for n in range(count))
        return await asyncio.gather(*wanted, return_exceptions=True)


async def test_what_is_being_asked_is_waited_for_and_not_bought_again(tmp_path: Path) -> None:
    model = Model(Reply("paid for"))
    assert await obtained(tmp_path, model, 3) == [Reply("paid for")] * 3
    assert model.asked == 1


async def test_where_the_first_asking_fails_the_next_asks(tmp_path: Path) -> None:
    model = Model(ProviderFailed("no"), Reply("paid for"))
    first, *others = await obtained(tmp_path, model, 3)
    assert isinstance(first, ProviderFailed)
    assert others == [Reply("paid for")] * 2
    assert model.asked == 2


async def test_a_cancelled_asking_holds_nobody(tmp_path: Path) -> None:
    async with ResultStore(OutputPlace(tmp_path, "test", "log"), run_id="r") as store:
        replies = Replies(store.journal, Budget(), asyncio.Event())
        model = Model(Reply("paid for"))
        first, second = (
            asyncio.create_task(obtain(replies, model, {"task_id": name})) for name in "ab"
        )
        await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.wait_for(second, 30) == Reply("paid for")
    with pytest.raises(asyncio.CancelledError):
        await first
