"""The cap on what a run may spend."""

from __future__ import annotations

import asyncio

from utilities.errors import NotAsked


class Budget:
    """Reserves the worst case of each attempt at a request before it, and settles it after.

    An attempt that might pass the cap waits until those in flight have settled; one that cannot
    fit any more is refused with NotAsked, and `exhausted` is then set. So the bill does not pass
    the cap, as far as the prices are right. Without a cap it only adds up.
    """

    def __init__(self, cap_usd: float | None = None) -> None:
        """`cap_usd` is in US dollars; None means no cap."""
        self.cap_usd = cap_usd
        self.spent_usd = 0.0
        self.lost_count = 0
        """Attempts that brought no reply and may have been billed all the same."""
        self.lost_usd = 0.0
        """What they may have cost at the most, as far as prices are known."""
        self.exhausted = False
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._settled = asyncio.Event()

    async def reserve(self, worst_usd: float) -> None:
        """Set `worst_usd` aside; raises NotAsked where it does not fit under the cap."""
        cap_usd = float("inf") if self.cap_usd is None else self.cap_usd
        while self.spent_usd + self._reserved_usd + worst_usd > cap_usd:
            if self.exhausted or not self._in_flight:
                self.exhausted = True
                self._wake()
                raise NotAsked(
                    f"the next request may cost {worst_usd:.4f} USD and {self.spent_usd:.4f} of "
                    f"{cap_usd:.4f} are spent"
                )
            await self._settled.wait()
        self.commit(worst_usd)

    def commit(self, worst_usd: float) -> None:
        """Set `worst_usd` aside for what an earlier run has ordered, whether it fits or not."""
        self._reserved_usd += worst_usd
        self._in_flight += 1

    def settle(self, worst_usd: float, cost_usd: float | None) -> None:
        """Replace a reservation by the true cost.

        An unknown cost is the worst case under a cap; without one it adds nothing: the records of
        the replies say that it is unknown.
        """
        self._in_flight -= 1
        # Sums of floats leave a residue: nothing in flight is exactly nothing reserved.
        self._reserved_usd = self._reserved_usd - worst_usd if self._in_flight else 0.0
        if cost_usd is None:
            cost_usd = 0.0 if self.cap_usd is None else worst_usd
        self.spent_usd += cost_usd
        self._wake()

    def _wake(self) -> None:
        """Let all that wait look again."""
        self._settled.set()
        self._settled = asyncio.Event()


class Spending:
    """What one run spent of a budget that it may share with runs before it."""

    def __init__(self, budget: Budget) -> None:
        """Count from now on."""
        self._budget = budget
        self._before = budget.spent_usd, budget.lost_count, budget.lost_usd

    @property
    def usd(self) -> float:
        """What replies cost, and under a cap what attempts without one may have."""
        return self._budget.spent_usd - self._before[0]

    @property
    def lost_count(self) -> int:
        """Attempts that brought no reply and may have been billed all the same."""
        return self._budget.lost_count - self._before[1]

    @property
    def lost_usd(self) -> float:
        """What they may have cost at the most."""
        return self._budget.lost_usd - self._before[2]


class Meter:
    """Counts the attempts at one kind of request against a budget."""

    def __init__(self, budget: Budget, worst_usd: float | None) -> None:
        """`worst_usd` is what one attempt costs at the most; None, without a cap: unknown."""
        self._budget = budget
        self.worst_usd = worst_usd

    async def begin(self) -> None:
        """Before an attempt; raises NotAsked where the budget is spent."""
        await self._budget.reserve(self.worst_usd or 0.0)

    def take_up(self) -> None:
        """Instead of `begin`, for what an earlier run has begun."""
        self._budget.commit(self.worst_usd or 0.0)

    def end(self, cost_usd: float | None) -> None:
        """After an attempt with a reply (None: of unknown cost), or one that costs nothing."""
        self._budget.settle(self.worst_usd or 0.0, cost_usd)

    def lost(self) -> None:
        """After an attempt that brought no reply and may have been billed all the same."""
        self._budget.lost_count += 1
        self._budget.lost_usd += self.worst_usd or 0.0
        self._budget.settle(self.worst_usd or 0.0, None)
