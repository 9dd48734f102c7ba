"""What will become known and when: events wait here until they are asked for."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from millrace.errors import Conflict
from millrace.types import EVER, HOUR, Array, Columns, size, stack, take


class Ledger:
    """Scheduled rows by stream, kept by the hour in which they become known.

    Rows stay after they were told, so that asking again gives the same answer. What was told is closed: nothing can be added to it,
    because a caller who has heard the slice would never hear the addition.
    """

    def __init__(self) -> None:
        self._hours: dict[tuple[str, int], list[Columns]] = defaultdict(list)
        self._closed = EVER

    def admit(self, at: Array) -> None:
        """Refuse decisions made before what has already been told.

        Raises:
            Conflict: An instant lies in a slice whose happenings were already asked for.
        """
        if len(at) and at.min() < self._closed:
            raise Conflict(
                f"a decision at {int(at.min())} comes after the happenings until {self._closed} were told: "
                "call react(...) for a slice of time before happenings(...) for it"
            )

    def add(self, stream: str, rows: Columns) -> None:
        """Schedule rows, which have `known` and `key` (a number of their own within the stream); no rows may come without columns."""
        if size(rows) == 0:
            return
        hour = rows["known"] // HOUR
        for slot in np.unique(hour):
            self._hours[stream, int(slot)].append(take(rows, hour == slot))

    def between(self, stream: str, since: int, until: int) -> dict[str, Array]:
        """Return the rows of a stream that become known in [since, until), ordered by (known, key); no columns if there are none."""
        slots = range(since // HOUR, -(-until // HOUR))
        rows = stack([part for slot in slots for part in self._hours.get((stream, slot), ())])
        if size(rows) == 0:
            return {}
        rows = take(rows, (rows["known"] >= since) & (rows["known"] < until))
        return take(rows, np.lexsort((rows["key"], rows["known"])))

    def close(self, until: int) -> None:
        """Note that everything known before `until` has been told."""
        self._closed = max(self._closed, until)
