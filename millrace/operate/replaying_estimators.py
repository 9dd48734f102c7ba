"""What logged choices say another policy is worth, by each way to estimate it, and how its weights lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.off_policy import ips, snips
from millrace.evaluation.off_policy_models import direct_method, doubly_robust, mrdr, switch_dr
from millrace.evaluation.reward_models import linear_rewards
from millrace.operate.replaying_targets import Chances
from millrace.types import Array

ESTIMATORS = ("snips", "ips", "clipped", "dr", "mrdr", "switch", "direct")
"""By which another policy can be judged; those after the third lean on a model, and are for decisions that take one candidate or action."""
_CLIP = 10.0
_ARMS = 200
"""A model of rewards tells this many candidates apart, those seen most; the others are one."""
_LEAST = 1 / 16
"""The narrowest weights that are told apart, but for 0; each bin reaches twice as far as the one before."""


@dataclass(frozen=True)
class Choices:
    """Logged choices, as estimators take them. Shape (n,) each.

    Attributes:
        reward: What came of each.
        propensity: With which chance it was taken, in (0, 1].
        target: With which chance the other policy takes it, in [0, 1].
        unit: Who is independent of each other.
        untried: Which share of what the other policy would do had no chance; None where nobody knows.
        id: Of the decision.
        name: What was chosen.
        chances: By decision, what the other policy would have done.
    """

    reward: Array
    propensity: Array
    target: Array
    unit: Array
    untried: Array | None
    id: Array
    name: Array
    chances: Mapping[str, Chances]


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """The choices whose weights lie above those of the bin before, up to `upto`.

    Attributes:
        upto: The greatest weight of the bin; that of the first is 0: what the other policy would never do.
        choices: How many choices have such a weight.
        share: Which part of all weight they hold, in [0, 1].
    """

    upto: float
    choices: int
    share: float


class Closer(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement seen more closely.

    Attributes:
        values: By estimator, what the other policy is worth.
        refused: By estimator, why it gives no figure.
        weights: How the weights of the choices lie, the lightest first.
    """

    values: dict[str, PolicyValue]
    refused: dict[str, str]
    weights: list[Weights]


def valued(estimator: str, choices: Choices, how: Judging) -> PolicyValue:
    """Return the value of the other policy by one of `ESTIMATORS`.

    Raises:
        BadInput: The estimator is for decisions that take one thing, and these take several.
        Refused: The log does not bear a figure.
    """
    logs = choices.reward, choices.propensity, choices.target
    kind: dict[str, Any] = {"unit": choices.unit, "untried": choices.untried, "how": how}
    if estimator in ("snips", "ips", "clipped"):
        return snips(*logs, **kind) if estimator == "snips" else ips(*logs, clip=_CLIP if estimator == "clipped" else None, **kind)
    if len(np.unique(choices.id.astype(str))) < len(choices.id):
        said = f"{estimator} is for decisions that take one candidate or action, and these take several: use snips, ips or clipped"
        raise BadInput(said, field="estimator")
    logged, chosen = _arms(choices.name, [choices.chances[one] for one in choices.id.tolist()])
    if estimator == "mrdr":
        return mrdr(*logs, logged=logged, chosen=chosen, **kind)
    model = linear_rewards(choices.reward, logged, chosen, unit=choices.unit, seed=how.seed)
    if estimator == "direct":
        return direct_method(model.target, unit=choices.unit, how=how)
    corrected = doubly_robust if estimator == "dr" else switch_dr
    return corrected(*logs, predicted=model.logged, expected=model.target, **kind)


def closer(choices: Choices, how: Judging) -> Closer:
    """Return what every estimator says, and how the weights lie."""
    values: dict[str, PolicyValue] = {}
    refused: dict[str, str] = {}
    for estimator in ESTIMATORS:
        try:
            values[estimator] = valued(estimator, choices, how)
        except BadInput as error:
            refused[estimator] = str(error)
    return Closer(values=values, refused=refused, weights=spread(choices.target / choices.propensity))


def spread(weight: Array) -> list[Weights]:
    """Return how weights lie: those of 0, then bins each twice as wide as the one before, up to the heaviest. Shape (n,)."""
    doublings = int(np.ceil(np.log2(max(float(weight.max(initial=0.0)) / _LEAST, 1.0))))
    edges = np.r_[0.0, _LEAST * 2.0 ** np.arange(doublings + 1)]
    place = np.searchsorted(edges, weight, side="left")
    counts, held = np.bincount(place, minlength=len(edges)), np.bincount(place, weights=weight, minlength=len(edges))
    total = float(weight.sum()) or 1.0
    return [Weights(upto=float(edge), choices=int(n), share=float(part) / total) for edge, n, part in zip(edges, counts, held, strict=True)]


def _arms(name: Array, wanted: list[Chances]) -> tuple[Array, Array]:
    """Return which arm each choice was, and with which chance the target takes each arm: features of a model of rewards by arm."""
    often = [one for one, _ in Counter(name.tolist()).most_common(_ARMS)]
    place = {one: column for column, one in enumerate(often)}
    logged, chosen = np.zeros((len(name), len(often) + 1)), np.zeros((len(name), len(often) + 1))
    for row, (what, chances) in enumerate(zip(name.tolist(), wanted, strict=True)):
        logged[row, place.get(what, -1)] = 1.0
        for one, chance in chances.items():
            chosen[row, place.get(one, -1)] += chance
    return logged, chosen
