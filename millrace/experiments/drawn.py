"""What many draws of a difference say: its interval, and the tails at which that would end at a hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from millrace.types import Array

By = Literal["symmetric", "studentised", "percentile", "BCa"]


class Drawn(NamedTuple):
    """The difference in draws of the units.

    Attributes:
        seen: On the units themselves.
        error: Its standard error there.
        difference: In each draw. Shape (draws,).
        in_errors: How far each draw lies from what was seen, in the draw's own standard errors. Shape (draws,).
        acceleration: How fast the error moves with the difference (BCa's a).
    """

    seen: float
    error: float
    difference: Array
    in_errors: Array
    acceleration: float


def ends(found: Drawn, by: By, tail: float) -> tuple[float, float]:
    """Return where an interval begins and ends that leaves out `tail` on either side."""
    return _ENDS[by](found, tail)


def tails(found: Drawn, by: By, beyond: float) -> tuple[float, float]:
    """Return the tails at which an interval would (begin, end) at `beyond`: one-sided p-values against "greater" and "less"."""
    return _TAILS[by](found, beyond)


def _studentised_ends(found: Drawn, tail: float) -> tuple[float, float]:
    ordered, rank = np.sort(found.in_errors), tail * (len(found.in_errors) + 1)
    least, most = max(int(np.floor(rank + 1e-9)), 1), len(ordered)
    return found.seen - float(ordered[most - least]) * found.error, found.seen - float(ordered[least - 1]) * found.error


def _studentised_tails(found: Drawn, beyond: float) -> tuple[float, float]:
    away, m = (found.seen - beyond) / found.error, len(found.in_errors)
    return float((1 + (found.in_errors >= away).sum()) / (m + 1)), float((1 + (found.in_errors <= away).sum()) / (m + 1))


def _symmetric_ends(found: Drawn, tail: float) -> tuple[float, float]:
    ordered, rank = np.sort(np.abs(found.in_errors)), 2 * tail * (len(found.in_errors) + 1)
    far = float(ordered[len(ordered) - max(int(np.floor(rank + 1e-9)), 1)]) * found.error
    return found.seen - far, found.seen + far


def _symmetric_tails(found: Drawn, beyond: float) -> tuple[float, float]:
    away = abs(found.seen - beyond) / found.error
    half = float((1 + (np.abs(found.in_errors) >= away).sum()) / (len(found.in_errors) + 1)) / 2
    return half, half


def _percentile_ends(found: Drawn, tail: float) -> tuple[float, float]:
    low, high = np.quantile(found.difference, [tail, 1 - tail])
    return float(low), float(high)


def _percentile_tails(found: Drawn, beyond: float) -> tuple[float, float]:
    m = len(found.difference)
    return float((1 + (found.difference <= beyond).sum()) / (m + 1)), float((1 + (found.difference >= beyond).sum()) / (m + 1))


def _bca_ends(found: Drawn, tail: float) -> tuple[float, float]:
    shift = _shift(found)
    parts = shift + special.ndtri([tail, 1 - tail])
    low, high = np.quantile(found.difference, special.ndtr(shift + parts / (1 - found.acceleration * parts)))
    return float(low), float(high)


def _bca_tails(found: Drawn, beyond: float) -> tuple[float, float]:
    """Return the tails at which the interval would end at `beyond`: the map of `_bca_ends`, backwards."""
    shift, m = _shift(found), len(found.difference)
    part = special.ndtri(np.clip(((found.difference <= beyond).sum() + 0.5) / (m + 1), 0.5 / (m + 1), 1 - 0.5 / (m + 1))) - shift
    z = part / (1 + found.acceleration * part) - shift
    return max(float(special.ndtr(z)), 1 / (m + 1)), max(float(special.ndtr(-z)), 1 / (m + 1))


def _shift(found: Drawn) -> float:
    m = len(found.difference)
    under = ((found.difference < found.seen).sum() + (found.difference <= found.seen).sum()) / (2 * m)
    return float(special.ndtri(np.clip(under, 0.5 / m, 1 - 0.5 / m)))


_ENDS: dict[By, Callable[[Drawn, float], tuple[float, float]]] = {
    "symmetric": _symmetric_ends,
    "studentised": _studentised_ends,
    "percentile": _percentile_ends,
    "BCa": _bca_ends,
}
_TAILS: dict[By, Callable[[Drawn, float], tuple[float, float]]] = {
    "symmetric": _symmetric_tails,
    "studentised": _studentised_tails,
    "percentile": _percentile_tails,
    "BCa": _bca_tails,
}
