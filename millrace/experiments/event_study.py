"""The effect period by period about the treatment: before it there should be none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from millrace.experiments.comparison import Asked
from millrace.experiments.difference_in_differences import by_cluster, within
from millrace.experiments.estimate import Estimate, finite
from millrace.experiments.least_squares import clustered, fitted
from millrace.experiments.metric import PLAIN
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array


@dataclass(frozen=True)
class EventStudy:
    """Effects by the time since the treatment, against the period just before it.

    Attributes:
        when: Periods since the treatment, ascending, without -1. Shape (k,).
        effects: One for each.
        before: The p-value of "no effect in any period before": small where the treated were on another path already. It says little
            where it is large and the intervals before are wide. NaN where there is but one period before.
    """

    when: Array
    effects: tuple[Estimate, ...]
    before: float


def event_study(outcome: Array, unit: Array, period: Array, since: Array, cluster: Array | None = None, asked: Asked = PLAIN) -> EventStudy:
    """Return the effect in each period before and after the treatment, units' and periods' own levels held fixed.

    All treated units must be treated at the same time; where they are not, use `staggered.group_time`, whose periods before serve alike.

    Args:
        outcome: A row per unit and period; some may be missing. Shape (n,).
        unit: Whose it is. Shape (n,).
        period: When: whole numbers. Shape (n,).
        since: The first period in which the row's unit was treated; NaN for units that never are. Shape (n,).
        cluster: What is treated together; None: the unit. Shape (n,).
        asked: The confidence, the side, the margin.

    Raises:
        Refused: Units are treated at different times, all are treated or none; fewer than five clusters; an outcome is no number.

    Source: Jacobson, LaLonde & Sullivan (1993); Roth (2022), Pretest with Caution, for what the test before cannot say.
    """
    finite("the outcome", outcome)
    starts = np.unique(since[~np.isnan(since)])
    if len(starts) != 1 or not np.isnan(since).any():
        said = f"{len(starts)} times of treatment and {int(np.isnan(since).sum())} untreated rows: an event study needs one time, and units"
        raise Refused(Reason.NO_SUPPORT, f"{said} that are never treated; for several times use staggered.group_time", "since")
    apart = period - starts[0]
    when = np.setdiff1d(np.unique(apart[~np.isnan(since)]), [-1])
    dummies = (apart[:, None] == when) & ~np.isnan(since)[:, None]
    x = within(unit, period, dummies, outcome)
    fit = fitted(x[:, :-1], x[:, -1], absorbed=len(np.unique(unit)))
    together = unit if cluster is None else cluster
    effects = [by_cluster(fit, k, together, "event study", asked) for k in range(len(when))]
    covariance, clusters = clustered(fit, together, within=True)
    early = np.flatnonzero(when < 0)
    return EventStudy(when, tuple(effects), wald(fit.slopes[early], covariance[np.ix_(early, early)], clusters - 1.0))


def wald(values: Array, covariance: Array, df: float) -> float:
    """Return the p-value of "all are 0": F with (values, df) degrees of freedom; NaN without values."""
    if not len(values):
        return float("nan")
    return float(special.fdtrc(len(values), df, values @ np.linalg.solve(covariance, values) / len(values)))
