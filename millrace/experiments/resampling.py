"""The bootstrap: how far would the difference move if units were drawn anew from those seen? For what is too skewed for the normal."""

from __future__ import annotations

from typing import get_args

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.drawn import By, Drawn, ends, tails
from millrace.experiments.reasons import Caution, Reason, Refused
from millrace.experiments.resampled_sums import AT_ONCE, Sums, differences, in_errors, terms
from millrace.experiments.two_arms import TwoArms
from millrace.types import Array

FEWEST = 20
"""Fewer units than this in an arm say too little of its tails: draws of them look surer than they are."""

MOST_LEANING = 0.5
"""Up to this skewness of the difference itself intervals were measured to hold within a point (log-normal units)."""


def bootstrap(
    metric: str,
    arms: TwoArms,
    asked: Asked = Asked(),  # noqa: B008 - frozen
    *,
    seed: int,
    by: By | None = None,
    draws: int = 1_999,
    poisson: bool = False,
) -> Comparison:
    """Compare two arms by drawing their units anew, each arm from its own, with replacement.

    "studentised" (bootstrap-t) puts each draw's difference over the draw's own error: it leans with the skewness as it should.
    "symmetric" is the same with both sides taken together, reaching as far down as up: it leans nowhere, and holds best in total.
    "percentile" takes the middle of the draws: simple, and no better than the normal for skewed means. "BCa" mends that by a shift and an
    acceleration. p-values are those at which the interval ends at the hypothesis. None of them knows a tail that no unit has shown yet:
    where a few units decide, that is said.

    Args:
        metric: Its name.
        arms: Of `two_arms`, by whatever was assigned: rows or clusters, a mean or a ratio.
        asked: The confidence, the side and the margin.
        seed: Of the draws.
        by: How an interval is made of the draws; "symmetric" if not given, and "studentised" for one-sided tests.
        draws: How many; (draws + 1) · (1 - confidence) / 2 is best whole.
        poisson: Whether each unit is drawn a Poisson(1) number of times by itself, rather than n in all: as good with many units, and
            the way it is done where units lie on many machines.

    Raises:
        Refused: An arm has fewer than two units, nothing varies, or many draws have no figure.

    Source: Efron (1979; 1987, Better Bootstrap Confidence Intervals); Hall (1992), The Bootstrap and Edgeworth Expansion; Chamandy et al.
    (2012), Estimating Uncertainty for Massive Data Streams, for Poisson draws.
    """
    by = by or ("symmetric" if asked.alternative == "two-sided" else "studentised")
    if by not in get_args(By) or (by == "symmetric" and asked.alternative != "two-sided"):
        raise BadInput(f'by={by!r}: write "symmetric" (two-sided only), "studentised", "percentile" or "BCa"', field="by")
    base = contrast(metric, *arms.figures(metric), asked)
    found = drawn(arms, seed, draws, poisson=poisson)
    finite = np.isfinite(found.difference)
    if finite.mean() < 0.95:
        said = f"{metric} has no figure in {100 * (1 - finite.mean()):.0f} % of the draws: too few units have anything in their bottom"
        raise Refused(Reason.FEW_UNITS, f"{said}; read it of more units")
    found = found._replace(difference=found.difference[finite], in_errors=found.in_errors[finite])
    tail = (1 - asked.confidence) / (2 if asked.alternative == "two-sided" else 1)
    low, high = ends(found, by, tail)
    up, down = tails(found, by, asked.beyond)
    p_value = {"two-sided": min(2 * min(up, down), 1.0), "greater": up, "less": down}[asked.alternative]
    return msgspec.structs.replace(
        base,
        method=f"bootstrap ({by}{', Poisson' if poisson else ''}), {draws} draws",
        low=-np.inf if asked.alternative == "less" else low,
        high=np.inf if asked.alternative == "greater" else high,
        p_value=p_value,
        log_p=float(np.log(p_value)),
        cautions=(*base.cautions, *_cautions(metric, arms, min(base.control.units, base.treatment.units), found)),
    )


def drawn(arms: TwoArms, seed: int, draws: int, *, poisson: bool = False) -> Drawn:
    """Return the difference in draws of the units: control first, then treatment, from one generator."""
    rng, rows = np.random.default_rng(seed), terms(arms)
    sides = (rows[~arms.treated], rows[arms.treated])
    seen, error = differences(*(Sums(np.array([len(side)]), side.sum(axis=0)[None]) for side in sides))
    pick = _poisson if poisson else _multinomial
    at_once = max(AT_ONCE // max(len(side) for side in sides), 1)
    found: list[tuple[Array, Array]] = []
    for start in range(0, draws, at_once):
        times = [pick(rng, min(at_once, draws - start), len(side)) for side in sides]
        found.append(differences(*(Sums(often.sum(axis=1), often @ side) for often, side in zip(times, sides, strict=True))))
    difference, errors = (np.concatenate(part) for part in zip(*found, strict=True))
    return Drawn(float(seen[0]), float(error[0]), difference, in_errors(difference - seen, errors), _acceleration(*sides))


def _cautions(metric: str, arms: TwoArms, units: int, found: Drawn) -> tuple[Caution, ...]:
    if units < FEWEST:
        said = f"an arm has {units} units: the bootstrap knows the tails of {metric} too badly with fewer than {FEWEST}"
        return (Caution(Reason.FEW_UNITS, said),)
    leans = max(abs(6 * found.acceleration), leaning(arms))
    if leans <= MOST_LEANING:
        return ()
    said = (
        f"{metric} leans by {leans:.2g}: a few units decide, and those not seen yet are not drawn; read it of more units, or winsorise it"
    )
    return (Caution(Reason.SKEWED, said),)


def leaning(arms: TwoArms) -> float:
    """Return how skewed the difference would be if both arms' units had one law: that of all of them.

    A small arm has not seen its own tail; the larger one beside it says more of what is missing there than the units it has.
    """
    sides = [(arms.top[side], arms.bottom[side]) for side in (~arms.treated, arms.treated)]
    apart = np.concatenate([(top - bottom * (top.sum() / bottom.sum())) / bottom.mean() for top, bottom in sides])
    (n, m), spread = (len(top) for top, _ in sides), float((apart**2).mean())
    return float(abs((apart**3).mean() / spread**1.5 * (1 / m**2 - 1 / n**2)) / (1 / n + 1 / m) ** 1.5) if spread > 0 else 0.0


def _multinomial(rng: np.random.Generator, draws: int, n: int) -> Array:
    picked = rng.integers(0, n, (draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(picked.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def _poisson(rng: np.random.Generator, draws: int, n: int) -> Array:
    return rng.poisson(1.0, (draws, n)).astype(np.float64)


def _acceleration(control: Array, treatment: Array) -> float:
    """Return BCa's acceleration, by leaving each unit out of its arm."""
    cubes = squares = 0.0
    for sign, rows in ((-1.0, control), (1.0, treatment)):
        top, bottom = rows[:, 0], rows[:, 1]
        without = sign * (top.sum() - top) / np.where(bottom.sum() > bottom, bottom.sum() - bottom, np.nan)
        moves = (len(rows) - 1) * (np.nanmean(without) - without) / len(rows)
        cubes, squares = cubes + np.nansum(moves**3), squares + np.nansum(moves**2)
    return float(cubes / (6 * squares**1.5)) if squares else 0.0
