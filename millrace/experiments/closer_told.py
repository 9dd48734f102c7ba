"""A closer look at a metric in plain language."""

from __future__ import annotations

import numpy as np

from millrace.experiments.bayes import Belief
from millrace.experiments.closer import Closer
from millrace.experiments.novelty import Ageing
from millrace.experiments.reasons import Caution
from millrace.experiments.segments import Segments
from millrace.experiments.worth import Worth

_SURE = 0.01
"""Below this p-value a verdict speaks of ages and segments: it is read at every look, and they are many."""
_HARDLY = 0.98
"""Where more than this part of a shown difference is left after correction, nothing is said of it in a verdict."""


def sentences(of: Closer) -> list[str]:
    """Return what a verdict should say besides: only what would be missed."""
    told: list[str] = []
    if of.worth is not None and of.worth.kept < _HARDLY:
        told.append(f"Shown by so little it looks too large: {amount(of.worth, of)} is likelier.")
    if isinstance(of.ageing, Ageing) and of.ageing.verdict != "steady" and of.ageing.p_value < _SURE:
        told.append(f"{ageing_said(of.ageing, of)}: {_LEFT[of.ageing.verdict]}.")
    for name, found in of.segments.items():
        if isinstance(found, Segments) and found.log_p < np.log(_SURE):
            low, high = min(found.segments, key=lambda one: one.difference), max(found.segments, key=lambda one: one.difference)
            ends = f"from {low.difference:+.3g} in {low.name} to {high.difference:+.3g} in {high.name}"
            told.append(f"It differs between segments by {name} (p = {np.exp(found.log_p):.2g}), {ends}.")
    return told


_LEFT = {"novelty": "what stays may be less than what was read", "primacy": "what stays may be more than what was read"}


def lines(of: Closer) -> list[tuple[str, str]]:
    """Return (what, what is said of it) for all that was looked at."""
    told: list[tuple[str, str]] = []
    if of.worth is not None:
        hardly = "hardly less than it looks: it lies far beyond what was needed to be shown"
        said = f"{amount(of.worth, of)}, as it was picked for being shown" if of.worth.kept < _HARDLY else hardly
        told.append(("what it is worth", said))
        if of.role == "secondary":
            told.append(("mind", "it is one of several metrics: where it was picked among them, it is worth less still"))
    told.append(("belief", believed(of.belief, of) if isinstance(of.belief, Belief) else _unsaid(of.belief)))
    if of.ageing is not None:
        told.append(("by exposure age", ageing_said(of.ageing, of) if isinstance(of.ageing, Ageing) else _unsaid(of.ageing)))
    for name, found in of.segments.items():
        told.append((f"by {name}", found.said if isinstance(found, Segments) else _unsaid(found)))
    read = (one for one in (of.ageing, *of.segments.values()) if isinstance(one, Ageing | Segments))
    cautions = [caution for one in read for caution in one.cautions]
    return [*told, *(("mind", one.said) for one in cautions)]


def amount(of: Worth, closer: Closer) -> str:
    """Return a corrected difference with its interval."""
    ends = f"{relative(of.low, closer)} to {relative(of.high, closer)}"
    return f"{relative(of.difference, closer)} ({100 * of.confidence:.4g} %: {ends})"


def believed(of: Belief, closer: Closer) -> str:
    """Return how likely the treatment is better, how it differs, what choosing it costs on average, and the prior."""
    is_more = closer.better == "more"
    better = of.better if is_more else 1 - of.better
    loss = of.loss_of_treatment if is_more else of.loss_of_control
    ends = f"{100 * of.confidence:.4g} %: {relative(of.low, closer)} to {relative(of.high, closer)}"
    found = f"better with {_chance(better)}, {relative(of.difference, closer)} ({ends})"
    loses = f"{loss:.2g}" if loss > 1e-6 * abs(closer.found.control.value) else "next to nothing"
    return f"{found}; choosing it loses {loses} on average; prior: {of.prior}"


def ageing_said(of: Ageing, closer: Closer) -> str:
    """Return which way an effect goes with exposure, and how fast."""
    first, last = of.ages[0], of.ages[-1]
    interval = f"{100 * closer.found.confidence:.4g} %: {_part(of.low, of)} to {_part(of.high, of)}"
    by = f"by {_part(of.trend, of)} per {closer.age} ({interval}, p = {of.p_value:.2g})"
    if of.verdict == "steady":
        return f"Neither fading nor growing was shown: {by}"
    ends = f"{_part(first.difference, of)} at age {first.age:g}, {_part(last.difference, of)} at age {last.age:g}"
    return f"The effect {'fades' if of.verdict == 'novelty' else 'grows'} with exposure, {by}: {ends}"


def _part(value: float, of: Ageing) -> str:
    return f"{100 * value:+.3g} %" if of.is_relative else f"{value:+.3g}"


def relative(difference: float, of: Closer) -> str:
    """Return a difference as a part of the control's value, where one may be given, else in the metric's unit."""
    if of.found.relative is None or not of.found.control.value:
        return f"{difference:+.4g}"
    return f"{100 * difference / abs(of.found.control.value):+.3g} %"


def _chance(p: float) -> str:
    return "more than 99.99 %" if p > 0.9999 else "less than 0.01 %" if p < 0.0001 else f"{100 * p:.4g} %"


def _unsaid(caution: Caution) -> str:
    return f"not said: {caution.said}"
