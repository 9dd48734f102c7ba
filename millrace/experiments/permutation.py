"""The permutation test: how often would arms drawn anew differ as much as these, if the treatment did nothing to any unit?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Literal

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Alternative, Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.resampled_sums import AT_ONCE, Sums, differences, in_errors, terms
from millrace.experiments.two_arms import TwoArms
from millrace.types import Array

Statistic = Literal["studentised", "difference"]


def permutation(
    metric: str,
    arms: TwoArms,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    *,
    seed: int,
    draws: int = 9_999,
    statistic: Statistic = "studentised",
    allocations: Array | None = None,
) -> Comparison:
    """Compare two arms by drawing again who was treated. It gives a p-value and no interval.

    All allocations are gone through where there are no more than `draws` + 1 of them, and the p-value is exact. Else it is
    (b + 1) / (m + 1): b of m draws, and what was seen itself, which is an allocation too; so it is never 0 and never too small.
    The hypothesis is that the treatment changes no unit. The studentised difference keeps its level, with many units, also where only the
    means are alike and the arms vary differently; the plain difference does not.

    Args:
        metric: Its name.
        arms: Of `two_arms`, by whatever was assigned: rows or clusters, a mean or a ratio.
        asked: The side, and the margin; the margin is taken off every treated unit.
        seed: Of the draws.
        draws: m, at most.
        statistic: What is compared.
        allocations: Allocations that could have been drawn as well, where not all were possible: those of strata, pairs or a balance
            that was asked for. Boolean, shape (m, units).

    Raises:
        Refused: An arm has fewer than two units, or nothing varies.

    Source: Fisher (1935); Phipson & Smyth (2010), Permutation P-values Should Never Be Zero; Janssen (1997), Studentized Permutation Tests.

    >>> from millrace.experiments.two_arms import two_arms
    >>> arms = two_arms(np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0]), np.arange(6) > 2)
    >>> permutation("clicks", arms, seed=0).p_value  # 2 of the 20 ways to choose 3 of 6
    0.1
    """
    base = contrast(metric, *arms.figures(metric), asked)
    n, k = len(arms.treated), int(arms.treated.sum())
    rows = terms(arms._replace(top=arms.top - asked.beyond * arms.bottom * arms.treated))
    seen = _statistics(rows, arms.treated[None], statistic)[0]
    is_exact = allocations is None and comb(n, k) <= draws + 1
    parts = _given(allocations, n) if allocations is not None else _all(n, k) if is_exact else lots(n, k, draws, seed)
    beyond = total = 0 if is_exact else 1
    for part in parts:
        beyond += int(_as_far(_statistics(rows, part, statistic), seen, asked.alternative).sum())
        total += len(part)
    least = 1 / total * (2 if asked.alternative == "two-sided" and is_exact and 2 * k == n else 1)
    said = f"with {n} units no p-value of {metric} can be below {least:.2g}: nothing can be significant at {1 - asked.confidence:.2g}"
    cautions = (Caution(Reason.FEW_UNITS, said),) if least > 1 - asked.confidence + 1e-12 else ()
    return msgspec.structs.replace(
        base,
        method=f"permutation, {'exact' if is_exact else f'{total - 1} draws'}",
        low=None,
        high=None,
        p_value=beyond / total,
        log_p=float(np.log(beyond / total)),
        cautions=(*(caution for caution in base.cautions if caution.reason is not Reason.NO_VARIANCE), *cautions),
    )


def _statistics(rows: Array, treated: Array, statistic: Statistic) -> Array:
    """Return the statistic under each allocation. `treated` has shape (draws, units)."""
    yes = treated.astype(np.float64)
    k, mine = yes.sum(axis=1), yes @ rows
    difference, error = differences(Sums(len(rows) - k, rows.sum(axis=0) - mine), Sums(k, mine))
    return in_errors(difference, error) if statistic == "studentised" else difference


def _as_far(drawn: Array, seen: float, alternative: Alternative) -> Array:
    """Return which draws lie as far out as what was seen; ties but for rounding do."""
    slack = 1e-9 * abs(seen) if np.isfinite(seen) else 0.0
    if alternative == "two-sided":
        return np.abs(drawn) >= abs(seen) - slack
    return drawn >= seen - slack if alternative == "greater" else drawn <= seen + slack


def _all(n: int, k: int):
    picked = np.array(list(combinations(range(n), k)))
    for start in range(0, len(picked), at_once := max(AT_ONCE // n, 1)):
        part = picked[start : start + at_once]
        treated = np.zeros((len(part), n), dtype=bool)
        np.put_along_axis(treated, part, values=True, axis=1)
        yield treated


def lots(n: int, k: int, draws: int, seed: int, *, width: int = 0) -> Iterator[Array]:
    """Yield who is treated, k of n, drawn anew so many times: in parts as large as is held in memory. Boolean, shape (draws of a part, n).

    Args:
        n: How many units.
        k: How many of them are treated.
        draws: How many times.
        seed: Of the draws.
        width: How many numbers are held for a draw besides one for each unit.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, draws, at_once := max(AT_ONCE // max(n, width), 1)):
        treated = np.zeros((min(at_once, draws - start), n), dtype=bool)
        treated[:, :k] = True
        yield rng.permuted(treated, axis=1)


def _given(allocations: Array, n: int):
    if allocations.dtype != np.bool_ or allocations.ndim != 2 or allocations.shape[1] != n:
        raise BadInput(f"allocations say yes or no of each of {n} units, a row each: shape {allocations.shape}", field="allocations")
    for start in range(0, len(allocations), at_once := max(AT_ONCE // n, 1)):
        yield allocations[start : start + at_once]
