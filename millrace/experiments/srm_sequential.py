"""Sample-ratio mismatch that may be looked at after every unit: a mixture of bets on other shares than planned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

from millrace.errors import BadInput
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.srm import Shares, planned
from millrace.types import Array

CONCENTRATIONS = 10.0 ** np.arange(1, 7)
"""How near the planned shares each bettor believes the true ones to be: about 1 / sqrt of it, from gross faults to one in a thousand."""


def log_evidence(counts: Array, parts: Array) -> Array:
    """Return the logarithm of what bets against the planned shares have made of 1, after each of several counts.

    Each bettor holds a Dirichlet prior about the planned shares; its wealth is the ratio of the Dirichlet-multinomial likelihood of the
    units, in any order, to the multinomial one under the plan. Their mean starts at 1 and is a martingale while the plan holds, unit by
    unit, so the chance that it ever reaches 1 / a is at most a.

    Args:
        counts: Units per arm so far. Shape (looks, arms), or (arms,).
        parts: The planned shares, above 0, that make 1. Shape (arms,).

    Source: Lindon & Malek (2022), Anytime-Valid Inference for Multinomial Count Data.

    >>> parts = np.array([0.5, 0.5])
    >>> each = [np.array([k, 3 - k]) for k in (0, 1, 2, 3)]
    >>> mean = sum(way * np.exp(log_evidence(count, parts)) / 8 for way, count in zip((1, 3, 3, 1), each))
    >>> round(float(mean), 6)  # a fair game
    1.0
    """
    counts = np.asarray(counts, dtype=np.float64)
    prior = CONCENTRATIONS[:, None] * parts
    so_far = counts[..., None, :] + prior
    total = CONCENTRATIONS + counts.sum(axis=-1)[..., None]
    dirichlet = (special.gammaln(so_far) - special.gammaln(prior)).sum(axis=-1)
    logs = dirichlet - special.gammaln(total) + special.gammaln(CONCENTRATIONS) - (counts @ np.log(parts))[..., None]
    return special.logsumexp(logs, axis=-1) - np.log(len(CONCENTRATIONS))


def sample_ratio_so_far(looks: Mapping[str, Array], weights: Mapping[str, float]) -> Shares:
    """Return whether units spread over arms as planned, having looked after any number of units and being free to look again.

    Its weakness: it needs about twice the units that a single test planned beforehand needs; and the p-value holds for shares that were
    the same all along, so while an experiment ramps up test each step by itself.

    Args:
        looks: Distinct units per arm at each look, in their order; counts never fall. Shape (looks,) each.
        weights: What each arm was to have of them, in any unit, 0 or more.

    Raises:
        Refused: An arm of weight 0 has units, or there are none at all.
        BadInput: Counts fall, or arms have different numbers of looks; or as `sample_ratio`.

    >>> looks = {"control": np.array([100, 5000]), "treatment": np.array([130, 5600])}
    >>> sample_ratio_so_far(looks, {"control": 1, "treatment": 1}).is_mismatch
    True
    """
    arrays = {name: np.atleast_1d(np.asarray(counts)) for name, counts in looks.items()}
    if len({len(counts) for counts in arrays.values()}) != 1 or not all(len(counts) for counts in arrays.values()):
        raise BadInput("every arm needs its units at every look, and there must be one look at least", field="looks")
    names, parts = planned({name: counts.max() for name, counts in arrays.items()}, weights)
    table = np.stack([arrays.get(name, np.zeros(len(next(iter(arrays.values()))))) for name in names], axis=-1)
    if (np.diff(table, axis=0) < 0).any() or (table < 0).any():
        raise BadInput("units fall from one look to the next: give the distinct units so far", field="looks")
    if not table[-1].sum():
        raise Refused(Reason.EMPTY_ARM, "no arm has any units: there are no shares to check yet, so wait for some")
    log_p = 0.0 - max(float(log_evidence(table, parts).max()), 0.0)  # and not -0
    return Shares(
        units={name: int(count) for name, count in zip(names, table[-1], strict=True)},
        expected=dict(zip(names, (table[-1].sum() * parts).tolist(), strict=True)),
        p_value=float(np.exp(log_p)),
        log_p=log_p,
        controls="the chance of a false alarm over any number of looks, whenever one stops",
    )
