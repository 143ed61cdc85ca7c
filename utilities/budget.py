"""The cap on what a run may spend."""

from __future__ import annotations

import asyncio

from utilities.errors import NotAsked


class Budget:
    """Reserves the worst case of each request before it is sent, and settles it after.

    A request that might pass the cap waits until those in flight have settled; one that cannot
    fit any more is refused with NotAsked, and `exhausted` is then set. So the bill never passes
    the cap, as far as the prices are right. Without a cap it only adds up.
    """

    def __init__(self, cap_usd: float | None = None) -> None:
        """`cap_usd` is in US dollars; None means no cap."""
        self.cap_usd = cap_usd
        self.spent_usd = 0.0
        self.exhausted = False
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._settled = asyncio.Condition()

    async def reserve(self, worst_usd: float) -> None:
        """Set `worst_usd` aside; raises NotAsked where it does not fit under the cap."""
        if self.cap_usd is None:
            return
        async with self._settled:
            while self.spent_usd + self._reserved_usd + worst_usd > self.cap_usd:
                if self.exhausted or self._in_flight == 0:
                    self.exhausted = True
                    self._settled.notify_all()
                    raise NotAsked(
                        f"the next request may cost {worst_usd:.4f} USD and {self.spent_usd:.4f} "
                        f"of {self.cap_usd:.4f} are spent"
                    )
                await self._settled.wait()
            self._reserved_usd += worst_usd
            self._in_flight += 1

    async def settle(self, worst_usd: float, cost_usd: float | None) -> None:
        """Replace a reservation by the true cost; an unknown one counts as the worst case.

        Without a cap an unknown cost adds nothing: the record says that it is unknown.
        """
        async with self._settled:
            if self.cap_usd is None:
                self.spent_usd += cost_usd or 0.0
            else:
                self._in_flight -= 1
                # Sums of floats leave a residue: nothing in flight is exactly nothing reserved.
                self._reserved_usd = self._reserved_usd - worst_usd if self._in_flight else 0.0
                self.spent_usd += worst_usd if cost_usd is None else cost_usd
            self._settled.notify_all()
