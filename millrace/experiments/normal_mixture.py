"""Evidence of a mixture of normal alternatives, and the boundary it makes: what the anytime-valid tests of differences rest on."""

from __future__ import annotations

import numpy as np
from scipy import special

from millrace.experiments.root import root
from millrace.types import Array


def tuned_ratio(alpha: float, *, two_sided: bool = True) -> float:
    """Return the mixture's ratio that makes the boundary narrowest at a look of one's choice: give it to that look, others in proportion.

    The ratio is the mixture's variance over the squared standard error of the estimate, so it grows with the units: at n units of the
    planned N it is n / N times this.

    Args:
        alpha: The chance of a false alarm, in (0, 1).
        two_sided: Whether the mixture lies on both sides of 0; a one-sided one is tuned nearly to the best, as if to twice the chance.

    Source: Howard, Ramdas, McAuliffe & Sekhon (2021), Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences, proposition 3.

    >>> round(tuned_ratio(0.05), 4)
    8.212
    """
    level = min(alpha if two_sided else 2 * alpha, 0.9)  # at 1 any mixture will do
    return float(-special.lambertw(-(level**2) / np.e, -1).real - 1)


def log_evidence(z: Array, ratio: Array, *, two_sided: bool = True) -> Array:
    """Return the logarithm of the mixture's likelihood ratio against "no difference", of z standard errors.

    While there is none, it is a martingale that begins at 1: the chance that it ever reaches 1 / a is a at most (Ville's inequality).

    Args:
        z: The estimate over its standard error; for the one-sided mixture towards what is to be shown. Shape (n,).
        ratio: The mixture's variance over the squared standard error, at each look. Shape (n,).
        two_sided: Whether the alternatives lie on both sides of 0 (normal), else above it (half-normal).

    >>> float(np.round(log_evidence(np.array(1.0), np.array(100 / 12.60056)), 5))
    -0.65101
    """
    shrunk = ratio / (1 + ratio)
    both = -0.5 * np.log1p(ratio) + 0.5 * z**2 * shrunk
    return both if two_sided else both + np.log(2) + special.log_ndtr(z * np.sqrt(shrunk))


def boundary(ratio: Array, alpha: float, *, two_sided: bool = True) -> Array:
    """Return how many standard errors an estimate must be away from 0 for the evidence to reach 1 / alpha, at each look. Shape (n,).

    >>> float(np.round(10 * boundary(np.array(100 / 12.60056), 0.05), 4))
    30.3521
    """
    ratio = np.asarray(ratio, dtype=np.float64)
    wide = np.sqrt((1 + 1 / ratio) * (np.log1p(ratio) - 2 * np.log(alpha)))
    if two_sided:
        return wide
    reached = np.vectorize(lambda r, most: _solved(float(r), alpha, float(most)), otypes=[float])
    return reached(ratio, wide)


def _solved(ratio: float, alpha: float, most: float) -> float:
    """Return the boundary of the one-sided mixture, which has no closed form; below the two-sided one, as its evidence is greater there."""

    def missing(z: float) -> float:
        return float(log_evidence(np.array(z), np.array(ratio), two_sided=False)) + float(np.log(alpha))

    low = -1.0
    while missing(low) > 0:
        low *= 2
    return root(missing, low, most + 1)
