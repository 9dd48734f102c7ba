"""What is known of an arm: its metrics' sufficient statistics. This file's `summarise` is the plain way to them, of arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from millrace.experiments.moments import Moments
from millrace.experiments.needs import MOST_ROWS, Needs, Ordered, Term
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array, Columns, size, take

Limits = Mapping[tuple[str, float], float]
"""(column, quantile) -> that quantile of the column over the units of all arms, interpolated linearly, as NumPy does."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """An arm, or a stratum of one.

    Attributes:
        arm: Its name.
        units: How many units it has.
        together: The moments of every group of `Needs.together`, under the terms' names; those that hold a broken column are left out.
        values: The values asked for by every `Needs.ordered`, as its `ranks` of this arm's units say, in that order; without broken ones.
        broken: How many units have no finite number in a column, for the columns where some do.
        limits: What winsorised terms were limited to.
        rows: What was asked of every unit, by the term's name or the label's: in the order of their values, so that the order in which
            they were read says nothing. Without broken ones; None where there are too many units.
    """

    arm: str
    units: int
    together: Mapping[tuple[Term, ...], Moments]
    values: Mapping[Ordered, Array] = {}
    broken: Mapping[str, int] = {}
    limits: Limits = {}
    rows: Mapping[str, Array] | None = {}

    def moments(self, group: tuple[Term, ...]) -> Moments:
        """Return the moments of a group of terms.

        Raises:
            Refused: A column holds something else than finite numbers.
        """
        self._check(group)
        return self.together[group]

    def ordered(self, asked: Ordered) -> Array:
        """Return the values about a quantile, ascending. Shape (4,), or (0,) where there are no units.

        Raises:
            Refused: The column holds something else than finite numbers.
        """
        self._check((asked.term,))
        return self.values[asked]

    def each(self, terms: Sequence[Term], labels: Sequence[str] = ()) -> dict[str, Array]:
        """Return terms and labels of every unit, by name. Shape (units,) each.

        Raises:
            Refused: There are too many units, or a column holds something else than finite numbers.
        """
        if self.rows is None:
            said = f"rows are read of {MOST_ROWS:,} units at most, and there are more"
            said = f"{said}: leave by= out, as moments say enough of so many; where units go together, assign what they share"
            raise Refused(Reason.MANY_UNITS, said)
        self._check(tuple(terms))
        return {name: self.rows[name] for name in (*(term.name for term in terms), *labels)}

    def merged(self, other: Summary) -> Summary:
        """Return what is known of both, which must be of disjoint units, the same needs and the same limits.

        Order statistics do not merge, nor do rows: they are left out.
        """
        both = {group: moments.merged(other.together[group]) for group, moments in self.together.items() if group in other.together}
        broken = {name: self.broken.get(name, 0) + other.broken.get(name, 0) for name in {**self.broken, **other.broken}}
        units = self.units + other.units
        return Summary(arm=self.arm, units=units, together=both, broken=broken, limits=self.limits)

    def _check(self, group: tuple[Term, ...]) -> None:
        for column in dict.fromkeys(column for term in group for column in term.columns):
            if count := self.broken.get(column, 0):
                said = f"{column} is not a finite number for {count} of the {self.units} units of {self.arm}: leave those out of every arm"
                raise Refused(Reason.NOT_A_NUMBER, f"{said}, or say what they count as", column)


def summarise(columns: Columns, arm: Array, needs: Needs, arms: Sequence[str] | None = None) -> dict[str, Summary]:
    """Return every arm's summary.

    Args:
        columns: Numbers or booleans, a row per unit. Shape (n,) each.
        arm: The arm each unit is in, as text. Shape (n,).
        needs: What is asked, by all metrics together.
        arms: The arms there should be, in their order, also if they have no units; those found, in alphabetical order, if not given.
    """
    limits = limits_of(columns, needs)
    names = list(arms) if arms is not None else [str(name) for name in np.unique(arm)]
    many = len(arm) > MOST_ROWS
    return {name: summary_of(take(columns, arm == name), name, needs, limits, many=many) for name in names}


def summarise_strata(columns: Columns, arm: Array, stratum: Array, needs: Needs) -> dict[str, dict[str, Summary]]:
    """Return every arm's summary by stratum; `stratum` is text, shape (n,). Limits are those of all strata together."""
    limits = limits_of(columns, needs)
    names = [str(name) for name in np.unique(arm)]
    found: dict[str, dict[str, Summary]] = {}
    for of in np.unique(stratum):
        within = stratum == of
        rows, arms = take(columns, within), arm[within]
        found[str(of)] = {name: summary_of(take(rows, arms == name), name, needs, limits) for name in names}
    return found


def limits_of(columns: Columns, needs: Needs) -> dict[tuple[str, float], float]:
    """Return what winsorised columns are limited to: a quantile of the finite values of all arms together."""
    found: dict[tuple[str, float], float] = {}
    for column, q in needs.winsorised():
        values = np.asarray(columns[column], dtype=np.float64)
        finite = values[np.isfinite(values)]
        found[column, q] = float(np.quantile(finite, q)) if len(finite) else float("nan")
    return found


def summary_of(columns: Columns, arm: str, needs: Needs, limits: Limits, *, many: bool = False) -> Summary:
    """Return the summary of one arm's units; without their rows where there are too many."""
    n = size(columns)
    broken = {name: int(n - np.isfinite(np.asarray(columns[name], dtype=np.float64)).sum()) for name in needs.columns()}
    broken = {name: count for name, count in broken.items() if count}
    whole = {term: values_of(columns, term, limits) for term in needs.terms() if not broken.keys() & set(term.columns)}
    groups = {group: [whole[term] for term in group] for group in needs.together if all(term in whole for term in group)}
    return Summary(
        arm=arm,
        units=n,
        together={group: Moments.of({term.name: x for term, x in zip(group, rows, strict=True)}) for group, rows in groups.items()},
        values={each: _at_ranks(whole[each.term], each) for each in needs.ordered if each.term in whole},
        broken=broken,
        limits=limits,
        rows=None if many else in_order({name: np.asarray(columns[name]).astype(str) for name in needs.labels}, _told(needs, whole)),
    )


def in_order(labels: Columns, told: Columns) -> dict[str, Array]:
    """Return rows by name in an order that they alone decide: by labels first, then by terms. Shape (n,) each."""
    rows = {**{name: told[name] for name in sorted(told)}, **{name: labels[name] for name in sorted(labels)}}
    return take(rows, np.lexsort(list(rows.values()))) if rows else {}


def _told(needs: Needs, whole: Mapping[Term, Array]) -> dict[str, Array]:
    return {term.name: whole[term] for term in needs.rows if term in whole}


def values_of(columns: Columns, term: Term, limits: Limits) -> Array:
    """Return a term's values. Shape (n,)."""
    values = np.asarray(columns[term.column], dtype=np.float64)
    if term.above is not None:
        values = (values > term.above).astype(np.float64)
    if term.cap is not None:
        values = np.minimum(values, term.cap)
    if term.winsorise is not None:
        values = np.minimum(values, limits[term.column, term.winsorise])
    return values if term.times is None else values * values_of(columns, term.times, limits)


def _at_ranks(values: Array, asked: Ordered) -> Array:
    if not len(values):
        return np.empty(0)
    ranks = asked.ranks(len(values))
    return np.partition(values, ranks)[ranks]
