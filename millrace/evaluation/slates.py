"""What another policy would have earned where a choice is a slate: several places, filled together, with far too many ways to fill them.

Each estimator weighs slates under an assumption of how places make the reward, and is as good as that: none of them (`whole`: exact, and
almost never a slate is seen twice), a place depends on those above it (`cascade`), or places add up (`pseudo_inverse`, of which only the
total need be seen). Where an item is liked whatever stands around it, `off_policy.ips` with a row per item shown is enough: its propensity
is the chance that the item was shown at all, its unit the slate's.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.logged_choices import Choices, known_chances
from millrace.evaluation.off_policy import self_normalised, weighted
from millrace.evaluation.reasons import Reason, Refused
from millrace.types import Array

_DEFAULT = Judging()


def slate_ips(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    by: Literal["place", "cascade", "whole"],
    unit: Any = None,
    how: Judging = _DEFAULT,
) -> PolicyValue:
    """Estimate a target policy's mean total reward per slate from rewards that are known by place.

    Args:
        reward: Outcome of each place. Shape (n, places).
        propensity: Probability under the logging policy of what stood in each place, given what stood above it, in (0, 1]; for "place"
            whatever stood above. Shape (n, places).
        target: The same under the target policy, in [0, 1]. Shape (n, places).
        by: What is assumed of the reward of a place: "place": it depends on what stands there; "cascade": also on what stands above;
            "whole": on the whole slate. The less is assumed, the heavier the weights.
        unit: Whose slate each is. Shape (n,).
        how: The interval, and what is refused.

    Raises:
        BadInput: The shapes differ, or something is missing or out of range.
        Refused: A propensity is missing or not above 0, or the log cannot say anything of this target.

    Source: Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay & Wen (2018), Offline Evaluation of Ranking Policies with Click Models (place);
    McInerney, Brost, Chandar, Mehrotra & Carterette (2020), Counterfactual Evaluation of Slate Recommendations (cascade).

    >>> rows = [[1.0, 0.0], [0.0, 1.0]] * 20, [[0.5, 0.5]] * 40, [[0.75, 0.5], [0.25, 0.5]] * 20
    >>> slate_ips(*rows, by="place").value, slate_ips(*rows, by="cascade").value  # (1.5 + 1) / 2 and (1.5 + 0.5) / 2
    (1.25, 1.0)
    """
    reward, ratio = _by_place(reward, propensity, target)
    if by == "place":
        place_weight = ratio
    elif by == "cascade":
        place_weight = np.cumprod(ratio, axis=1)
    elif by == "whole":
        place_weight = np.broadcast_to(ratio.prod(axis=1)[:, None], ratio.shape)
    else:
        raise BadInput(f"by={by!r}: assume place, cascade or whole", field="by")
    # A place is a choice of its own that shares its slate's unit: the mean over places, times how many there are, is the slate's.
    n, places = ratio.shape
    whose = np.repeat(np.arange(n) if unit is None else np.asarray(unit), places)
    choices = Choices.weighted(places * reward.ravel(), place_weight.ravel(), whose)
    return weighted(f"slate ips by {by}", choices, how)


def pseudo_inverse(reward: Any, weight: Any, *, is_self_normalised: bool = False, unit: Any = None, how: Judging = _DEFAULT) -> PolicyValue:
    """Estimate a target policy's mean reward per slate where the reward is a sum over places, of which only the total was seen.

    Args:
        reward: Outcome of each slate. Shape (n,).
        weight: From `slate_weights` or `independent_weights`; some are negative. Shape (n,).
        is_self_normalised: Whether weights are scaled to sum to one: less variance, a bias that vanishes.
        unit: Whose slate each is. Shape (n,).
        how: The interval, and what is refused.

    Raises:
        BadInput: A number is missing.
        Refused: The log cannot say anything of this target.

    Source: Swaminathan, Krishnamurthy, Agarwal, Dudík, Langford, Jose & Zitouni (2017), Off-policy Evaluation for Slate Recommendation.
    """
    choices = Choices.weighted(reward, weight, unit)
    if is_self_normalised:
        return self_normalised("self-normalised pseudo-inverse", choices, how)
    return weighted("pseudo-inverse", choices, how)


def slate_weights(shown: Any, target: Any, gamma: Any) -> Array:
    """Return the pseudo-inverse weight of each slate: how the target's places are made of slates that were logged.

    Args:
        shown: The number of the item in each place. Shape (n, places).
        target: The target's probability of each item in each place. Shape (n, places, items), or (places, items) where all are alike.
        gamma: How often the logging policy puts one item in a place and another in another at once: from `uniform_gamma` or `gamma_of`.
            Shape (places · items, places · items).

    Raises:
        BadInput: The shapes do not fit.
        Refused: The target puts something somewhere that the logging policy never does.

    Returns:
        Shape (n,).
    """
    shown, target, gamma = np.asarray(shown), np.asarray(target, dtype=np.float64), np.asarray(gamma, dtype=np.float64)
    places, items = target.shape[-2:]
    if shown.shape[1:] != (places,) or gamma.shape != (places * items,) * 2 or target.ndim not in (2, 3):
        raise BadInput(f"shown {shown.shape}, target {target.shape} and gamma {gamma.shape} do not fit: see their shapes", field="shown")
    wanted = target.reshape(-1, places * items)
    inverse = np.linalg.pinv(gamma, hermitian=True)
    made = wanted @ inverse
    if np.abs(made @ gamma - wanted).max() > 1e-6:
        said = "the target puts items in places where the logging policy never does: log with slates drawn at random, or judge another"
        raise Refused(Reason.NO_SUPPORT, said, field="target")
    made = np.broadcast_to(made.reshape(-1, places, items), (len(shown), places, items))
    return made[np.arange(len(shown))[:, None], np.arange(places), shown].sum(axis=1)


def uniform_gamma(places: int, items: int) -> Array:
    """Return `gamma` of slates drawn uniformly among all orders of different items. Shape (places · items, places · items).

    >>> uniform_gamma(2, 3)[0].round(3).tolist()  # item 0 in place 0 and: itself there; each other item in place 1
    [0.333, 0.0, 0.0, 0.0, 0.167, 0.167]
    """
    if not 1 <= places <= items:
        raise BadInput(f"places={places}, items={items}: there must be as many items as places at least", field="items")
    pair = (1 - np.eye(items)) / (items * max(items - 1, 1))
    same = np.kron(np.eye(places), np.eye(items) / items)
    return same + np.kron(1 - np.eye(places), pair)


def gamma_of(slates: Any, chance: Any, items: int) -> Array:
    """Return `gamma` of a logging policy that is given by all of its slates and their probabilities.

    Args:
        slates: The number of the item in each place. Shape (slates, places).
        chance: The probability of each, adding up to 1. Shape (slates,).
        items: How many items there are.
    """
    slates, chance = np.asarray(slates), np.asarray(chance, dtype=np.float64)
    places = slates.shape[1]
    seen = np.zeros((len(slates), places * items))
    seen[np.arange(len(slates))[:, None], np.arange(places) * items + slates] = 1.0
    return (seen * chance[:, None]).T @ seen


def independent_weights(propensity: Any, target: Any) -> Array:
    """Return the pseudo-inverse weight of each slate whose places were filled independently of each other: Σ ratios - places + 1.

    Args:
        propensity: Probability under the logging policy of what stood in each place, in (0, 1]. Shape (n, places).
        target: The same under the target policy, in [0, 1]. Shape (n, places).

    Source: Vlassis, Chandrashekar, Gil & Kallus (2021), Control Variates for Slate Off-Policy Evaluation.

    >>> independent_weights([[0.5, 0.5]], [[1.0, 0.25]]).tolist()
    [1.5]
    """
    _, ratio = _by_place(np.zeros(np.shape(propensity)), propensity, target)
    return ratio.sum(axis=1) - ratio.shape[1] + 1


def _by_place(reward: Any, propensity: Any, target: Any) -> tuple[Array, Array]:
    """Return the rewards and the ratios of probabilities by place, checked. Shape (n, places) each."""
    reward, propensity, target = (np.asarray(one, dtype=np.float64) for one in (reward, propensity, target))
    if reward.ndim != 2 or not reward.shape == propensity.shape == target.shape:
        raise BadInput(f"reward {reward.shape}, propensity {propensity.shape} and target {target.shape} must be (slates, places) alike")
    checked = Choices.of(reward.ravel(), known_chances(propensity.ravel(), propensity.size), target.ravel())
    return reward, checked.weight.reshape(reward.shape)
