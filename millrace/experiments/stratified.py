"""Two arms compared within strata: what differs between strata does not count as chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import check_size, contrast
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.two_arms import two_arms
from millrace.types import Array

MOST_LONE = 0.5
"""If more than this part of the units lies in strata too small to be compared within, stratifying says nothing."""


def stratified(
    metric: str,
    value: Array,
    treated: Array,
    stratum: Array,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    *,
    weights: Mapping[object, float] | None = None,
) -> Comparison:
    """Compare two arms stratum by stratum, and put the differences together by the strata's sizes.

    It serves both where units were assigned within strata and where strata are only looked at afterwards (post-stratification): given how
    many of each stratum fell into each arm, the errors are the same. Strata with fewer than two units in an arm are put together into
    one, and that is said; where most units lie in such strata the comparison is refused. Its weakness: many small strata cost degrees of
    freedom, and a stratum that the treatment could move takes a part of the effect away.

    Args:
        metric: Its name.
        value: Per unit. Shape (n,).
        treated: Whose each unit is. Boolean, shape (n,).
        stratum: Of each unit, known before it was exposed. Shape (n,).
        asked: The confidence, the side and the margin.
        weights: The strata's parts of the population to speak of, in any unit; those of the units if not given. They do not go with strata
            that must be put together.

    Raises:
        Refused: Something is not a finite number, an arm has fewer than two units, or most strata are too small.
        BadInput: A stratum has no weight.

    Source: Miratrix, Sekhon & Yu (2013), Adjusting Treatment Effect Estimates by Post-Stratification in Randomized Experiments.
    """
    rows = two_arms(value, treated)
    for name, mine in (("control", ~rows.treated), ("treatment", rows.treated)):
        check_size(metric, name, int(mine.sum()))
    names, code = np.unique(stratum, return_inverse=True)
    if code.shape != rows.treated.shape:
        raise BadInput(f"stratum has shape {code.shape} for {len(rows.treated)} rows", field="stratum")
    small = _is_small(code, rows.treated, len(names))
    cautions = _put_together(metric, code, small)
    if cautions:
        if weights is not None:
            raise Refused(Reason.LONE_STRATA, f"{cautions[0].said}, so its weight is lost: use coarser strata, or leave the weights out")
        code = np.unique(np.where(small[code], len(names), code), return_inverse=True)[1]
    part = np.bincount(code) / len(code) if weights is None else _given(names, weights)
    control, treatment = (_figure(name, rows.top, rows.treated == side, code, part) for name, side in _ARMS)
    return contrast(metric, control, treatment, asked, method="stratified", cautions=cautions)


_ARMS = (("control", False), ("treatment", True))


def _is_small(code: Array, treated: Array, strata: int) -> Array:
    """Return which strata have fewer than two units in an arm; where two or more do and still lack an arm, the next smallest joins them."""
    sizes = np.stack([np.bincount(code[treated == side], minlength=strata) for _, side in _ARMS])
    least = sizes.min(axis=0)
    small = least < 2
    for joins in np.argsort(least, kind="stable")[int(small.sum()) :]:
        if not small.any() or sizes[:, small].sum(axis=1).min() >= 2:
            break
        small[joins] = True
    return small


def _put_together(metric: str, code: Array, small: Array) -> tuple[Caution, ...]:
    if not small.any():
        return ()
    part = float(small[code].mean())
    said = f"{int(small.sum())} of {len(small)} strata, {100 * part:.0f} % of the units, have fewer than two units in an arm"
    if part > MOST_LONE:
        raise Refused(Reason.LONE_STRATA, f"{said}: {metric} cannot be compared within them; use coarser strata, or none")
    return (Caution(Reason.LONE_STRATA, f"{said} and count as one stratum"),)


def _given(names: Array, weights: Mapping[object, float]) -> Array:
    missing = [str(name) for name in names if name not in weights]
    if missing:
        raise BadInput(f"{', '.join(missing[:5])} have no weight: say which part of the population each stratum is", field="weights")
    part = np.array([weights[name] for name in names], dtype=np.float64)
    if not (part >= 0).all() or not part.sum() > 0:
        raise BadInput("the strata's weights must be 0 or more, and not all 0", field="weights")
    return part / part.sum()


def _figure(name: str, value: Array, mine: Array, code: Array, part: Array) -> Arm:
    at, values = code[mine], value[mine]
    n = np.bincount(at, minlength=len(part))
    means = np.bincount(at, weights=values, minlength=len(part)) / n
    apart = values - means[at]
    apart = np.where(np.abs(apart) > 1e-13 * np.abs(values).max(initial=0.0), apart, 0.0)  # what rounding leaves is none
    variances = np.bincount(at, weights=apart**2, minlength=len(part)) / (n - 1)
    each = part**2 * variances / n
    doubt = float((each**2 / (n - 1)).sum())
    df = float(each.sum() ** 2 / doubt) if doubt > 0 else float(n.sum() - len(n))
    return Arm(name=name, value=float(part @ means), variance=float(each.sum()), units=int(n.sum()), df=df)
