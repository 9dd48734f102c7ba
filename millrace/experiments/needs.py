"""What metrics must be told of an arm's units, so that the union over all metrics is asked for once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from millrace.types import Array


class Term(msgspec.Struct, frozen=True):
    """A number per unit: a column, limited or turned into 0 and 1 first, and multiplied by another term last.

    Attributes:
        column: A column of numbers or booleans, a row per unit.
        above: If given, the term is 1 where the column is above this and 0 elsewhere.
        cap: If given, what lies above counts as this.
        winsorise: If given, in (0, 1): what lies above this quantile of the column, over the units of all arms together, counts as that.
        times: What it is multiplied by.
    """

    column: str
    above: float | None = None
    cap: float | None = None
    winsorise: float | None = None
    times: Term | None = None

    @property
    def name(self) -> str:
        """The term as text: equal terms have equal names, different ones different names.

        >>> Term("watched", winsorise=0.99, times=Term("paid", above=0)).name
        'watched≤q0.99·(paid>0)'
        """
        name = self.column if self.above is None else f"({self.column}>{_said(self.above)})"
        name += "" if self.cap is None else f"≤{_said(self.cap)}"
        name += "" if self.winsorise is None else f"≤q{_said(self.winsorise)}"
        return name if self.times is None else f"{name}·{self.times.name}"

    def multiplied(self, other: Term) -> Term:
        """Return the product of both; this one must not be a product itself."""
        return Term(self.column, self.above, self.cap, self.winsorise, other)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return (self.column, *(self.times.columns if self.times else ()))


class Ordered(msgspec.Struct, frozen=True):
    """The values about a quantile of a term, smallest first, as `summary.Summary.ordered` answers them.

    Attributes:
        term: Of what.
        q: Which quantile, in (0, 1).
    """

    term: Term
    q: float

    def ranks(self, n: int) -> Array:
        """Return which of n values in ascending order are asked for, from 0: beyond the low end, it, two beside the quantile, and so on.

        The ends are 1.3 standard errors of the quantile's rank off; the quantile lies between the middle two. Farther off, values that
        thin out towards their tail would make the error too large; nearer by, too few ranks would tell it. The first and the last are
        twice as far off: they tell whether one value fills the ranks about an end.

        >>> Ordered(Term("watched"), 0.5).ranks(101)
        array([37, 43, 50, 51, 57, 63])
        """
        place = self.q * (n - 1)
        far = _REACH * np.sqrt(n * self.q * (1 - self.q))
        low, high = np.floor(self.q * n - far * np.array([2, 1])), np.ceil(self.q * n + far * np.array([1, 2])) - 1
        return np.clip(np.array([*low, np.floor(place), np.floor(place) + 1, *high]), 0, n - 1).astype(np.int64)


class Needs(msgspec.Struct, frozen=True):
    """All that metrics must be told; `|` makes the union.

    Attributes:
        together: Terms whose means and co-moments are read together.
        ordered: Values about quantiles.
        rows: Terms that are read of every unit, as moments do not say enough: of up to `MOST_ROWS` units.
        labels: Columns of text that are read of every unit beside them: its cluster, its stratum.
    """

    together: frozenset[tuple[Term, ...]] = frozenset()
    ordered: frozenset[Ordered] = frozenset()
    rows: frozenset[Term] = frozenset()
    labels: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(self.together | other.together, self.ordered | other.ordered, self.rows | other.rows, self.labels | other.labels)

    @staticmethod
    def union(all_needs: Iterable[Needs]) -> Needs:
        """Return what several metrics need, each thing once."""
        whole = Needs()
        for needs in all_needs:
            whole |= needs
        return whole

    def terms(self) -> tuple[Term, ...]:
        """Return every term that is read, once, by name."""
        found = {term.name: term for group in self.together for term in group} | {each.term.name: each.term for each in self.ordered}
        found |= {term.name: term for term in self.rows}
        return tuple(found[name] for name in sorted(found))

    def columns(self) -> tuple[str, ...]:
        """Return every column that is read, once, by name."""
        return tuple(sorted({column for term in self.terms() for column in term.columns}))

    def winsorised(self) -> tuple[tuple[str, float], ...]:
        """Return (column, quantile) of every limit that must be known, over all arms together, before anything is summed up."""
        return tuple(sorted({limit for term in self.terms() for limit in _limits(term)}))


MOST_ROWS = 1_000_000
"""Of how many units, all arms together, rows are read: of more, moments alone are."""
_REACH = 1.3


def _said(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def _limits(term: Term) -> set[tuple[str, float]]:
    own = {(term.column, term.winsorise)} if term.winsorise is not None else set[tuple[str, float]]()
    return own | (_limits(term.times) if term.times else set[tuple[str, float]]())
