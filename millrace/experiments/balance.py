"""How alike two arms are in what was known of their units beforehand: a table, a row per covariate."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from millrace.experiments.contrast import check_size
from millrace.experiments.two_arms import finite
from millrace.types import Array, Columns

ALIKE = 0.1
"""Up to this standardised difference arms are called alike (Austin 2009); drawn by lot, large arms lie far within it."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """How alike two arms are in one covariate.

    Attributes:
        covariate: Its name.
        control: The control's mean.
        treatment: The treatment's mean.
        standardised: treatment - control over the root of the arms' mean variance; 0 where neither varies and both are the same.
        variance_ratio: The treatment's variance over the control's; NaN where the control's is 0.
        farthest: The greatest distance of the arms' distribution functions (Kolmogorov–Smirnov), in [0, 1].
    """

    covariate: str
    control: float
    treatment: float
    standardised: float
    variance_ratio: float
    farthest: float

    @property
    def is_alike(self) -> bool:
        """Whether the standardised difference is a tenth at most, and the variances differ at most by a factor of two."""
        return abs(self.standardised) <= ALIKE and not (self.variance_ratio > 2 or self.variance_ratio < 0.5)


def balance(covariates: Columns, treated: Array) -> tuple[Balance, ...]:
    """Return how alike two arms are, covariate by covariate.

    Significance tests are left out on purpose: they tell how many units there are rather than how far arms lie apart.

    Args:
        covariates: Numbers known of units beforehand. Shape (n,) each.
        treated: Whose each unit is. Boolean, shape (n,).

    Raises:
        Refused: An arm has fewer than two units, or something is not a finite number.

    Source: Austin (2009), Balance Diagnostics for Comparing the Distribution of Baseline Covariates Between Treatment Groups.

    >>> one, = balance({"age": np.array([1.0, 3.0, 2.0, 4.0])}, np.array([False, False, True, True]))
    >>> round(one.standardised, 4), one.variance_ratio, one.farthest
    (0.7071, 1.0, 0.5)
    """
    treated = np.asarray(treated, dtype=bool)
    for arm, units in (("control", int((~treated).sum())), ("treatment", int(treated.sum()))):
        check_size("the balance", arm, units)
    found: list[Balance] = []
    for name, column in covariates.items():
        values = finite(name, column, len(treated))
        found.append(_row(name, values[~treated], values[treated]))
    return tuple(found)


def table(rows: Sequence[Balance]) -> str:
    """Return the report as text, the worst covariate first.

    >>> print(table(balance({"age": np.array([1.0, 3.0, 2.0, 4.0])}, np.array([False, False, True, True]))))
    covariate    control  treatment  standardised  variance ratio  farthest
    age                2          3         0.707               1     0.500  apart
    """
    width = max([9, *(len(row.covariate) for row in rows)])
    lines = [f"{'covariate':<{width}} {'control':>10} {'treatment':>10} {'standardised':>13} {'variance ratio':>15} {'farthest':>9}"]
    for row in sorted(rows, key=lambda row: -abs(row.standardised)):
        figures = f"{row.control:>10.4g} {row.treatment:>10.4g} {row.standardised:>13.3f} {row.variance_ratio:>15.3g} {row.farthest:>9.3f}"
        lines.append(f"{row.covariate:<{width}} {figures}{'' if row.is_alike else '  apart'}")
    return "\n".join(lines)


def _row(name: str, control: Array, treatment: Array) -> Balance:
    one, other = control.var(ddof=1), treatment.var(ddof=1)
    apart, scale = treatment.mean() - control.mean(), np.sqrt((one + other) / 2)
    values = np.unique(np.concatenate([control, treatment]))
    steps = [np.searchsorted(np.sort(side), values, side="right") / len(side) for side in (control, treatment)]
    return Balance(
        covariate=name,
        control=float(control.mean()),
        treatment=float(treatment.mean()),
        standardised=float(apart / scale) if scale > 0 else 0.0 if apart == 0 else float(np.copysign(np.inf, apart)),
        variance_ratio=float(other / one) if one > 0 else float("nan"),
        farthest=float(np.abs(steps[0] - steps[1]).max()),
    )
