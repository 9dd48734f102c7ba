"""Sample-ratio mismatch: do the arms have the units they were to have? If not, units went missing or were counted twice in one of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.types import Array

LEVEL = 0.001
"""Below this p-value shares are called wrong: the check is run on every experiment, so a false alarm must be rare."""


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """How units spread over arms, and how surely that is not as planned.

    Attributes:
        units: Per arm.
        expected: Per arm, as planned.
        p_value: The chance of shares at least as far off; 0 only where it underflows: see `log_p`.
        log_p: Its natural logarithm, which does not.
        controls: What the p-value keeps, in words.
        cautions: What must be known of it.
    """

    units: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    log_p: float
    controls: str
    cautions: tuple[Caution, ...] = ()

    @property
    def is_mismatch(self) -> bool:
        """Whether the shares are other than planned, at the level 0.001: then no figure of the experiment may be believed."""
        return bool(self.log_p < np.log(LEVEL))


def sample_ratio(units: Mapping[str, int], weights: Mapping[str, float]) -> Shares:
    """Return whether units spread over arms as planned, by the chi-square test at one look planned beforehand.

    Its weakness: looked at again and again it alarms too often (see `srm_sequential`), and with few units expected its p-value is rough.

    Args:
        units: Distinct units per arm.
        weights: What each arm was to have of them, in any unit, 0 or more.

    Raises:
        Refused: An arm of weight 0 has units, or there are none at all.
        BadInput: An arm has units and no weight, or fewer than two arms have a weight.

    Source: Fabijan et al. (2019), Diagnosing Sample Ratio Mismatch in Online Controlled Experiments.

    >>> found = sample_ratio({"control": 5000, "treatment": 5300}, {"control": 1, "treatment": 1})
    >>> round(found.p_value, 5), found.is_mismatch
    (0.00312, False)
    """
    names, parts = planned(units, weights)
    counts = np.array([units.get(name, 0) for name in names], dtype=np.float64)
    if not counts.sum():
        raise Refused(Reason.EMPTY_ARM, "no arm has any units: there are no shares to check yet, so wait for some")
    expected = counts.sum() * parts
    log_p = log_chi_square(float((((counts - expected) ** 2) / expected).sum()), len(names) - 1)
    said = f"fewer than 5 units were expected in {names[int(expected.argmin())]}: the p-value is rough until there are more"
    return Shares(
        units={name: int(count) for name, count in zip(names, counts, strict=True)},
        expected=dict(zip(names, expected.tolist(), strict=True)),
        p_value=float(np.exp(log_p)),
        log_p=log_p,
        controls="the chance of a false alarm at one look, planned beforehand",
        cautions=(Caution(Reason.FEW_UNITS, said),) if expected.min() < 5 else (),
    )


def planned(units: Mapping[str, int], weights: Mapping[str, float]) -> tuple[list[str], Array]:
    """Return the arms that were to have units, and their shares; refuse units where none were to be.

    Raises:
        Refused: An arm of weight 0 has units: no p-value is small enough for what cannot happen.
        BadInput: An arm has units and no weight, a weight or a count is negative, or fewer than two arms have a weight.
    """
    for name, count in units.items():
        if name not in weights:
            raise BadInput(f"{name} has units and no weight: say what share it was to have", field=name)
        if not (np.isfinite(count) and count >= 0 and count == round(count)):
            raise BadInput(f"{name} has {count} units: counts are whole numbers, 0 or more", field=name)
        if weights[name] == 0 and count:
            said = (
                f"{name} was to have no units and has {count}: find out who assigns them before anything is read; nothing is left to test"
            )
            raise Refused(Reason.ZERO_WEIGHT, said, name)
    if any(not 0 <= weight < np.inf for weight in weights.values()):
        raise BadInput(f"weights {dict(weights)}: each must be a number, 0 or more", field="weights")
    names = [name for name, weight in weights.items() if weight > 0]
    if len(names) < 2:
        raise BadInput("fewer than two arms have a weight above 0: there are no shares to compare", field="weights")
    parts = np.array([weights[name] for name in names], dtype=np.float64)
    return names, parts / parts.sum()


def log_chi_square(statistic: float, df: int) -> float:
    """Return the logarithm of the chance that chi-square is at least `statistic`; it never underflows.

    >>> round(log_chi_square(3.841458820694124, 1), 6) == round(float(np.log(0.05)), 6)
    True
    >>> round(log_chi_square(1e5, 3))
    -49994
    """
    tail = special.chdtrc(df, statistic)
    if tail > 1e-290:
        return float(np.log(tail))
    a, x = df / 2, statistic / 2  # far out, Γ(a, x) is a short continued fraction
    fraction = 0.0
    for k in range(200, 0, -1):
        fraction = k * (a - k) / (x + 2 * k + 1 - a + fraction)
    return float(a * np.log(x) - x - special.gammaln(a) - np.log(x + 1 - a + fraction))
