"""How far from normal a difference of means is, by the skewness and the tails of its arms: where its interval cannot be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from millrace.experiments.comparison import Asked
from millrace.experiments.moments import Moments
from millrace.experiments.reasons import Caution, Reason


class Shape(NamedTuple):
    """Cumulants of a mean over an arm's units.

    Attributes:
        second: Its variance.
        third: Its third cumulant: 0 where the values lie evenly about their mean.
        fourth: Its fourth: 0 for the normal, large where few units carry most of the variance.
        luck: The variance that the third would have by luck alone if the values were normal.
    """

    second: float
    third: float
    fourth: float
    luck: float


def shape_of(moments: Moments, scale: float = 1.0) -> Shape:
    """Return the shape of the mean of x · scale, from the moments of (x, x²).

    What x² has in common with x, and with itself, is all that the third and the fourth moment about the mean are made of.
    """
    n, mean = moments.n, moments.means[0]
    ((plain, cross), (_, square)) = moments.scatter / n
    third = cross - 2 * mean * plain
    fourth = square - 4 * mean * cross + 4 * mean**2 * plain + plain**2
    second = scale**2 * plain / n
    return Shape(second, scale**3 * third / n**2, scale**4 * (fourth - 3 * plain**2) / n**3, 6 * second**3 / n**2)


def residual(moments: Moments, ratio: float) -> Moments:
    """Return the moments of (z, z²), z = top - ratio · bottom, from those of (top, bottom, top², top · bottom, bottom²)."""
    to_z = np.array([[1.0, -ratio, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, -2 * ratio, ratio**2]])
    return Moments(("z", "z²"), moments.n, to_z @ moments.means, to_z @ moments.scatter @ to_z.T)


def skewed(metric: str, arms: Sequence[Shape], asked: Asked, units: int) -> tuple[Caution, ...]:
    """Return a caution where the normal interval of treatment - control does not hold what it promises.

    The next terms of the difference's expansion beside the normal say how far each tail, and both, are off. Arms of one size and one law
    lean to opposite sides and cancel, so far fewer units than Kohavi's 355 · skewness² will do; a small arm beside a large one needs those.
    Its weakness: the tails are judged by what was seen of them, and what was not seen yet can be worse.

    Args:
        metric: Its name.
        arms: The shapes of (control, treatment).
        asked: How the difference is compared.
        units: Of the smaller arm.

    Source: Hall (1992), The Bootstrap and Edgeworth Expansion, 2.6; Kohavi, Deng, Longbotham & Xu (2014), Seven Rules of Thumb for Web Site
    Experimenters, rule 7.
    """
    control, treatment = arms
    variance = control.second + treatment.second
    if not variance > 0:
        return ()
    lean = abs(treatment.third - control.third) / variance**1.5
    lean = np.sqrt(max(lean**2 - 4 * sum(arm.luck for arm in arms) / variance**3, 0.0))
    tails = (treatment.fourth + control.fourth) / variance**2
    two_sided = asked.alternative == "two-sided"
    z = float(special.ndtri(0.5 + asked.confidence / 2 if two_sided else asked.confidence))
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    one_tail = lean * (2 * z**2 + 1) / 6 * density
    both = abs(2 * z * density * (tails * (z**2 - 3) / 12 - lean**2 * (z**4 + 2 * z**2 - 3) / 18))
    if one_tail <= _ONE_TAIL and both <= _BOTH:
        return ()
    off = 100 * max(one_tail, both)
    points = f"{off:.1f}" if off < 100 else "more than 100"  # the expansion means nothing any more, but that it is far off
    said = f"{metric} is so skewed that with {units} units its interval and p-value may be wrong by {points} points"
    return (Caution(Reason.SKEWED, f"{said}: winsorise it, or read it of more units"),)


_ONE_TAIL = 0.005
"""How far a tail's chance may be off; at 95 % that is where a lone arm has 355 · skewness² units."""

_BOTH = 0.01
"""How far both together may be off."""
