"""How likely each unit was to be treated, told by its covariates: to match where nobody drew lots."""

from __future__ import annotations

import numpy as np
from scipy import special

from millrace.experiments.contrast import check_size
from millrace.experiments.matching import whitened
from millrace.experiments.reasons import Reason, Refused
from millrace.types import Array, Columns


def propensity(covariates: Columns, treated: Array, rounds: int = 50) -> Array:
    """Return the logit of each unit's chance of having been treated, by logistic regression without a penalty. Shape (n,).

    Args:
        covariates: Numbers known of units beforehand; put in squares and products where they matter. Shape (n,) each.
        treated: Whose each unit is. Boolean, shape (n,).
        rounds: Newton steps, at most.

    Raises:
        Refused: An arm has fewer than two units, or the covariates tell for certain who was treated.

    Source: Rosenbaum & Rubin (1983), The Central Role of the Propensity Score in Observational Studies for Causal Effects.

    >>> logits = propensity({"age": np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])}, np.array([False, False, True, False, True, True]))
    >>> special.expit(logits).round(4)
    array([0.3333, 0.3333, 0.3333, 0.6667, 0.6667, 0.6667])
    """
    treated = np.asarray(treated, dtype=bool)
    for name, units in (("control", int((~treated).sum())), ("treatment", int(treated.sum()))):
        check_size("the propensity", name, units)
    design = np.column_stack([np.ones(len(treated)), whitened(covariates)])
    slopes = np.zeros(design.shape[1])
    slopes[0] = special.logit(treated.mean())
    for _ in range(rounds):
        chance = special.expit(design @ slopes)
        curve = design.T @ (design * (chance * (1 - chance))[:, None])
        if np.linalg.cond(curve) > 1e12:
            break
        step = np.linalg.solve(curve, design.T @ (treated - chance))
        slopes = slopes + step
        if np.abs(step).max() < 1e-10:
            return design @ slopes
    raise Refused(Reason.NO_SUPPORT, "the covariates tell for certain who was treated: there is nobody alike to compare with; use fewer")
