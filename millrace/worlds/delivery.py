"""How word of an event travels: most arrives soon, some late by hours, a little of it twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import HOUR, MINUTE, SECOND, Array, Columns, stack, take
from millrace.worlds.chance import Chance


@dataclass(frozen=True)
class Delivery:
    """The delays between an event happening and word of it arriving.

    Attributes:
        median: Usual delay in microseconds; delays are log-normal around it.
        spread: Standard deviation of the delay's logarithm.
        late: Share of events held back (a phone without network).
        late_by: Shortest and longest time a late event is held back, in microseconds.
        twice: Share of events delivered a second time, within the quarter of an hour after the first.
    """

    median: int = 8 * SECOND
    spread: float = 1.0
    late: float = 0.03
    late_by: tuple[int, int] = (1 * HOUR, 12 * HOUR)
    twice: float = 0.005

    def deliver(self, rows: Columns, chance: Chance, stream: str) -> dict[str, Array]:
        """Return the rows with `known` added, and those that arrive twice a second time at the end.

        Args:
            rows: Events with `key` (a number of their own) and `at`.
            chance: Where the delays come from.
            stream: The stream's name, so that a watch and a like with equal keys travel apart.
        """
        key = rows["key"]
        delay = self.median * np.exp(self.spread * chance.normal(stream + " delay", key))
        shortest, longest = self.late_by
        held = shortest + (longest - shortest) * chance.uniform(stream + " held", key)
        delay = np.where(chance.uniform(stream + " late", key) < self.late, delay + held, delay)
        first = {**rows, "known": rows["at"] + delay.astype(np.int64)}
        again = take(first, chance.uniform(stream + " twice", key) < self.twice)
        wait = SECOND + 15 * MINUTE * chance.uniform(stream + " again", again["key"])
        return stack([first, {**again, "known": again["known"] + wait.astype(np.int64)}])
