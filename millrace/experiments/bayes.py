"""The Bayesian read-out: how likely the treatment is better, what choosing it may cost, and the prior it rests on, in words."""

from __future__ import annotations

import msgspec

from millrace.errors import BadInput
from millrace.experiments.beta_binomial import Counted
from millrace.experiments.posterior import Beta, Gamma, Pair
from millrace.experiments.reasons import Caution

BY_THE_PRIOR = "no error rate: the figures hold, at any look, on average over worlds drawn from the prior, and in none alone"


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed of treatment - control, in the metric's unit.

    Attributes:
        better: The probability that the treatment is above the control.
        difference: The mean.
        low: The lower end of the credible interval, with an equal chance on either side.
        high: The upper end.
        confidence: The probability that it is within.
        loss_of_treatment: What choosing the treatment costs on average: by how much it is below the control, 0 where it is not.
        loss_of_control: What keeping the control costs on average.
        prior: What was believed before, in words.
        controls: What is kept to a level: none.
        cautions: What must be known.
    """

    better: float
    difference: float
    low: float
    high: float
    confidence: float
    loss_of_treatment: float
    loss_of_control: float
    prior: str
    controls: str = BY_THE_PRIOR
    cautions: tuple[Caution, ...] = ()


class RatePrior(msgspec.Struct, frozen=True):
    """A prior belief in a rate, the same for both arms: worth some units in which some events were seen.

    Attributes:
        events: Events already seen, so to speak, at least 0.5.
        units: Among so many units; for proportions at least 0.5 more than the events.
    """

    events: float
    units: float


def believed_proportions(control: Counted, treatment: Counted, prior: RatePrior | None = None, confidence: float = 0.95) -> Belief:
    """Return what is believed of the difference of two proportions: beta priors, exact.

    Args:
        control: Events and units of the control.
        treatment: Of the treatment.
        prior: For each arm; half an event in one unit by default (Jeffreys).
        confidence: Of the credible interval, in (0, 1).

    Raises:
        BadInput: The prior has less than half an event, or half a unit without.

    >>> found = believed_proportions(Counted(10, 100), Counted(18, 100))
    >>> round(found.better, 4), found.prior
    (0.9491, 'each arm: beta(0.5, 0.5), worth 1 units')
    """
    prior = prior or RatePrior(0.5, 1.0)
    if prior.events < 0.5 or prior.units - prior.events < 0.5:
        raise BadInput(f"{prior}: at least half an event, and half a unit without")
    laws = [Beta(prior.events + arm.events, prior.units - prior.events + arm.others) for arm in (control, treatment)]
    said = f"each arm: beta({prior.events:g}, {prior.units - prior.events:g}), worth {prior.units:g} units"
    return _of_pair(Pair(*laws), said, confidence)


def believed_counts(control: Counted, treatment: Counted, prior: RatePrior | None = None, confidence: float = 0.95) -> Belief:
    """Return what is believed of the difference of two counts per unit: Poisson counts, gamma priors, exact.

    Counted that vary more between units than Poisson's make it too sure: read those as means (`believed_effect`).

    Args:
        control: Events and units (or time) of the control.
        treatment: Of the treatment.
        prior: For each arm; half an event in a hundredth of the smaller arm's units by default.
        confidence: Of the credible interval, in (0, 1).

    Raises:
        BadInput: The prior has less than half an event, or no units, as it has by default where an arm has none.
    """
    prior = prior or RatePrior(0.5, min(control.units, treatment.units) / 100)
    if prior.events < 0.5 or not prior.units > 0:
        raise BadInput(f"{prior}: at least half an event, in more than 0 units")
    laws = [Gamma(prior.events + arm.events, prior.units + arm.units) for arm in (control, treatment)]
    return _of_pair(Pair(*laws), f"each arm: gamma, {prior.events:g} events in {prior.units:g} units", confidence)


def _of_pair(pair: Pair, said: str, confidence: float) -> Belief:
    low, high = pair.interval(confidence)
    shortfall, difference = pair.shortfall(), pair.treatment.mean - pair.control.mean
    return Belief(
        better=pair.above(),
        difference=difference,
        low=low,
        high=high,
        confidence=confidence,
        loss_of_treatment=max(shortfall, 0.0),
        loss_of_control=max(shortfall + difference, 0.0),
        prior=said,
    )
