"""Difference in differences: how much more the treated units changed than the others did."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Asked
from millrace.experiments.estimate import Estimate, estimated, finite
from millrace.experiments.least_squares import Fit, fitted
from millrace.experiments.metric import PLAIN
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.sandwich import Sandwich
from millrace.types import Array

FEW_DEGREES = 4.0
"""Degrees of freedom below which a few clusters decide, and an interval is only roughly right."""


def two_by_two(outcome: Array, treated: Array, after: Array, cluster: Array, asked: Asked = PLAIN) -> Estimate:
    """Return how much more the treated units' mean changed than the others', in the outcome's unit.

    It is the effect if both would have changed alike without the treatment: that cannot be tested by these data; see `event_study` for a
    hint where there are more periods. Errors are by cluster (CR2), with the degrees of freedom that few or unequal clusters leave.

    Args:
        outcome: A row per unit and period. Shape (n,).
        treated: Whether the row's unit is one that the treatment came to. Boolean, shape (n,).
        after: Whether the row is of the time after it came. Boolean, shape (n,).
        cluster: What was treated together: the unit, or its region. Shape (n,).
        asked: The confidence, the side, the margin.

    Raises:
        Refused: One of the four means has no rows, or there are fewer than five clusters; an outcome is no number.

    Source: Card & Krueger (1994); Bertrand, Duflo & Mullainathan (2004), How Much Should We Trust Differences-in-Differences Estimates?
    """
    treated, after = np.asarray(treated, dtype=bool), np.asarray(after, dtype=bool)
    for said, rows in (("treated", treated), ("untreated", ~treated)):
        for when, these in (("after", after), ("before", ~after)):
            if not (rows & these).any():
                raise Refused(Reason.EMPTY_ARM, f"there are no {said} rows {when}: the difference of differences needs all four means")
    x = np.column_stack([np.ones(len(outcome)), treated, after, treated & after]).astype(np.float64)
    return by_cluster(fitted(x, outcome), 3, cluster, "difference in differences", asked)


def two_way(outcome: Array, unit: Array, period: Array, treated: Array, cluster: Array | None = None, asked: Asked = PLAIN) -> Estimate:
    """Return the effect of being treated, units' and periods' own levels held fixed (two-way fixed effects), in the outcome's unit.

    Right where the effect is the same for all and at once. Where units are treated at different times and the effect grows, units
    treated long ago serve as controls and the figure may even have the wrong sign: use `staggered.group_time` then.

    Args:
        outcome: A row per unit and period; some may be missing. Shape (n,).
        unit: Whose it is. Shape (n,).
        period: When. Shape (n,).
        treated: Whether the unit is treated in that period. Boolean, shape (n,).
        cluster: What is treated together; None: the unit. Shape (n,).
        asked: The confidence, the side, the margin.

    Raises:
        Refused: Nothing is left of `treated` beside units and periods; fewer than five clusters; an outcome is no number.

    Source: Goodman-Bacon (2021), Difference-in-Differences with Variation in Treatment Timing, for what it averages.
    """
    finite("the outcome", outcome)
    if not len(outcome):
        raise Refused(Reason.EMPTY_ARM, "there are no rows to compare: read a longer time, or other units", "outcome")
    x = within(unit, period, np.asarray(treated, dtype=np.float64)[:, None], outcome)
    fit = fitted(x[:, :-1], x[:, -1], absorbed=len(np.unique(unit)))
    return by_cluster(fit, 0, unit if cluster is None else cluster, "two-way fixed effects", asked)


def within(unit: Array, period: Array, columns: Array, outcome: Array) -> Array:
    """Return regressors and outcome less their unit's mean: the columns, a dummy for each period but the first, the outcome, in this order.

    Args:
        unit: Shape (n,).
        period: Shape (n,).
        columns: The regressors of interest. Shape (n, k).
        outcome: Shape (n,).
    """
    _, who = np.unique(unit, return_inverse=True)
    periods, when = np.unique(period, return_inverse=True)
    if len(np.unique(who * len(periods) + when)) < len(who):
        raise BadInput("a unit has two rows in a period: average them, or make the periods finer", field="period")
    rows = np.column_stack([columns, np.eye(len(periods))[when][:, 1:], outcome]).astype(np.float64)
    totals = np.zeros((int(who.max()) + 1, rows.shape[1]))
    np.add.at(totals, who, rows)
    return rows - (totals / np.bincount(who)[:, None])[who]


def by_cluster(fit: Fit, place: int, cluster: Array, method: str, asked: Asked) -> Estimate:
    """Return a slope of a regression with the error that clusters leave it (CR2), and its degrees of freedom (Satterthwaite).

    Units' means may have been absorbed, as long as each unit lies in one cluster.

    Raises:
        Refused: There are fewer than five clusters, one of them alone tells the effect, or nothing varies.

    Source: Pustejovsky & Tipton (2018), Small-Sample Methods for Cluster-Robust Variance Estimation and Hypothesis Testing in Fixed
    Effects Models.
    """
    _, code = np.unique(cluster, return_inverse=True)
    clusters = int(code.max()) + 1
    if clusters < 5:
        said = f"{clusters} clusters are too few to take an error from: treat more of them, or use a synthetic control"
        raise Refused(Reason.FEW_CLUSTERS, said, "cluster")
    if _rests_on_one(fit, place, code):
        said = "one cluster alone was treated, or alone was not: chance cannot be told from the effect"
        raise Refused(Reason.FEW_CLUSTERS, f"{said}; treat two or more, or use a synthetic control", "cluster")
    outcome = fit.x @ fit.slopes + fit.residual
    error = Sandwich.fitted(fit.x, outcome, np.ones(len(code)), code).error(np.eye(fit.x.shape[1])[place])
    cautions: tuple[Caution, ...] = ()
    if error.df < FEW_DEGREES:
        said = f"{clusters} clusters are worth {error.df:.1f} degrees of freedom here, as a few decide: the interval is only roughly right"
        cautions = (Caution(Reason.FEW_CLUSTERS, f"{said}; treat more of them"),)
    return estimated(fit.slopes[place], error.size, error.df, method, asked, cautions)


def _rests_on_one(fit: Fit, place: int, code: Array) -> bool:
    """Return whether, without some cluster, the slope could not be told: that cluster is then fitted perfectly, and no error is left."""
    pull = fit.x @ fit.inverse[place]
    shares = np.bincount(code, weights=pull**2) / (pull @ pull)
    of = np.eye(len(fit.slopes))[place]
    for cluster in np.flatnonzero(shares > 0.3):  # who alone tells it has half of the pull, or more
        others = fit.x[code != cluster]
        gram = others.T @ others
        if not np.allclose(gram @ np.linalg.pinv(gram, rcond=1e-9, hermitian=True) @ of, of, atol=1e-6):
            return True
    return False
