"""One way to judge a stream of programs: side by side, within a bound, in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Judged = TypeVar("Judged")


async def judged_in_order(
    items: Iterable[Item],
    judge: Callable[[Item], Awaitable[Judged]],
    *,
    weight: Callable[[Item], int],
    most_ahead: int,
) -> AsyncGenerator[Judged, None]:
    """Judge items side by side and yield what comes of each, in the order of the items.

    No more is read than what weighs `most_ahead` together, one item at least: a slow program must
    not stall the rest, and the memory must not grow with the number of items. Raises what `judge`
    raises first; what is running is then cancelled, as it is if the caller stops early. Use it
    with `contextlib.aclosing`.
    """
    running: deque[tuple[int, asyncio.Future[Judged]]] = deque()
    ahead = 0
    try:
        for item in items:
            weighs = weight(item)
            running.append((weighs, asyncio.ensure_future(judge(item))))
            ahead += weighs
            while ahead > most_ahead:
                weighs, first = running.popleft()
                ahead -= weighs
                yield await first
        while running:
            yield await running.popleft()[1]
    finally:
        for _, unfinished in running:
            unfinished.cancel()
        await asyncio.gather(*(work for _, work in running), return_exceptions=True)
