"""Two arms as rows: what each independent unit adds to the top and to the bottom of a figure, checked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Arm
from millrace.experiments.contrast import check_size
from millrace.experiments.moments import Moments
from millrace.experiments.ratio_metric import linear
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array


class TwoArms(NamedTuple):
    """What independent units add to a figure; an arm's figure is its sum of tops over its sum of bottoms.

    Attributes:
        top: Shape (units,).
        bottom: 1 each for a mean. Shape (units,).
        treated: Whose each unit is. Boolean, shape (units,).
    """

    top: Array
    bottom: Array
    treated: Array

    def figures(self, metric: str) -> tuple[Arm, Arm]:
        """Return both arms' figures, with errors by the delta method.

        Raises:
            Refused: An arm has fewer than two units, or its bottoms sum to 0.
        """
        control, treatment = (self._figure(metric, name, self.treated == is_treated) for name, is_treated in _ARMS)
        return control, treatment

    def _figure(self, metric: str, name: str, mine: Array) -> Arm:
        check_size(metric, name, n := int(mine.sum()))
        found = linear(Moments.of({"top": self.top[mine], "bottom": self.bottom[mine]}))
        if not np.isfinite(found.value):
            raise Refused(Reason.NO_BASE, f"the bottom of {metric} sums to 0 in {name}: there is nothing to divide by", name)
        is_constant = np.ptp(self.top[mine]) == 0 == np.ptp(self.bottom[mine])  # but for rounding in its mean
        return Arm(name=name, value=found.value, variance=0.0 if is_constant else max(found.variance, 0.0) / n, units=n, df=n - 1.0)


_ARMS = (("control", False), ("treatment", True))


def two_arms(value: Array, treated: Array, *, bottom: Array | None = None, cluster: Array | None = None) -> TwoArms:
    """Return two arms' rows by independent unit.

    Args:
        value: What is averaged, or the top of a ratio, per row. Shape (n,).
        treated: Whose each row is. Boolean, shape (n,).
        bottom: The bottom of a ratio, 0 or more; 1 each if not given, for a mean per row. Shape (n,).
        cluster: What was assigned as a whole, if that is not the row: sums are then taken by cluster. Shape (n,).

    Raises:
        Refused: Something is not a finite number, a bottom is negative, or a cluster lies in both arms.
        BadInput: Lengths differ.
    """
    treated = np.asarray(treated)
    if treated.dtype != np.bool_:
        raise BadInput("treated must say yes or no of every row: a boolean array", field="treated")
    top = finite("value", value, len(treated))
    under = np.ones(len(top)) if bottom is None else finite("bottom", bottom, len(treated))
    if (under < 0).any():
        raise Refused(
            Reason.OUT_OF_BOUNDS, f"the bottom is negative for {int((under < 0).sum())} rows: a ratio of totals has no error then"
        )
    if cluster is None:
        return TwoArms(top, under, treated)
    _, code = np.unique(cluster, return_inverse=True)
    rows, yes = np.bincount(code), np.bincount(code, weights=treated)
    if len(rows) and (both := int(((yes > 0) & (yes < rows)).sum())):
        raise Refused(Reason.TWO_ARMS, f"{both} of {len(rows)} clusters lie in both arms: clusters are assigned as a whole", "cluster")
    return TwoArms(np.bincount(code, weights=top), np.bincount(code, weights=under), yes > 0)


def finite(name: str, values: Array, n: int) -> Array:
    """Return numbers as floats.

    Raises:
        Refused: One is not finite.
        BadInput: There are not n of them.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (n,):
        raise BadInput(f"{name} has shape {numbers.shape} for {n} rows", field=name)
    if broken := int(n - np.isfinite(numbers).sum()):
        said = f"{name} is not a finite number for {broken} of {n} rows: leave those units out of both arms, or say what they count as"
        raise Refused(Reason.NOT_A_NUMBER, said, name)
    return numbers
