"""Synthetic control: one treated unit beside the mixture of untreated ones that was most like it before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.estimate import finite
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.simplex import mixture
from millrace.types import Array

FEWEST_BEFORE = 5
"""How many periods before the treatment a fit can be judged by at all."""

_TIE = 1e-4
"""How little the outcomes count beside the predictors: enough to choose among mixtures that meet the predictors equally well."""


@dataclass(frozen=True)
class Panel:
    """Outcomes of some units over time, one of which is treated from some period on.

    Attributes:
        outcome: In the metric's unit. Shape (units, periods).
        treated: Which unit it is.
        since: The first treated period; the donors are never treated.
        predictors: What the mixture is to resemble the treated unit in, taken before the treatment; None: its outcomes before, period by
            period. Shape (units, k).
    """

    outcome: Array
    treated: int
    since: int
    predictors: Array | None = None

    @property
    def donors(self) -> Array:
        """The units that are never treated. Shape (units - 1,)."""
        return np.delete(np.arange(len(self.outcome)), self.treated)

    def without(self, unit: int) -> Panel:
        """Return the panel without a donor."""
        keep = np.delete(np.arange(len(self.outcome)), unit)
        predictors = None if self.predictors is None else self.predictors[keep]
        return Panel(self.outcome[keep], self.treated - (unit < self.treated), self.since, predictors)


@dataclass(frozen=True)
class SyntheticControl:
    """A fitted synthetic control.

    Attributes:
        effect: The mean gap after the treatment, in the outcome's unit. Its chance is told by `placebo.in_space`, not by an error.
        gaps: Treated - synthetic, period by period. Shape (periods,).
        weights: Of the donors, 0 or more, 1 together. Shape (units - 1,).
        importance: Of the predictors, 1 together. Shape (k,).
        before: The root mean squared gap before the treatment: how well it fits.
        after: The same after it.
        floor: The least `before` that any weights could have, whatever the predictors.
        reached: The `before` that each start ended at, best first. Starts that end apart are local optima. Shape (starts,).
        cautions: What must be known of it.
    """

    effect: float
    gaps: Array
    weights: Array
    importance: Array
    before: float
    after: float
    floor: float
    reached: Array
    cautions: tuple[Caution, ...]

    @property
    def ratio(self) -> float:
        """The gap after in terms of the gap before: what placebos are ranked by."""
        return self.after / max(self.before, 1e-9 * max(self.after, 1e-300))


def synthetic_control(panel: Panel, *, starts: int = 30, seed: int = 0, worst: float = 0.25) -> SyntheticControl:
    """Return the synthetic control whose outcomes before the treatment are nearest to the treated unit's.

    For given importances of the predictors the donors' weights are a convex problem, solved exactly; the importances are searched for,
    and there the error has many local optima. So the search starts many times: from equal importances, from a regression's, from those
    under which the best weights of all would be chosen, from each predictor by itself, and from the best of some hundred drawn ones; and
    what each start reached is told. Without predictors there is nothing to search for. Its weakness: one treated unit and no assignment;
    what else happened to it at that time is in the effect.

    Args:
        panel: Outcomes and predictors.
        starts: How often the search begins, at least one.
        seed: Of the drawn starts.
        worst: The largest `before` that is taken, as a part of the spread of the units' outcomes before the treatment.

    Raises:
        Refused: The fit is bad; there are fewer than five periods before, or than two donors; a value is no number.
        BadInput: The panel does not hold the treated unit or period.

    Source: Abadie, Diamond & Hainmueller (2010), Synthetic Control Methods for Comparative Case Studies; Becker & Klößner (2018) on ties
    and local optima.
    """
    _check(panel, starts)
    donors, before = panel.outcome[panel.donors].T, slice(0, panel.since)
    own = panel.outcome[panel.treated]
    floor = _root(own[before] - donors[before] @ mixture(donors[before], own[before]))
    search = _Search(panel, floor)
    found = sorted(search.ends(starts, seed), key=lambda end: end[0])
    reached = np.array([end[0] for end in found])
    importance = found[0][1]
    weights = search.weights(importance)
    gaps = own - donors @ weights
    spread = float(np.sqrt(panel.outcome[:, before].var(axis=0, ddof=1).mean()))
    if reached[0] > worst * spread:
        said = (
            f"before the treatment the synthetic control misses by {reached[0]:.3g}, where units differ by {spread:.3g} among one another"
        )
        raise Refused(Reason.BAD_FIT, f"{said}: no mixture of these donors is like the treated unit; find others", "panel")
    return SyntheticControl(
        effect=float(gaps[panel.since :].mean()),
        gaps=gaps,
        weights=weights,
        importance=importance,
        before=float(reached[0]),
        after=_root(gaps[panel.since :]),
        floor=floor,
        reached=reached,
        cautions=tuple(_cautions(panel, reached, floor, spread)),
    )


class _Search:
    """The error before the treatment as a function of the predictors' importances."""

    def __init__(self, panel: Panel, floor: float) -> None:
        own, donors = panel.outcome[panel.treated], panel.outcome[panel.donors]
        self._own, self._donors = own[: panel.since], donors[:, : panel.since].T
        self._is_direct = panel.predictors is None
        predictors = panel.outcome[:, : panel.since] if panel.predictors is None else panel.predictors
        size = predictors.std(axis=0, ddof=1)
        scaled = predictors / (1.0 if self._is_direct else np.where(size > 0, size, 1.0))
        self._target, self._columns = scaled[panel.treated], scaled[panel.donors].T
        self._tie = _TIE / max(float(panel.outcome[:, : panel.since].std()), 1e-300)
        self._floor = floor

    def weights(self, importance: Array) -> Array:
        """Return the donors' weights for given importances. Shape (donors,)."""
        if self._is_direct:
            return mixture(self._donors, self._own)
        root = np.sqrt(importance)
        rows = np.vstack([self._columns * root[:, None], self._donors * self._tie])
        return mixture(rows, np.concatenate([self._target * root, self._own * self._tie]))

    def ends(self, starts: int, seed: int) -> Iterator[tuple[float, Array]]:
        """Yield (the error reached, the importances) of each start; no more starts are made once nothing better can be."""
        from scipy.optimize import minimize

        k = len(self._target)
        if self._is_direct or k == 1:
            yield self._error(np.zeros(k)), np.full(k, 1 / k)
            return
        for start in self._starts(starts, seed):
            options = {"maxiter": 150 * k, "xatol": 1e-3, "fatol": 1e-8 * max(self._floor, 1e-300)}
            end = minimize(self._error, start, method="Nelder-Mead", options=options)
            end = minimize(self._error, end.x, method="Nelder-Mead", options=options)  # a fresh simplex leaves where the first one shrank
            yield float(end.fun), _shares(end.x)
            if end.fun <= self._floor * (1 + 1e-6):
                return

    def _error(self, logs: Array) -> float:
        return _root(self._own - self._donors @ self.weights(_shares(logs)))

    def _starts(self, starts: int, seed: int) -> list[Array]:
        """Return the logarithms of the importances to begin from."""
        k, columns = len(self._target), self._columns
        slopes = np.linalg.lstsq(np.column_stack([np.ones(columns.shape[1]), columns.T]), self._donors.T, rcond=None)[0][1:]
        missed = self._target - columns @ mixture(self._donors, self._own)  # by the best weights of all: what they miss matters little
        known = [np.zeros(k), np.log(np.maximum((slopes**2).sum(axis=1), 1e-12)), -np.log(missed**2 + 1e-6)]
        drawn = list(np.concatenate([6.0 * np.eye(k), np.random.default_rng(seed).normal(0.0, 3.0, (10 * starts, k))]))
        return [*known, *sorted(drawn, key=self._error)][:starts]


def _shares(logs: Array) -> Array:
    powers = np.exp(np.clip(logs - logs.max(), -60.0, 0.0))
    return powers / powers.sum()


def _root(gaps: Array) -> float:
    return float(np.sqrt((gaps**2).mean()))


def _cautions(panel: Panel, reached: Array, floor: float, spread: float) -> Iterator[Caution]:
    if len(reached) > 2 and (reached <= reached[0] * 1.01).sum() < 2 and reached[0] > floor * 1.01:
        said = f"only one of {len(reached)} starts came to the best fit ({reached[0]:.3g}; the next {reached[1]:.3g})"
        yield Caution(Reason.BAD_FIT, f"{said}: there may be a better one; begin more often")
    if floor < 1e-6 * spread:
        said = f"{len(panel.donors)} donors can meet {panel.since} periods to the letter, so a perfect fit says nothing"
        yield Caution(Reason.BAD_FIT, f"{said}: have more periods before, or fewer donors")


def _check(panel: Panel, starts: int) -> None:
    units, periods = panel.outcome.shape
    if not 0 <= panel.treated < units or not 0 < panel.since < periods or starts < 1:
        said = f"treated={panel.treated}, since={panel.since}, starts={starts} of {units} units and {periods} periods"
        raise BadInput(f"{said}: number both from 0, with a period before and one after, and start at least once", field="panel")
    finite("the outcome", panel.outcome)
    if panel.predictors is not None:
        finite("a predictor", panel.predictors)
    if panel.since < FEWEST_BEFORE:
        said = f"{panel.since} periods before the treatment are too few to see whether the fit is any good"
        raise Refused(Reason.BAD_FIT, f"{said}: have at least {FEWEST_BEFORE}", "since")
    if units < 3:
        raise Refused(Reason.FEW_UNITS, f"{units - 1} donors make no mixture: have at least two, better twenty", "panel")
    if not np.ptp(panel.outcome[:, : panel.since]):
        said = "all units are alike in all periods before, so any mixture fits and none says anything"
        raise Refused(Reason.NO_VARIANCE, f"{said}; read another outcome, or a longer time", "panel")
