"""The cap on what a run may spend: money, and time."""

import asyncio
import time

from utilities.errors import NotAsked
from utilities.models.interface import Meter


class Deadline:
    """When a run must have ended: nothing is asked that may last longer than what is left.

    How long that is is judged by the slowest reply seen so far; before the first one, by
    `longest_s`.
    """

    def __init__(self, limit_s: float) -> None:
        """`limit_s` counts from now."""
        self.limit_s = limit_s
        self.longest_s = 0.0
        """The longest wait for one reply that the settings allow; set when the model is known."""
        self.is_reached = False
        """Whether something was not asked because of it, or cut short."""
        self._ends_at = time.monotonic() + limit_s
        self._slowest_s: float | None = None

    @property
    def left_s(self) -> float:
        """How much time is left, at least 0."""
        return max(0.0, self._ends_at - time.monotonic())

    def saw(self, latency_s: float) -> None:
        """Learn how long a reply took."""
        self._slowest_s = max(latency_s, self._slowest_s or 0.0)

    def check(self) -> None:
        """Raise NotAsked if a request that is sent now may not end in time."""
        needed_s = self.longest_s if self._slowest_s is None else self._slowest_s
        if self.left_s <= needed_s:
            self.is_reached = True
            raise NotAsked(
                f"--deadline: {self.left_s:.0f} s are left, and a reply may take {needed_s:.0f} s"
            )


class Budget:
    """Reserves the worst case of each attempt at a request before it, and settles it after.

    An attempt that might exceed the cap waits until those in flight have settled. One that cannot
    fit any more is refused with NotAsked, and `exhausted` is set. So the bill stays under the cap
    if the prices are right. Without a cap it only adds up.
    """

    def __init__(self, cap_usd: float | None = None, limit_s: float | None = None) -> None:
        """`cap_usd` is in US dollars, `limit_s` in seconds from now; None means no cap."""
        self.cap_usd = cap_usd
        self.deadline = None if limit_s is None else Deadline(limit_s)
        self.spent_usd = 0.0
        self.lost_count = 0
        """Attempts that brought no reply and may have been billed all the same."""
        self.lost_usd = 0.0
        """What they may have cost at most, as far as prices are known."""
        self.exhausted = False
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._settled = asyncio.Event()

    async def reserve(self, worst_usd: float) -> None:
        """Set `worst_usd` aside; raises NotAsked if it does not fit under the cap."""
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
        """Set `worst_usd` aside whether it fits or not: an earlier run has sent the request."""
        self._reserved_usd += worst_usd
        self._in_flight += 1

    def settle(self, worst_usd: float, cost_usd: float | None) -> None:
        """Replace a reservation by the true cost.

        An unknown cost counts as the worst case under a cap. Without a cap it adds nothing: the
        records of the replies say that it is unknown.
        """
        self._in_flight -= 1
        # Sums of floats leave a residue: with nothing in flight, exactly nothing is reserved.
        self._reserved_usd = self._reserved_usd - worst_usd if self._in_flight else 0.0
        if cost_usd is None:
            cost_usd = 0.0 if self.cap_usd is None else worst_usd
        self.spent_usd += cost_usd
        self._wake()

    def _wake(self) -> None:
        """Let all that wait check again."""
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
        """What they may have cost at most."""
        return self._budget.lost_usd - self._before[2]

    @property
    def is_open(self) -> bool:
        """Whether attempts were lost, and nobody knows what they may have cost at most."""
        return self.lost_count > 0 and not self.lost_usd


class DeadlineMeter(Meter):
    """Counts no money, and lets no attempt begin that may not end in time."""

    def __init__(self, deadline: Deadline | None) -> None:
        """Without a `deadline` any attempt may begin."""
        self._deadline = deadline
        self._begun_at = 0.0

    async def begin(self) -> None:
        """Raises NotAsked if too little time is left."""
        if self._deadline is not None:
            self._deadline.check()
        self._begun_at = time.monotonic()

    def end(self, cost_usd: float | None) -> None:  # noqa: ARG002 - as Meter has it
        """Learn how long the attempt took."""
        if self._deadline is not None and self._begun_at:
            self._deadline.saw(time.monotonic() - self._begun_at)


class BudgetMeter(DeadlineMeter):
    """Counts the attempts at one kind of request against a budget."""

    def __init__(self, budget: Budget, worst_usd: float | None) -> None:
        """`worst_usd` is what one attempt costs at most; None (without a cap only) is unknown."""
        super().__init__(budget.deadline)
        self._budget = budget
        self.worst_usd = worst_usd

    async def begin(self) -> None:
        """Reserve the worst case; raises NotAsked if the budget is spent, or too little time left.

        To wait for the budget may take long, so the time is looked at last.
        """
        await self._budget.reserve(self.worst_usd or 0.0)
        try:
            await super().begin()
        except NotAsked:
            self._budget.settle(self.worst_usd or 0.0, 0.0)
            raise

    def take_up(self) -> None:
        """Instead of `begin`, for a request that an earlier run has begun."""
        self._budget.commit(self.worst_usd or 0.0)

    def end(self, cost_usd: float | None) -> None:
        """Replace the reservation by the cost."""
        super().end(cost_usd)
        self._budget.settle(self.worst_usd or 0.0, cost_usd)

    def lost(self) -> None:
        """Count an attempt without a reply, which may have been billed all the same."""
        self._budget.lost_count += 1
        self._budget.lost_usd += self.worst_usd or 0.0
        self._budget.settle(self.worst_usd or 0.0, None)
