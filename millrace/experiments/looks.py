"""What was seen at looks, and where they stand against a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.experiments.reasons import Caution
from millrace.types import Array

AT_PLANNED_LOOKS = "the chance of a false alarm over all looks up to the planned end, if nobody chooses when to look by what was seen"
UP_TO_THE_END = "the chance of a false alarm over any number of looks up to the planned end, whenever one stops; none may follow it"


class Look(msgspec.Struct, frozen=True):
    """What was seen at a look.

    Attributes:
        n: Units so far, of both arms together.
        difference: treatment - control, in the metric's unit.
        error: Its standard error, above 0.
    """

    n: int
    difference: float
    error: float


@dataclass(frozen=True)
class Standing:
    """Where looks stand against a rule; arrays have an entry per look, and z is the difference over its standard error.

    Attributes:
        z: What was seen.
        high: At or above it the rule stops for more; infinite at looks that decide nothing.
        low: At or below it the rule stops for less.
        futile: Within low and high, below it (above it for "less") there is little hope; NaN where the rule does not say.
        log_p: The logarithm of a p-value valid under the rule, the least of all looks.
        ended: Whether the planned end is reached.
        method: How it is tested, in words.
        controls: What is kept to the level, in words.
        cautions: What must be known.
    """

    z: Array
    high: Array
    low: Array
    futile: Array
    log_p: float
    ended: bool
    method: str
    controls: str
    cautions: tuple[Caution, ...] = ()


def units_and_z(looks: Sequence[Look], beyond: float = 0.0) -> tuple[Array, Array]:
    """Return (units, how many standard errors the difference is above `beyond`) at each look. Shape (looks,) each.

    Raises:
        BadInput: There is no look, units do not increase, or a difference is not a number or has no error.
    """
    n = np.array([look.n for look in looks])
    z = np.array([(look.difference - beyond) / look.error if look.error > 0 else np.nan for look in looks])
    if not len(n) or n[0] < 1 or (np.diff(n) <= 0).any():
        raise BadInput(f"looks need units that increase, from 1: {n.tolist()}")
    if not np.isfinite(z).all():
        raise BadInput("a look has a difference that is not a number, or no error above 0: leave it out")
    return n, z
