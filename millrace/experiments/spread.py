"""How much one unit moves a figure by chance: what power and sample sizes rest on, for every kind of metric."""

from __future__ import annotations

from typing import Annotated

import msgspec

from millrace.errors import BadInput
from millrace.experiments.comparison import Arm


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the control and the variance that one unit brings: n units have a figure of `variance` / n.

    Attributes:
        value: The control's value, in the metric's unit; relative effects are parts of it.
        variance: The variance one unit brings, in the metric's unit squared.
        is_share: Whether the value is a share of units, so that its variance goes with it, p (1 - p), and is another in the treatment.
        per_df: How many units make one degree of freedom of the variance: 1 for means, a cluster's size under clusters, 0 where the
            variance is taken for known.

    Its weakness: but for shares, the treatment is taken to vary as the control does. Where an effect is a large part of the value that may
    be too little.
    """

    value: float
    variance: float
    is_share: bool = False
    per_df: Annotated[float, msgspec.Meta(ge=0)] = 1.0

    def __post_init__(self) -> None:
        if not self.variance > 0 or self.variance == float("inf"):
            raise BadInput(f"the variance per unit is {self.variance}: without one above 0 nothing can be planned", field="variance")

    @staticmethod
    def of(arm: Arm) -> Spread:
        """Return the spread of a figure that was measured: of any metric, as its covariates and its clusters left it."""
        return Spread(value=arm.value, variance=arm.variance * arm.units, per_df=arm.units / (arm.df + 1))

    def moved(self, effect: float) -> float:
        """Return the variance one unit brings where the value is `effect` more."""
        if not self.is_share:
            return self.variance
        there = self.value + effect
        return self.variance * there * (1 - there) / (self.value * (1 - self.value))

    def explained(self, r_squared: float) -> Spread:
        """Return the spread after covariates have explained a part of it (CUPED).

        Args:
            r_squared: Which part of the variance, in [0, 1): the square of the correlation, for one covariate.
        """
        if not 0 <= r_squared < 1:
            raise BadInput(f"r_squared={r_squared}: covariates explain a part of the variance, in [0, 1)", field="r_squared")
        return msgspec.structs.replace(self, variance=self.variance * (1 - r_squared))

    def clustered(self, size: float, correlation: float, varying: float = 0.0) -> Spread:
        """Return the spread where whole clusters are assigned; units are still counted, degrees of freedom are those of clusters.

        Args:
            size: Units per cluster on average, 1 or more.
            correlation: Of two units of a cluster (intra-cluster correlation), in [0, 1].
            varying: The standard deviation of the clusters' sizes as a part of their mean.

        Source: Kish (1965), Survey Sampling; Eldridge, Ashby & Kerry (2006), Sample Size for Cluster Randomized Trials, for unequal sizes.

        >>> mean(1.0, 4.0).clustered(size=50, correlation=0.1).variance  # design effect 1 + 49 × 0.1
        23.6
        """
        if size < 1 or not 0 <= correlation <= 1 or varying < 0:
            raise BadInput(
                f"clusters of {size} units, correlation {correlation}, varying by {varying}: write size ≥ 1, correlation in [0, 1]"
            )
        effect = 1 + ((varying**2 + 1) * size - 1) * correlation
        return msgspec.structs.replace(self, variance=self.variance * effect, per_df=self.per_df * size)


def mean(value: float, variance: float) -> Spread:
    """Return the spread of a mean per unit whose values have a variance."""
    return Spread(value=value, variance=variance)


def share(value: float) -> Spread:
    """Return the spread of a share of units, in (0, 1)."""
    if not 0 < value < 1:
        raise BadInput(f"a share of {value} does not vary: write one between 0 and 1", field="value")
    return Spread(value=value, variance=value * (1 - value), is_share=True, per_df=0.0)


def ratio(top: float, bottom: float, top_variance: float, bottom_variance: float, covariance: float) -> Spread:
    """Return the spread of a ratio of totals over units, as clicks per view, by the delta method.

    Args:
        top: The mean per unit of what is counted.
        bottom: The mean per unit of what it is divided by, above 0.
        top_variance: Per unit.
        bottom_variance: Per unit.
        covariance: Of both, per unit.

    Source: Deng, Knoblich & Lu (2018), Applying the Delta Method in Metric Analytics.
    """
    if not bottom > 0:
        raise BadInput(f"a ratio to {bottom} on average says nothing: the bottom must be above 0", field="bottom")
    value = top / bottom
    return Spread(value=value, variance=(top_variance - 2 * value * covariance + value**2 * bottom_variance) / bottom**2)


def quantile(value: float, q: float, density: float) -> Spread:
    """Return the spread of a quantile.

    Args:
        value: The quantile, in the metric's unit.
        q: Which, in (0, 1).
        density: Of the values at the quantile: which part of them lies within one of the metric's units there. Above 0.

    Source: Mosteller (1946), On Some Useful "Inefficient" Statistics.
    """
    if not (0 < q < 1 and density > 0):
        raise BadInput(f"quantile {q} with density {density}: write q between 0 and 1 and a density above 0")
    return Spread(value=value, variance=q * (1 - q) / density**2, per_df=0.0)
