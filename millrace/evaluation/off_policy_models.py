"""What another policy would have earned, by a model of the rewards that the log corrects: doubly robust and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.inputs import finite
from millrace.evaluation.judged import judged, ones
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.logged_choices import Choices, units
from millrace.evaluation.off_policy import hidden
from millrace.evaluation.overlap import cautions, overlap, refuse_without_support
from millrace.evaluation.reasons import Caution, Reason
from millrace.evaluation.reward_models import linear_rewards, mrdr_weights
from millrace.types import Array

_DEFAULT = Judging()


def direct_method(expected: Any, *, unit: Any = None, how: Judging = _DEFAULT) -> PolicyValue:
    """Estimate a target policy's mean reward by a model of the rewards alone.

    No weights, so it hardly varies, and nothing tells how wrong the model is: the interval holds what chance did to the contexts only.

    Args:
        expected: The model's reward averaged over the actions the target would take. Shape (n,).
        unit: Whose choice each is. Shape (n,).
        how: The interval.

    Raises:
        BadInput: A prediction is missing.

    >>> direct_method([0.1, 0.3]).value
    0.2
    """
    expected = finite("expected", expected)
    choices = Choices(expected, np.ones(len(expected)), units(unit, len(expected)))
    said = "It rests on the model of the rewards alone: the interval knows nothing of the model's error."
    return judged("direct", [(expected, ones(choices))], choices, how, seen=None, cautions=(Caution(Reason.MODEL_ALONE, said),))


def doubly_robust(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    predicted: Any,
    expected: Any,
    self_normalised: bool = False,
    unit: Any = None,
    untried: Any = None,
    how: Judging = _DEFAULT,
) -> PolicyValue:
    """Estimate a target policy's mean reward from a reward model whose errors are corrected by inverse propensity scoring.

    Right when either the model or the propensities are, and less noisy than `ips` when the model is good. Predict with a model that was
    not trained on these decisions, or by `reward_models.linear_rewards`.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        predicted: The model's reward for the logged action. Shape (n,).
        expected: The model's reward averaged over the actions the target would take. Shape (n,).
        self_normalised: Whether the corrections' weights are scaled to sum to one: steadier with heavy weights, biased when few.
        unit: Whose choice each is. Shape (n,).
        untried: As for `off_policy.ips`.
        how: The interval, and what is refused.

    Raises:
        BadInput: As for `off_policy.ips`, and when a prediction is missing.
        Refused: As for `off_policy.ips`.

    Source: Dudík, Langford & Li (2011), Doubly Robust Policy Evaluation and Learning.

    >>> log = [1.0, 0.0] * 20, [0.5, 0.5] * 20, [0.75, 0.25] * 20
    >>> doubly_robust(*log, predicted=[0.8, 0.1] * 20, expected=[0.6] * 40).value  # 0.6 + (1.5 · 0.2 - 0.5 · 0.1) / 2
    0.725
    """
    choices = Choices.of(reward, propensity, target, unit, untried)
    name = "self-normalised doubly robust" if self_normalised else "doubly robust"
    return _corrected(name, choices, choices.weight, predicted, expected, how, self_normalised=self_normalised)


def switch_dr(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    predicted: Any,
    expected: Any,
    threshold: float | None = None,
    unit: Any = None,
    untried: Any = None,
    how: Judging = _DEFAULT,
) -> PolicyValue:
    """Estimate a target policy's mean reward by `doubly_robust` where weights are light, and by the model alone where they are heavy.

    As biased as the model is on actions of a weight above the threshold, and much less noisy where such weights would rule.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        predicted: The model's reward for the logged action. Shape (n,).
        expected: The model's reward averaged over the actions the target would take. Shape (n,).
        threshold: The greatest weight at which the model is corrected; None takes the one of least estimated mean squared error.
        unit: Whose choice each is. Shape (n,).
        untried: As for `off_policy.ips`.
        how: The interval, and what is refused.

    Raises:
        BadInput: As for `doubly_robust`, or a threshold that is not above 0.
        Refused: As for `off_policy.ips`.

    Source: Wang, Agarwal & Dudík (2017), Optimal and Adaptive Off-policy Evaluation in Contextual Bandits.
    """
    choices = Choices.of(reward, propensity, target, unit, untried)
    if threshold is None:
        threshold = _least_error(choices, finite("predicted", predicted, len(choices.reward)), finite("expected", expected), how)
    if not threshold > 0:
        raise BadInput(f"threshold={threshold!r}: the greatest weight that is corrected must be above 0", field="threshold")
    used = np.where(choices.weight <= threshold, choices.weight, 0.0)
    return _corrected(f"switch at {threshold:.3g}", choices, used, predicted, expected, how)


def switch(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    expected_beyond: Any,
    threshold: float,
    unit: Any = None,
    untried: Any = None,
    how: Judging = _DEFAULT,
) -> PolicyValue:
    """Estimate a target policy's mean reward by `ips` where weights are light, and by a model where they are heavy.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        expected_beyond: Sum of target probability · model's reward over the actions whose weight would exceed the threshold. Shape (n,).
        threshold: The greatest weight that is used.
        unit: Whose choice each is. Shape (n,).
        untried: As for `off_policy.ips`.
        how: The interval, and what is refused.

    Raises:
        BadInput: As for `off_policy.ips`, a prediction is missing, or a threshold that is not above 0.
        Refused: As for `off_policy.ips`.

    Source: As for `switch_dr`.
    """
    if not threshold > 0:
        raise BadInput(f"threshold={threshold!r}: the greatest weight that is used must be above 0", field="threshold")
    choices = Choices.of(reward, propensity, target, unit, untried)
    used = np.where(choices.weight <= threshold, choices.weight, 0.0)
    n = len(choices.reward)
    return _corrected(f"plain switch at {threshold:.3g}", choices, used, np.zeros(n), finite("expected_beyond", expected_beyond, n), how)


def mrdr(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    logged: Any,
    chosen: Any,
    reg: float = 1.0,
    folds: int = 5,
    unit: Any = None,
    untried: Any = None,
    how: Judging = _DEFAULT,
) -> PolicyValue:
    """Estimate a target policy's mean reward by `doubly_robust` with the linear model that makes its own variance least.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        logged: Features of each logged action with its context. Shape (n, d).
        chosen: The mean of the features of what the target would choose there. Shape (n, d).
        reg: As for `reward_models.linear_rewards`.
        folds: As for `reward_models.linear_rewards`.
        unit: Whose choice each is. Shape (n,).
        untried: As for `off_policy.ips`.
        how: The interval, and what is refused.

    Raises:
        BadInput: As for `doubly_robust`, or features that do not fit.
        Refused: As for `off_policy.ips`.

    Source: Farajtabar, Chow & Ghavamzadeh (2018), More Robust Doubly Robust Off-policy Evaluation.
    """
    choices = Choices.of(reward, propensity, target, unit, untried)
    counted = mrdr_weights(propensity, target)
    fitted = linear_rewards(
        reward, logged, chosen, weight=counted if counted.any() else None, unit=unit, reg=reg, folds=folds, seed=how.seed
    )
    return _corrected("more robust doubly robust", choices, choices.weight, fitted.logged, fitted.target, how)


def _corrected(
    name: str, choices: Choices, used: Array, predicted: Any, expected: Any, how: Judging, *, self_normalised: bool = False
) -> PolicyValue:
    """Return the model's value and the weighted mean of its errors."""
    n = len(choices.reward)
    predicted, expected = finite("predicted", predicted, n), finite("expected", expected, n)
    seen = overlap(choices, used)
    refuse_without_support(seen, how)
    correction, one = used * (choices.reward - predicted), ones(choices)
    terms = [(expected, one), (correction, used)] if self_normalised else [(expected + correction, one)]
    is_cut = used is not choices.weight
    return judged(
        name,
        terms,
        choices,
        how,
        seen=seen,
        span=None if self_normalised or is_cut else lambda most, least, greatest: (1 + 2 * most) * (greatest - least),
        bias=_between(hidden(choices.weight - used, how)) if is_cut else None,
        cautions=cautions(seen, choices),
    )


def _between(bias: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the bounds of what a model may be wrong by where it is not corrected: to either side."""
    return None if bias is None else (bias[0] - bias[1], bias[1] - bias[0])


def _least_error(choices: Choices, predicted: Array, expected: Array, how: Judging) -> float:
    """Return the threshold whose estimate has the least variance plus squared bound of its bias."""
    least, greatest = how.rewards if how.rewards is not None else (choices.reward.min(), choices.reward.max())
    found = []
    for threshold in np.unique(np.quantile(choices.weight[choices.weight > 0], [0.5, 0.75, 0.9, 0.95, 0.99, 1.0])):
        used = np.where(choices.weight <= threshold, choices.weight, 0.0)
        terms = expected + used * (choices.reward - predicted)
        error = terms.var() / len(terms) + ((choices.weight - used).mean() * (greatest - least)) ** 2
        found.append((float(error), float(threshold)))
    return min(found)[1]
