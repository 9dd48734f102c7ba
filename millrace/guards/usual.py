"""Watches that judge by what was usual among the first decisions: how long they took, and how they scored."""

from __future__ import annotations

import numpy as np

from millrace.guards.finding import Finding, Means
from millrace.guards.once import Once
from millrace.guards.reference import Reference
from millrace.guards.same_shares import SameShares
from millrace.guards.watching import Happening, Shares
from millrace.types import Array, Columns, objects, size, take

_COLD = 20
"""How many of a canary's first decisions may be slow: its files are not in anybody's memory yet."""


class Slow:
    """Watches how many decisions take longer than quantiles of what the first of all took.

    Args:
        quantiles: Which.
        times: How many times as many of the canary's may.
    """

    def __init__(self, quantiles: tuple[float, ...], times: float) -> None:
        self._reference, self._cold = Reference(quantiles), _COLD
        part = 1 / len(quantiles)
        self._of = [Happening(f"slower than {one:.4g} of all", times, _is_over, "is slow in", part) for one in quantiles]

    def see(self, seen: Columns) -> None:
        """See `Watch`. Decisions that were not timed are passed over."""
        seen = take(seen, np.flatnonzero(seen["took_us"] > 0))
        seen = take(seen, slice(self._reference.take(seen["took_us"].astype(np.float64)), None))
        cold = seen["treated"] & (np.cumsum(seen["treated"]) <= self._cold)
        self._cold -= int(cold.sum())
        seen = take(seen, ~cold)  # fewer of the canary's are slow so, never more
        if self._reference.cuts is not None:
            for cut, one in zip(self._reference.cuts.tolist(), self._of, strict=True):
                one.see({**seen, "over": (seen["took_us"] > cut).astype(np.float64)})

    def findings(self) -> list[Finding]:
        """See `Watch`."""
        return [one for part in self._of for one in part.findings()]


def _is_over(seen: Columns) -> Array:
    return seen["over"]


class Distribution:
    """Watches whether a number lies where it lay before, in any way at all: its bins' shares, of each unit the first.

    Args:
        column: The observations' column of numbers.
        bins: Into how many equal parts the first ones are cut.
    """

    def __init__(self, column: str, bins: int) -> None:
        self._column = column
        self._once, self._means, self._reference = Once(), Means(), Reference(_parts(bins))
        self._test = SameShares()

    def see(self, seen: Columns) -> None:
        """See `Watch`."""
        self._means.see(seen["treated"], seen[self._column])
        used = self._reference.take(seen[self._column])
        seen = take(seen, slice(used, None))
        if self._reference.cuts is None or not len(seen["treated"]):
            return
        kept, fair = self._once.admit(seen.get("unit"), seen["treated"], seen["share"])
        self._test.see(seen["treated"][kept], fair, binned(seen[self._column][kept], self._reference.cuts))

    def findings(self) -> list[Finding]:
        """See `Watch`."""
        champion, canary = self._means.champion, self._means.canary
        said = f"it scores otherwise: the mean is {_shown(canary)}, the champion's {_shown(champion)}"
        return [Finding(guard="scores differ", champion=champion, canary=canary, evidence=self._test.wealth.peak, part=1.0, said=said)]


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def binned(values: Array, cuts: Array) -> Array:
    """Return the bin of each value, what is missing in one of its own after the last."""
    return np.where(np.isnan(values), len(cuts) + 1, np.searchsorted(cuts, np.where(np.isnan(values), 0.0, values), side="right"))


class ScoreShares:
    """Watches the shares of the parts that the first scores were cut into, as `Shares` does those of actions.

    Args:
        bins: Into how many equal parts.
        times: See `Shares`.
        margin: See `Shares`; the same both ways.
    """

    def __init__(self, bins: int, times: float, margin: float = 0.05) -> None:
        self._reference = Reference(_parts(bins))
        self._shares = Shares("bin", times, (margin, margin), "scores")

    def see(self, seen: Columns) -> None:
        """See `Watch`."""
        seen = take(seen, slice(self._reference.take(seen["score"]), None))
        if self._reference.cuts is not None and size(seen):
            n = len(self._reference.cuts) + 1
            where = binned(seen["score"], self._reference.cuts).tolist()
            self._shares.see({**seen, "bin": objects("none" if one == n else f"part {one + 1} of {n}" for one in where)})

    def findings(self) -> list[Finding]:
        """See `Watch`."""
        return self._shares.findings()


def _parts(bins: int) -> tuple[float, ...]:
    return tuple(n / bins for n in range(1, bins))
