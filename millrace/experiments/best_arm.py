"""Which arm is best, said as soon as it can be: with whatever rule arms were taken, and however often one looked."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np

from millrace.experiments.reasons import Reason, Refused
from millrace.models.change_point import bernoulli_kl
from millrace.types import Array


class BestArm(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of which arm is best.

    Attributes:
        arm: The position of the arm that did best so far.
        evidence: How much less likely the outcomes are if the arm nearest to it were as good, in nats: the logarithm of a likelihood ratio.
        needed: How much evidence would do, after so many outcomes.
        rival: The position of that nearest arm.
    """

    arm: int
    evidence: float
    needed: float
    rival: int

    @property
    def is_found(self) -> bool:
        """Whether one may stop: the arm is the best but for a chance of `error`."""
        return self.evidence > self.needed


def best_arm(
    counts: Array, sums: Array, *, error: float = 0.05, of: Literal["shares", "means"] = "shares", deviation: float = 1.0
) -> BestArm:
    """Return which arm did best, and whether that is enough to stop.

    Generalised likelihood ratios hold the best arm against each other: how well would the two be explained by one mean? The evidence needed
    grows with the number of outcomes, so that one may look after each of them, and stop when one likes, with a chance of at most `error` to
    name an arm that is not the best. It holds for any rule of taking arms, `TopTwo` being made for it. Arms that are equally good are never
    told apart: stop by time as well.

    Args:
        counts: How many outcomes each arm has. Shape (k,).
        sums: Their sums. Shape (k,).
        error: The chance of naming a wrong one, in (0, 1).
        of: "shares" of outcomes that are 0 or 1, or "means" of normal ones with one known standard deviation.
        deviation: That standard deviation, above 0.

    Raises:
        Refused: There are fewer than two arms, an arm has no outcome, or a share lies outside [0, 1].

    Source: Garivier & Kaufmann (2016), Optimal Best Arm Identification with Fixed Confidence (theorem 10, for shares); Kaufmann & Koolen
    (2021), Mixture Martingales Revisited with Applications to Sequential Tests and Confidence Intervals (for means).

    >>> best_arm(np.array([200.0, 200.0]), np.array([110.0, 60.0])).is_found
    True
    """
    counts, sums = np.asarray(counts, dtype=np.float64), np.asarray(sums, dtype=np.float64)
    _check(counts, sums, error, of, deviation)
    mean = sums / counts
    first = int(np.argmax(mean))
    evidence = np.array([np.inf if one == first else _ratio(counts, mean, first, one, of, deviation) for one in range(len(mean))])
    rival = int(np.argmin(evidence))
    total, others = counts.sum(), len(mean) - 1
    needed = np.log(2 * total * others / error) if of == "shares" else _needed_of_means(total, others / error)
    return BestArm(arm=first, evidence=float(evidence[rival]), needed=float(needed), rival=rival)


def _check(counts: Array, sums: Array, error: float, of: str, deviation: float) -> None:
    if len(counts) != len(sums) or len(counts) < 2:
        raise Refused(Reason.FEW_UNITS, f"there are {len(counts)} arms with {len(sums)} sums: give two arms or more, with a sum for each")
    if not np.isfinite([*counts, *sums]).all():
        raise Refused(Reason.NOT_A_NUMBER, "a count or a sum is not a finite number: leave out outcomes that are missing")
    if (empty := np.flatnonzero(counts <= 0)).size:
        raise Refused(Reason.EMPTY_ARM, f"arm {empty[0]} has no outcome yet: take every arm once before asking which is best")
    if of == "shares" and ((sums < 0) | (sums > counts)).any():
        raise Refused(Reason.OUT_OF_BOUNDS, 'a sum lies outside of [0, count], so outcomes are not 0 or 1: ask of="means"')
    if not 0 < error < 1 or not deviation > 0:
        raise Refused(Reason.OUT_OF_BOUNDS, f"error={error!r}, deviation={deviation!r}: a chance in (0, 1), and a deviation above 0")


def _ratio(counts: Array, mean: Array, first: int, other: int, of: str, deviation: float) -> float:
    """Return the logarithm of how much better two arms are explained by a mean each than by one."""
    n, m = counts[[first, other]], mean[[first, other]]
    together = float(n @ m / n.sum())
    apart = bernoulli_kl(m, np.full(2, together)) if of == "shares" else (m - together) ** 2 / (2 * deviation**2)
    return float(n @ apart)


def _needed_of_means(total: float, wrong: float) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import zeta

    x = np.log(wrong) / 2

    def at(one: float) -> float:
        free = 2 * one - 2 * one * np.log(4 * one) + np.log(zeta(2 * one)) - np.log(1 - one) / 2
        return (free + x) / one

    least: Any = minimize_scalar(at, bounds=(0.5 + 1e-9, 1 - 1e-9), method="bounded")
    return 2 * least.fun + 4 * np.log(4 + np.log(total / 2))
