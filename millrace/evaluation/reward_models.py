"""Models of what a choice earns, for estimators that lean on one: linear, in closed form, never asked of a row they learned from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.inputs import finite, shares, weights, whole
from millrace.evaluation.logged_choices import known_chances, units
from millrace.types import Array


class Predicted(NamedTuple):
    """What a model of rewards says.

    Attributes:
        logged: The reward of each choice that was logged. Shape (n,).
        target: The reward averaged over what the target would have chosen there. Shape (n,).
    """

    logged: Array
    target: Array


def linear_rewards(
    reward: Any, logged: Any, target: Any, *, weight: Any = None, unit: Any = None, reg: float = 1.0, folds: int = 5, seed: int = 0
) -> Predicted:
    """Fit rewards by ridge regression and predict each fold with what the others taught (cross-fitting).

    A linear model's mean over actions is its value at their mean, so the target's choices come as the mean of their features: a policy of
    any number of actions costs one row. Weak where rewards are not linear in the features: give interactions as features.

    Args:
        reward: Outcome of each logged choice. Shape (n,).
        logged: Features of the choice that was logged, with its context; an intercept is added. Shape (n, d).
        target: The mean of the features of what the target would choose there, by its probabilities. Shape (n, d).
        weight: How much each choice counts in the fit, such as `mrdr_weights`; 1 when not given. Shape (n,).
        unit: Whose choice each is: a unit's choices are in one fold. Shape (n,).
        reg: The penalty on the squared coefficients, the intercept's left out; above 0.
        folds: How many parts.
        seed: Of the parts.

    Raises:
        BadInput: The shapes differ, a number is missing, or there are fewer units than folds.

    >>> x = np.arange(40.0)[:, None]
    >>> found = linear_rewards(2 * x[:, 0] + 1, x, x + 1, reg=1e-9)
    >>> bool(np.allclose(found.logged, 2 * x[:, 0] + 1)), bool(np.allclose(found.target, 2 * x[:, 0] + 3))
    (True, True)
    """
    reward = finite("reward", reward)
    logged, target = _matrix("logged", logged, len(reward)), _matrix("target", target, len(reward))
    if logged.shape != target.shape:
        raise BadInput(f"logged has {logged.shape[1] - 1} features and target {target.shape[1] - 1}: give the same to both", field="target")
    if not reg > 0:
        raise BadInput(f"reg={reg!r}: the penalty must be above 0", field="reg")
    part = _parts(units(unit, len(reward)), whole("folds", folds), seed)
    counted = weights(weight, len(reward))
    found = Predicted(np.empty(len(reward)), np.empty(len(reward)))
    for one in range(part.max() + 1):
        held = part == one
        beta = _ridge(logged[~held], reward[~held], counted[~held], reg)
        found.logged[held], found.target[held] = logged[held] @ beta, target[held] @ beta
    return found


def mrdr_weights(propensity: Any, target: Any) -> Array:
    """Return how much each logged choice counts when a model of rewards is fitted to make `doubly_robust` vary least.

    π(a)² (1 - p) / p² for a choice of propensity p: where the correction will be heaviest the model must be best, and where the logging
    policy left nothing to chance its error corrects itself. For a deterministic target it is the weight of the source; for others the part
    of the variance that single actions cause (their covariances, which are negative, are left out).

    Args:
        propensity: Probability of each logged choice under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).

    Raises:
        BadInput: A probability is missing or out of range.

    Source: Farajtabar, Chow & Ghavamzadeh (2018), More Robust Doubly Robust Off-policy Evaluation.

    >>> mrdr_weights([0.5, 0.25, 1.0], [1.0, 0.0, 1.0]).tolist()
    [2.0, 0.0, 0.0]
    """
    target = shares("target", target)
    chance = known_chances(propensity, len(target))
    return np.square(target) * (1 - chance) / np.square(chance)


def _matrix(name: str, values: Any, rows: int) -> Array:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or len(found) != rows or not np.isfinite(found).all():
        raise BadInput(f"{name} must be {rows} rows of finite features, and its shape is {found.shape}", field=name)
    return np.column_stack([np.ones(rows), found])


def _parts(unit: Array, folds: int, seed: int) -> Array:
    """Return each row's fold; the rows of a unit share one."""
    n = int(unit.max()) + 1
    if not 2 <= folds <= n:
        raise BadInput(f"folds={folds}: from 2 to the number of units, {n}", field="folds")
    return (np.random.default_rng(seed).permutation(n) % folds)[unit]


def _ridge(x: Array, y: Array, weight: Array, reg: float) -> Array:
    penalty = np.full(x.shape[1], reg)
    penalty[0] = 1e-12 * max(weight.sum(), 1.0)  # the intercept is free; where no row counts it is 0
    scaled = x * weight[:, None]
    return np.linalg.lstsq(scaled.T @ x + np.diag(penalty), scaled.T @ y, rcond=None)[0]
