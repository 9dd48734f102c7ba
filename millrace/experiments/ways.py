"""Ways to compare two arms from what every unit did, for where moments do not say enough."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self, final

import msgspec
import numpy as np

from millrace.experiments.clustered import clustered, clustered_figure
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.metric import column_of
from millrace.experiments.permutation import permutation
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.resampling import bootstrap
from millrace.experiments.stratified import stratified
from millrace.experiments.two_arms import TwoArms
from millrace.types import Array, take

MOST_DRAWN = 500_000_000
"""How many units times draws may be drawn: some ten seconds' work."""


class Rows(NamedTuple):
    """What every unit of two arms did.

    Attributes:
        arms: What each adds to the metric's top and bottom, and whose it is.
        covariates: What was known of each beforehand. Shape (units, covariates).
        labels: By column, its cluster or its stratum. Shape (units,) each.
        is_ratio: Whether there is a bottom; else it is 1 each.
    """

    arms: TwoArms
    covariates: Array
    labels: Mapping[str, Array]
    is_ratio: bool

    def adjusted(self) -> TwoArms:
        """Return the arms less what covariates explain of the value, over both together (CUPED)."""
        if not self.covariates.shape[1]:
            return self.arms
        apart = self.covariates - self.covariates.mean(axis=0)
        slopes = np.linalg.lstsq(apart, self.arms.top - self.arms.top.mean(), rcond=None)[0]
        return self.arms._replace(top=self.arms.top - apart @ slopes)


class Way(ABC):
    """How two arms are compared.

    Attributes:
        holds_once: Whether what it says holds at one look only, as its p-value is no matter of a difference and its error.
        takes_ratios: Whether it compares ratios of totals too.
    """

    holds_once: ClassVar[bool] = False
    takes_ratios: ClassVar[bool] = True

    @property
    def labels(self) -> tuple[Any, ...]:
        """What it must be told of every unit besides the metric's own values: columns of text, or features of the request."""
        return ()

    def over(self, columns: Sequence[str]) -> Self:
        """Return it with its labels read from columns of text."""
        return dataclasses.replace(self, of=columns[0]) if columns else self  # type: ignore[type-var]

    @abstractmethod
    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control.

        Raises:
            Refused: There is no figure that would not mislead.
        """

    def figure(self, name: str, rows: Rows) -> Arm | None:
        """Return one arm's figure by itself, for plans; None where it is the metric's own. All rows are the arm's."""
        return None

    def redrawn(self, rng: np.random.Generator, n: int, labels: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return (which of the units to take, their labels by column) for n units drawn anew. Shape (n,) each."""
        at = rng.integers(0, len(next(iter(labels.values()))), n)
        return at, take(labels, at)


@final
@dataclass(frozen=True)
class Clustered(Way):
    """By errors that let the units of a cluster go together in any way (CR2), where units are not independent, or few and unlike.

    Attributes:
        of: What units have in common: a feature of the request such as `Guest.household`, as known when each was first exposed, or a column
            of text. Those of which none is known count as one cluster. If not given, every unit is a cluster of its own: for a ratio per
            viewer where some thirty cities were assigned.
    """

    of: Any = None

    @property
    def labels(self) -> tuple[Any, ...]:
        """The cluster."""
        return () if self.of is None else (self.of,)

    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control; see `clustered.clustered`."""
        bottom = rows.arms.bottom if rows.is_ratio else None
        covariates = rows.covariates if rows.covariates.shape[1] else None
        return clustered(metric, rows.arms.top, rows.arms.treated, self._cluster(rows), asked, bottom=bottom, covariates=covariates)

    def figure(self, name: str, rows: Rows) -> Arm | None:
        """Return one arm's figure with its error by clusters; its units are still counted."""
        return clustered_figure(name, rows.adjusted(), self._cluster(rows))

    def redrawn(self, rng: np.random.Generator, n: int, labels: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return (which of the units to take, their clusters), clusters drawn as a whole until there are n units, and the last one cut."""
        label = labels[column_of(self.of)]
        order = np.argsort(label, kind="stable")
        parts = np.split(order, np.flatnonzero(label[order][1:] != label[order][:-1]) + 1)
        found: list[Array] = []
        while sum(map(len, found)) < n:
            found.append(parts[int(rng.integers(len(parts)))])
        of = np.repeat(np.arange(len(found)), [len(one) for one in found])
        return np.concatenate(found)[:n], {column_of(self.of): of[:n].astype(str)}

    def _cluster(self, rows: Rows) -> Array:
        return np.arange(len(rows.arms.top)) if self.of is None else rows.labels[column_of(self.of)]


@final
@dataclass(frozen=True)
class Stratified(Way):
    """Within strata, put together by the strata's sizes: what differs between strata does not count as chance.

    Attributes:
        of: The stratum: a feature of the request such as `Guest.country`, as known when each unit was first exposed, or a column of text.
    """

    of: Any
    takes_ratios: ClassVar[bool] = False

    @property
    def labels(self) -> tuple[Any, ...]:
        """The stratum."""
        return (self.of,)

    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control; see `stratified.stratified`."""
        return stratified(metric, rows.adjusted().top, rows.arms.treated, rows.labels[column_of(self.of)], asked)


@final
@dataclass(frozen=True)
class Paired(Way):
    """Each unit with the one it was paired with before one of them was drawn to be treated: what pairs share does not count as chance.

    Where one of a pair is not there, or too young to be read, the other is left out too, and that is said; more than half are refused.

    Attributes:
        of: The pair: a feature of the request such as `Guest.pair`, as known when each unit was first exposed, or a column of text.
    """

    of: Any
    takes_ratios: ClassVar[bool] = False

    @property
    def labels(self) -> tuple[Any, ...]:
        """The pair."""
        return (self.of,)

    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control; see `matched_pairs.matched_pairs`."""
        treated, value = rows.arms.treated, rows.adjusted().top
        names, code = np.unique(rows.labels[column_of(self.of)], return_inverse=True)
        sides = np.stack([np.bincount(code[treated == side], minlength=len(names)) for side in (False, True)])
        kept = (sides == 1).all(axis=0)[code]
        alone = int((~kept).sum())
        said = f"{metric}: {alone} of {len(code)} units have no partner, or several, in the other arm"
        if alone > len(code) / 2:
            raise Refused(Reason.LONE_STRATA, f"{said}: wait until both of a pair can be read, or name what tells pairs apart", "pair")
        found = matched_pairs(metric, value[kept], treated[kept], code[kept], asked)
        lone = (Caution(Reason.LONE_STRATA, f"{said} and are left out: if one arm makes them stay away, what is left is not alike"),)
        return msgspec.structs.replace(found, cautions=(*found.cautions, *(lone if alone else ())))

    def redrawn(self, rng: np.random.Generator, n: int, labels: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return (which of the units to take, their pairs): one arm does not tell how alike pairs are, so these are pairs by lot."""
        return rng.integers(0, len(next(iter(labels.values()))), n), {column_of(self.of): np.arange(n).astype(str)}


@final
@dataclass(frozen=True)
class Permutation(Way):
    """By drawing again who was treated: exact for few units, whatever the law of the values. A p-value, and no interval.

    Attributes:
        draws: How many other assignments; all of them where there are no more.
        seed: Of the draws.
    """

    draws: int = 9_999
    seed: int = 0
    holds_once: ClassVar[bool] = True

    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control; see `permutation.permutation`."""
        _bearable(metric, len(rows.arms.top), self.draws)
        return permutation(metric, rows.adjusted(), asked, seed=self.seed, draws=self.draws)


@final
@dataclass(frozen=True)
class Bootstrap(Way):
    """By drawing units anew from those seen: intervals that lean as skewed values do.

    Attributes:
        draws: How many.
        seed: Of the draws.
    """

    draws: int = 1_999
    seed: int = 0
    holds_once: ClassVar[bool] = True

    def compare(self, metric: str, rows: Rows, asked: Asked) -> Comparison:
        """Return how the treatment compares with the control; see `resampling.bootstrap`."""
        _bearable(metric, len(rows.arms.top), self.draws)
        return bootstrap(metric, rows.adjusted(), asked, seed=self.seed, draws=self.draws)


def _bearable(metric: str, units: int, draws: int) -> None:
    if units * draws > MOST_DRAWN:
        said = f"{metric}: {draws:,} draws of {units:,} units would take minutes, and so many units need none: leave by= out, or draw less"
        raise Refused(Reason.MANY_UNITS, said)
