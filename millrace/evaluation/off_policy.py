"""What another policy would have earned, judged on decisions that were logged with their propensities.

All estimators here need support: whatever the target would do, the logging policy must have done with some chance. Rows that prove the
opposite (no propensity) are refused. A target that often does what was hardly ever tried is seen in the effective sample size: below some
hundreds, do not believe the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.inputs import finite, numbers, shares
from millrace.types import Array


@dataclass(frozen=True)
class PolicyValue:
    """An estimate of a target policy's mean reward per decision.

    Attributes:
        value: The estimate, in the reward's unit.
        standard_error: How far chance moves it; NaN for a single decision.
        effective_sample_size: How many decisions of the target policy itself the logged ones are worth, about.
        n: How many logged decisions it rests on.
    """

    value: float
    standard_error: float
    effective_sample_size: float
    n: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return a two-sided interval by the normal approximation, which needs a large effective sample size."""
        half = NormalDist().inv_cdf(0.5 + confidence / 2) * self.standard_error
        return self.value - half, self.value + half


def ips(reward: Any, propensity: Any, target: Any, *, clip: float | None = None) -> PolicyValue:
    """Estimate a target policy's mean reward by inverse propensity scoring.

    Each logged reward is weighted by how much more often the target would have taken that action. Unbiased, but a few heavy weights can
    carry the estimate. `clip` caps the weights: less variance, and for rewards of 0 or more a value that is too low.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        clip: The greatest weight a decision may have; None for no limit.

    Raises:
        BadInput: A reward is missing, a propensity missing or not above 0, a probability out of range, or the cap not above 0.

    Source: Horvitz & Thompson (1952), A Generalization of Sampling Without Replacement from a Finite Universe; clipping: Ionides (2008),
    Truncated Importance Sampling.

    >>> ips([1.0, 0.0], [0.5, 0.5], [1.0, 0.0]).value
    1.0
    """
    reward, weight = _weighted(reward, propensity, target)
    if clip is not None:
        if not clip > 0:
            raise BadInput(f"clip={clip!r}: the greatest weight must be above 0", field="clip")
        weight = np.minimum(weight, clip)
    return _mean(weight * reward, weight)


def snips(reward: Any, propensity: Any, target: Any) -> PolicyValue:
    """Estimate a target policy's mean reward by self-normalised inverse propensity scoring.

    The weights of `ips`, scaled to sum to one. Biased when decisions are few, consistent, and never outside the range of the rewards seen.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).

    Raises:
        BadInput: As for `ips`, and when the target never takes a logged action.

    Source: Swaminathan & Joachims (2015), The Self-Normalized Estimator for Counterfactual Learning.

    >>> snips([1.0, 0.0], [0.5, 0.5], [1.0, 0.0]).value
    1.0
    """
    reward, weight = _weighted(reward, propensity, target)
    total = weight.sum()
    if total == 0:
        raise BadInput("target is 0 in every row: it never takes a logged action, so the log says nothing about it", field="target")
    value = weight @ reward / total
    error = np.sqrt(np.square(weight * (reward - value)).sum()) / total if len(reward) > 1 else np.nan
    return PolicyValue(float(value), float(error), _worth(weight), len(reward))


def doubly_robust(reward: Any, propensity: Any, target: Any, *, predicted: Any, expected: Any) -> PolicyValue:
    """Estimate a target policy's mean reward from a reward model whose errors are corrected by inverse propensity scoring.

    Right when either the model or the propensities are, and less noisy than `ips` when the model is good. Predict with a model that was
    not trained on these decisions.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        predicted: The model's reward for the logged action. Shape (n,).
        expected: The model's reward averaged over the actions the target would take. Shape (n,).

    Raises:
        BadInput: As for `ips`, and when a prediction is missing.

    Source: Dudík, Langford & Li (2011), Doubly Robust Policy Evaluation and Learning.

    >>> doubly_robust([1.0, 0.0], [0.5, 0.5], [1.0, 0.0], predicted=[0.8, 0.1], expected=[0.8, 0.8]).value
    1.0
    """
    reward, weight = _weighted(reward, propensity, target)
    predicted, expected = finite("predicted", predicted, len(reward)), finite("expected", expected, len(reward))
    return _mean(expected + weight * (reward - predicted), weight)


def _weighted(reward: Any, propensity: Any, target: Any) -> tuple[Array, Array]:
    """Return the rewards, and how much more often the target takes each logged action."""
    reward = finite("reward", reward)
    propensity = np.asarray(propensity, dtype=np.float64)
    unknown = int((~(propensity > 0)).sum())
    if unknown:
        raise BadInput(
            f"propensity is missing or not above 0 in {unknown} of {propensity.size} rows: nobody can say what was left out there; "
            f"use decisions whose chooser drew by chance and logged it",
            field="propensity",
        )
    propensity = numbers("propensity", propensity, len(reward), high=1.0)
    return reward, shares("target", target, len(reward)) / propensity


def _mean(values: Array, weight: Array) -> PolicyValue:
    n = len(values)
    error = values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return PolicyValue(float(values.mean()), float(error), _worth(weight), n)


def _worth(weight: Array) -> float:
    squared = np.square(weight).sum()
    return float(weight.sum() ** 2 / squared) if squared > 0 else 0.0
