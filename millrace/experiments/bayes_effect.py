"""The Bayesian read-out of any estimated effect: shrunk towards what effects were believed, or found in the past, to be."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import interpolate, optimize, special

from millrace.experiments.bayes import Belief
from millrace.experiments.comparison import Arm, Asked
from millrace.experiments.effect_prior import EffectPrior
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.relative import has_base
from millrace.experiments.root import root
from millrace.types import Array


def stated_prior(control: Arm, effect: float | None = None) -> EffectPrior:
    """Return the prior of who has said nothing of effects but, perhaps, which one they plan to find: none is expected, some are likely.

    Args:
        control: The control's figure.
        effect: The effect planned for, in the metric's unit: one standard deviation. If not given it is a tenth of the control's value.

    Raises:
        Refused: There is neither an effect nor a value that is surely not 0.

    >>> stated_prior(Arm(name="old", value=20.0, variance=0.01, units=400, df=399.0)).said
    "normal, mean 0, standard deviation 2, a tenth of the control's value"
    """
    if effect:
        return EffectPrior(0.0, abs(effect), why="the effect that was planned for")
    if not has_base(control, Asked()):
        said = f"{control.name} may be 0, so a tenth of it is no prior: declare Scorecard(prior=), or plan for an effect, start --effect"
        raise Refused(Reason.NO_BASE, said, control.name)
    return EffectPrior(0.0, abs(control.value) / 10, why="a tenth of the control's value")


def believed_effect(difference: float, error: float, prior: EffectPrior, df: float = float("inf"), confidence: float = 0.95) -> Belief:
    """Return what is believed of an effect of which there is an estimate: the estimate shrunk towards the prior's mean.

    Args:
        difference: The estimate of treatment - control, in the metric's unit; whatever it was adjusted for.
        error: Its standard error, above 0.
        prior: Set, or learned from past experiments (`learned_prior`).
        df: The degrees of freedom of the error: where few, the estimate's law is Student's and the answer is found by quadrature.
        confidence: Of the credible interval, in (0, 1).

    Raises:
        Refused: The estimate or its error is not a number, or the error not above 0.

    >>> found = believed_effect(0.02, 0.01, EffectPrior(0.0, 0.01))
    >>> round(found.difference, 4), round(found.better, 4), found.prior
    (0.01, 0.9214, 'normal, mean 0, standard deviation 0.01, as set')
    """
    if not (np.isfinite(difference) and np.isfinite(error)):
        raise Refused(Reason.NOT_A_NUMBER, "the estimate or its error is not a number: read it by a method that gives both")
    if not error > 0:
        raise Refused(Reason.NO_VARIANCE, "the estimate has no error: wait until the values vary")
    if np.isfinite(df):
        return _by_quadrature(difference, error, prior, df, confidence)
    weight = prior.spread**2 / (prior.spread**2 + error**2)
    mean, spread = prior.mean + weight * (difference - prior.mean), error * np.sqrt(weight)
    half = float(special.ndtri((1 + confidence) / 2) * spread)
    z = mean / spread
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return Belief(
        better=float(special.ndtr(z)),
        difference=float(mean),
        low=float(mean - half),
        high=float(mean + half),
        confidence=confidence,
        loss_of_treatment=float(spread * (density - z * special.ndtr(-z))),
        loss_of_control=float(spread * (density + z * special.ndtr(z))),
        prior=prior.said,
    )


def learned_prior(differences: Array, errors: Array, mean: float | None = 0.0) -> EffectPrior:
    """Return the normal law of true effects that makes past estimates most likely: an empirical, hierarchical prior.

    Past experiments must be all there were, not only those that were liked. Where they vary no more than their errors explain, the
    spread is a tenth of the least error, as none at all would let no experiment speak.

    Args:
        differences: Past estimates, in the metric's unit. Shape (experiments,).
        errors: Their standard errors, above 0. Shape (experiments,).
        mean: The mean effect; None to learn it too.

    Raises:
        Refused: There are fewer than five experiments, or one has no difference, or no error above 0.

    Source: Gelman et al. (2013), Bayesian Data Analysis, chapter 5; Deng (2015), Objective Bayesian Two Sample Hypothesis Testing for
    Online Controlled Experiments.
    """
    if len(differences) < 5:
        raise Refused(Reason.FEW_UNITS, f"{len(differences)} experiments do not tell how effects vary: five at least, or set the prior")
    errors = np.asarray(errors, dtype=np.float64)
    if not (np.isfinite(differences) & np.isfinite(errors) & (errors > 0)).all():
        raise Refused(Reason.NOT_A_NUMBER, "an experiment has no difference, or no error above 0: leave it out")

    def centre(spread: float) -> float:
        weight = 1 / (errors**2 + spread**2)
        return float(weight @ differences / weight.sum()) if mean is None else mean

    def unlikely(log_spread: float) -> float:
        spread = np.exp(log_spread)
        variance = errors**2 + spread**2
        return float(0.5 * np.sum(np.log(variance) + (differences - centre(spread)) ** 2 / variance))

    most = np.abs(differences).max() + errors.max()
    found: Any = optimize.minimize_scalar(
        unlikely, bounds=(np.log(errors.min() / 10), np.log(most)), method="bounded", options={"xatol": 1e-10}
    )
    spread = float(np.exp(found.x))
    return EffectPrior(centre(spread), spread, len(differences))


def _by_quadrature(difference: float, error: float, prior: EffectPrior, df: float, confidence: float) -> Belief:
    """Return the belief where the estimate's law is Student's, which has no closed form."""

    def logs(x: Array) -> Array:
        return -0.5 * ((x - prior.mean) / prior.spread) ** 2 - (df + 1) / 2 * np.log1p(((difference - x) / error) ** 2 / df)

    between = np.linspace(min(prior.mean, difference), max(prior.mean, difference), 10_001)
    mode, scale = between[np.argmax(logs(between))], min(prior.spread, error)
    u = np.linspace(-24.0, 24.0, 16_001)  # evenly near the mode, ever wider in the tails: these may be Student's
    x = mode + scale * np.sinh(u)
    weight = np.exp(logs(x) - logs(np.array([mode]))) * np.cosh(u)
    weight /= weight.sum()
    below = interpolate.CubicSpline(u, weight / (u[1] - u[0])).antiderivative()

    def where(chance: float) -> float:
        return float(mode + scale * np.sinh(root(lambda at: float(below(at)) - chance, u[0], u[-1], near=1e-13)))

    tail = (1 - confidence) / 2
    worse, better = weight @ np.maximum(-x, 0.0), weight @ np.maximum(x, 0.0)
    return Belief(
        better=float(1 - below(np.arcsinh(-mode / scale))),
        difference=float(weight @ x),
        low=where(tail),
        high=where(1 - tail),
        confidence=confidence,
        loss_of_treatment=float(worse),
        loss_of_control=float(better),
        prior=prior.said,
    )
