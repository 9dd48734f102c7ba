"""What another policy would have earned, judged on choices that were logged with their propensities: by weights alone.

All estimators here need support: whatever the target would do, the logging policy must have done with some chance. A log that proves the
opposite (no propensity, weights that do not average 1), or that a handful of heavy weights would decide, is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.judged import judged, ones
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.logged_choices import Choices
from millrace.evaluation.overlap import cautions, overlap, refuse_without_support
from millrace.types import Array

_DEFAULT = Judging()


def ips(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    clip: float | None = None,
    unit: Any = None,
    untried: Any = None,
    how: Judging = _DEFAULT,
) -> PolicyValue:
    """Estimate a target policy's mean reward by inverse propensity scoring.

    Each logged reward is weighted by how much more often the target would have taken that action. Unbiased, but a few heavy weights can
    carry the estimate. `clip` caps the weights: less variance, and for rewards of 0 or more a value that is too low. By how much it can
    be off is stated: with rewards in [a, b] the truth exceeds what is estimated by between a·c and b·c, where c is the mean of the weight
    that was cut off.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        clip: The greatest weight a choice may have; None for no limit.
        unit: Whose choice each is, where somebody makes several: intervals are over units. Shape (n,).
        untried: The share of the target's probability at each choice that lies on actions of propensity 0, in [0, 1]. Shape (n,).
        how: The interval, and what is refused.

    Raises:
        BadInput: A reward is missing, a probability out of range, or the cap not above 0.
        Refused: A propensity is missing or not above 0, or the log cannot say anything of this target; `reason` says which.

    Source: Horvitz & Thompson (1952), A Generalization of Sampling Without Replacement from a Finite Universe; clipping: Ionides (2008),
    Truncated Importance Sampling.

    >>> found = ips([1.0, 0.0] * 20, [0.5, 0.5] * 20, [0.75, 0.25] * 20)
    >>> found.value, found.effective_sample_size
    (0.75, 32.0)
    """
    choices = Choices.of(reward, propensity, target, unit, untried)
    return weighted("ips" if clip is None else "clipped ips", choices, how, clip)


def weighted(name: str, choices: Choices, how: Judging, clip: float | None = None) -> PolicyValue:
    """Return the mean of weighted rewards: `ips` of choices whose weights are known."""
    used = clipped(choices.weight, clip)
    seen = overlap(choices, used)
    refuse_without_support(seen, how)
    return judged(
        name,
        [(used * choices.reward, ones(choices))],
        choices,
        how,
        seen=seen,
        heaviest=clip,
        span=lambda most, least, greatest: most * (max(greatest, 0.0) - min(least, 0.0)),
        bias=hidden(choices.weight - used, how) if clip is not None else None,
        cautions=cautions(seen, choices),
    )


def snips(
    reward: Any, propensity: Any, target: Any, *, clip: float | None = None, unit: Any = None, untried: Any = None, how: Judging = _DEFAULT
) -> PolicyValue:
    """Estimate a target policy's mean reward by self-normalised inverse propensity scoring.

    The weights of `ips`, scaled to sum to one. Biased when decisions are few, consistent, and never outside the range of the rewards seen.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        clip: The greatest weight a choice may have before they are scaled; None for no limit.
        unit: As for `ips`.
        untried: As for `ips`.
        how: The interval, and what is refused.

    Raises:
        BadInput: As for `ips`.
        Refused: As for `ips`.

    Source: Swaminathan & Joachims (2015), The Self-Normalized Estimator for Counterfactual Learning.

    >>> snips([1.0, 0.0] * 20, [0.5, 0.25] * 20, [0.5, 0.25] * 20).value
    0.5
    """
    return self_normalised("snips", Choices.of(reward, propensity, target, unit, untried), how, clip)


def self_normalised(name: str, choices: Choices, how: Judging, clip: float | None = None) -> PolicyValue:
    """Return the weighted mean of rewards: `snips` of choices whose weights are known."""
    used = clipped(choices.weight, clip)
    seen = overlap(choices, used)
    refuse_without_support(seen, how)
    return judged(name, [(used * choices.reward, used)], choices, how, seen=seen, cautions=cautions(seen, choices))


def gain(reward: Any, propensity: Any, target: Any, *, unit: Any = None, untried: Any = None, how: Judging = _DEFAULT) -> PolicyValue:
    """Estimate how much more a target policy earns per choice than what logged them did: `snips` less the mean of the rewards.

    Both rest on the same choices and rise and fall together, so the interval is narrower than two intervals beside each other.

    Args:
        reward: Outcome of each logged action, in the metric's unit. Shape (n,).
        propensity: Probability of that action under the logging policy, in (0, 1]. Shape (n,).
        target: Probability of it under the target policy, in [0, 1]. Shape (n,).
        unit: As for `ips`.
        untried: As for `ips`.
        how: The interval, and what is refused.

    Raises:
        BadInput: As for `ips`.
        Refused: As for `ips`.

    >>> gain([1.0, 0.0] * 20, [0.5, 0.5] * 20, [0.75, 0.25] * 20).value
    0.25
    """
    choices = Choices.of(reward, propensity, target, unit, untried)
    seen = overlap(choices)
    refuse_without_support(seen, how)
    terms = [(choices.weight * choices.reward, choices.weight), (-choices.reward, ones(choices))]
    return judged("gain", terms, choices, how, seen=seen, cautions=cautions(seen, choices))


def clipped(weight: Array, clip: float | None) -> Array:
    """Return weights with none above a cap.

    Raises:
        BadInput: The cap is not above 0.
    """
    if clip is None:
        return weight
    if not clip > 0:
        raise BadInput(f"clip={clip!r}: the greatest weight must be above 0", field="clip")
    return np.minimum(weight, clip)


def hidden(cut: Array, how: Judging) -> tuple[float, float] | None:
    """Return between which numbers the reward lies that cutting so much weight hides; None where rewards have no bounds."""
    if how.rewards is None:
        return None
    lost = float(cut.mean())
    return how.rewards[0] * lost, how.rewards[1] * lost
