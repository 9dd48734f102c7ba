"""Two arms whose rows come in clusters: classes, cities, or viewers with many views each."""

from __future__ import annotations

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.sandwich import By, Sandwich
from millrace.experiments.two_arms import TwoArms, finite, two_arms
from millrace.types import Array


def clustered(
    metric: str,
    value: Array,
    treated: Array,
    cluster: Array,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    *,
    bottom: Array | None = None,
    covariates: Array | None = None,
    by: By = "CR2",
) -> Comparison:
    """Compare two arms by a regression on the treatment, with errors that let the rows of a cluster go together in any way.

    A cluster is mostly in one arm, as when clusters were assigned; it may hold rows of both, as when rows were. Clusters count, not rows:
    twenty make a comparison, however large they are. Its weakness: with a few clusters that hold most rows even CR2 is only roughly right;
    fewer than 4 degrees of freedom are said.

    Args:
        metric: Its name.
        value: What is averaged over rows, or the top of a ratio. Shape (n,).
        treated: Whose each row is. Boolean, shape (n,).
        cluster: Which cluster each row is of. Shape (n,).
        asked: The confidence, the side and the margin.
        bottom: The bottom of a ratio of totals, 0 or more. Shape (n,).
        covariates: What was known of rows beforehand; the arms' figures are those of rows alike in them. Shape (n,) or (n, k).
        by: Which sandwich; see `sandwich`.

    Raises:
        Refused: Something is not a finite number, an arm has fewer than two clusters, or nothing varies.
    """
    rows = two_arms(value, treated, bottom=bottom)
    _, code = np.unique(cluster, return_inverse=True)
    if code.shape != rows.treated.shape:
        raise BadInput(f"cluster has shape {code.shape} for {len(rows.treated)} rows", field="cluster")
    named = (("control", ~rows.treated), ("treatment", rows.treated))
    inside = {name: np.bincount(code[mine], minlength=code.max(initial=0) + 1) > 0 for name, mine in named}
    for name, found in inside.items():
        if not found.any():
            raise Refused(
                Reason.EMPTY_ARM, f"{name} has no clusters for {metric}: wait until some were exposed, or leave the arm out", name
            )
        if found.sum() == 1:
            said = f"{name} has one cluster for {metric}, however many rows: at least two are needed to tell an effect from chance"
            raise Refused(Reason.FEW_CLUSTERS, said, name)
    beside = _centred(covariates, rows.bottom)
    fit = Sandwich.fitted(np.column_stack([np.ones(len(code)), rows.treated, beside]), rows.top, rows.bottom, code)
    arms = [_figure(name, fit, int(inside[name].sum()), treated=name == "treatment", by=by) for name in inside]
    effect = np.zeros(len(fit.coefficients))
    effect[1] = 1.0
    error = fit.error(effect, by)
    said = (
        f"{metric} rests on {len(fit.grams)} clusters, worth {error.df:.1f} degrees of freedom: its p-value is rough; take smaller clusters"
    )
    cautions = (Caution(Reason.FEW_CLUSTERS, said),) if error.df < FEWEST_DF else ()
    found = contrast(metric, arms[0], arms[1], asked, method=f"clusters, {by}", error=error, cautions=cautions)
    if not beside.shape[1] and not (inside["control"] & inside["treatment"]).any():
        return found
    return msgspec.structs.replace(found, relative=None, relative_low=None, relative_high=None)  # the arms are not independent


def clustered_figure(name: str, arms: TwoArms, cluster: Array) -> Arm:
    """Return the figure of all rows together, with its error by clusters (CR2): rows are counted, degrees of freedom are the clusters'.

    Args:
        name: What it is of.
        arms: What each row adds; whose it is does not matter.
        cluster: Which cluster each row is of. Shape (n,).

    Raises:
        Refused: There are fewer than two clusters.
    """
    clusters, code = np.unique(cluster, return_inverse=True)
    if len(clusters) < 2:
        raise Refused(
            Reason.FEW_CLUSTERS, f"{name} has {len(clusters)} clusters: at least two are needed to tell an effect from chance", name
        )
    fit = Sandwich.fitted(np.ones((len(code), 1)), arms.top, arms.bottom, code)
    return _figure(name, fit, len(code), treated=False, by="CR2")


FEWEST_DF = 4.0
"""Below this Satterthwaite's approximation itself is rough (Tipton 2015)."""


def _centred(covariates: Array | None, weight: Array) -> Array:
    """Return covariates about their means over all rows. Shape (n, k)."""
    if covariates is None:
        return np.empty((len(weight), 0))
    columns = np.asarray(covariates, dtype=np.float64).reshape(len(weight), -1)
    columns = np.column_stack([finite("a covariate", column, len(weight)) for column in columns.T])
    return columns - (weight @ columns) / weight.sum()


def _figure(name: str, fit: Sandwich, clusters: int, *, treated: bool, by: By) -> Arm:
    of = np.zeros(len(fit.coefficients))
    of[: 1 + treated] = 1.0
    size, df = fit.error(of, by)
    return Arm(name=name, value=float(of @ fit.coefficients), variance=size**2, units=clusters, df=df)
