"""Do things happen as often as is stated? Every decision states chances; many draws of it show whether they are true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from millrace.decision import Decisions
from millrace.types import size

_SIGMAS = 5.0


@dataclass
class _Tally:
    happened: float = 0.0
    stated: float = 0.0
    variance: float = 0.0

    def add(self, happened: float, stated: float) -> None:
        self.happened += happened
        self.stated += stated
        self.variance += stated * (1 - stated)


@dataclass
class Ledger:
    """What happened in many draws of the same decisions, beside what each had stated.

    A row of a slate states its own chance in every draw. Of an action, and of an experiment's arm, only the one that came up states its
    chance, so how often it should come up follows from the number of draws.
    """

    _rows: dict[Hashable, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    _came_up: dict[tuple[Hashable, Hashable], tuple[int, float]] = field(default_factory=dict)
    _draws: dict[Hashable, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, d: Decisions) -> None:
        """Count one draw."""
        arms = d.requests["arm"].tolist() if "arm" in d.requests else [""] * size(d.requests)
        asked = list(zip(d.requests["id"].tolist(), arms, strict=True))
        if "arm_share" in d.requests:
            for (request, arm), share in zip(asked, d.requests["arm_share"].tolist(), strict=True):
                self._count(("arm of", request), arm, share)
        rows = zip(d.rows["request"].tolist(), d.rows["propensity"].tolist(), strict=True)
        if "action" in d.requests:
            done = d.requests["action"].tolist()
            for place, stated in rows:
                self._count(("action on", *asked[place]), done[place], stated)
            return
        for (place, stated), candidate, rank in zip(rows, d.rows["candidate"].tolist(), d.rows["rank"].tolist(), strict=True):
            self._rows[(*asked[place], candidate)].add(float(rank >= 0), stated)

    def _count(self, about: Hashable, what: Hashable, stated: float) -> None:
        self._draws[about] += 1
        times, _ = self._came_up.get((about, what), (0, stated))
        self._came_up[about, what] = (times + 1, stated)

    def lies(self) -> Iterator[str]:
        """Yield what happened more or less often than was stated, further than chance explains.

        Raises:
            AssertionError: Nothing was ever taken or done, so nothing was stated that could be true.
        """
        assert self._came_up or any(one.happened for one in self._rows.values()), "nothing was taken in any draw"
        for what, one in self._rows.items():
            yield from _told(what, one)
        for (about, what), (times, stated) in self._came_up.items():
            draws = self._draws[about]
            yield from _told((about, what), _Tally(times, draws * stated, draws * stated * (1 - stated)))


def _told(what: Hashable, one: _Tally) -> Iterator[str]:
    if abs(one.happened - one.stated) > _SIGMAS * max(one.variance, 0.25) ** 0.5:
        yield f"{what}: {one.happened:.0f} times, where {one.stated:.1f} were stated"
