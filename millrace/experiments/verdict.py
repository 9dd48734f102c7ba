"""A read-out in plain language: what was shown, and what was not, which is not the same as shown not to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
import numpy as np

from millrace.experiments import closer_told
from millrace.experiments.closer import Closer
from millrace.experiments.comparison import Comparison
from millrace.experiments.readout import Finding, ReadOut

Decision = Literal["invalid", "unread", "better", "worse", "not shown", "harmful", "not shown to be harmless"]
"""What may be concluded of a treatment: "better" only where every guardrail was shown to be no worse too."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What may be concluded of one treatment.

    Attributes:
        arm: The treatment.
        decision: In a word or two, for programs.
        sentences: In sentences, for people; the first says it all.
    """

    arm: str
    decision: Decision
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentences, one after another."""
        return " ".join(self.sentences)


def verdicts(read: ReadOut, closer: Mapping[str, Closer] | None = None) -> tuple[Verdict, ...]:
    """Return what may be concluded of every treatment.

    Args:
        read: What was found.
        closer: By treatment, a closer look at the primary metric, where somebody took one.
    """
    return tuple(_verdict(read, arm, (closer or {}).get(arm)) for arm in read.arms)


def _verdict(read: ReadOut, arm: str, closer: Closer | None) -> Verdict:
    if read.faults:
        said = tuple(f"Nothing may be concluded about {arm}: {fault.said}." for fault in read.faults)
        return Verdict(arm=arm, decision="invalid", sentences=said)
    (primary,) = read.of("primary", arm)
    guardrails = read.of("guardrail", arm)
    decision = _decision(primary, guardrails)
    said = [_headline(decision, primary, read), *(closer_told.sentences(closer) if closer is not None else ())]
    sentences = [*said, *_guarded(guardrails), *_secondary(read, arm), *_unread(read, arm), *_cautions(read, arm)]
    return Verdict(arm=arm, decision=decision, sentences=tuple(sentences))


def _decision(primary: Finding, guardrails: Iterable[Finding]) -> Decision:
    shown = {each.shown for each in guardrails}
    if "worse" in shown:
        return "harmful"
    if primary.shown == "unread":
        return "unread"
    if primary.shown == "better":
        return "not shown to be harmless" if shown & {"nothing", "unread"} else "better"
    return "worse" if primary.shown == "worse" else "not shown"


def _headline(decision: Decision, primary: Finding, read: ReadOut) -> str:
    arm, control, found = primary.arm, read.control, primary.comparison
    if found is None:
        return f"Of {primary.metric} in {arm} nothing can be said: {primary.refused.said if primary.refused else 'it was not read'}."
    figures = f"{_values(found)}, a difference of {difference(found)}"
    if primary.shown == "nothing":
        both = f"anything {_range(found)} fits what was seen"
        return f"{arm} was not shown to differ from {control} in {primary.metric}: {figures}. That is no proof that it does not: {both}."
    said = f"{arm} was shown to be {primary.shown} than {control} in {primary.metric}: {figures}."
    if decision == "harmful":
        return f"{said} But a guardrail got worse."
    return f"{said} But it was not shown to be harmless." if decision == "not shown to be harmless" else said


def _guarded(guardrails: Iterable[Finding]) -> list[str]:
    told: list[str] = []
    for each in guardrails:
        if each.comparison is None or each.margin is None:
            continue
        margin = f"{100 * each.margin:g} %" if each.margin_is_relative else f"{each.margin:g}"
        seen = difference(each.comparison, as_part=each.margin_is_relative)
        if each.shown == "no worse":
            told.append(f"{each.metric} was shown to be no worse by {margin} or more: {seen}.")
        elif each.shown == "worse":
            told.append(f"{each.metric} was shown to be worse, and may be so by more than {margin}: {seen}.")
        else:
            told.append(f"{each.metric} was shown neither to be worse nor to be safe from a loss of {margin}: {seen}.")
    return told


def _secondary(read: ReadOut, arm: str) -> list[str]:
    found = read.of("secondary", arm)
    shown = [f"{each.metric} {each.shown} ({difference(each.comparison)})" for each in found if each.shown != "nothing" and each.comparison]
    silent = [each.metric for each in found if each.shown == "nothing"]
    told = [f"Found besides: {', '.join(shown)}; on average {100 * (1 - read.confidence):g} % of such finds are false."] if shown else []
    return [*told, *([f"Nothing was shown of {', '.join(silent)}."] if silent else [])]


def _unread(read: ReadOut, arm: str) -> list[str]:
    """Return which metrics could not be read: those for one reason in one sentence, what was said of the primary one not again."""
    alike: dict[str, list[Finding]] = {}
    for each in read.findings:
        if each.arm == arm and each.refused is not None:
            alike.setdefault(each.refused.said.replace(each.metric, "…"), []).append(each)
    told: list[str] = []
    for first, *others in alike.values():
        names = _listed("the guardrail " + each.metric if each.role == "guardrail" else each.metric for each in others)
        if first.role == "primary":
            told += [f"For the same reason nothing can be said of {names}."] if others else []
            continue
        whose = f"The guardrail {first.metric}" if first.role == "guardrail" else first.metric
        said = first.refused.said if first.refused else ""
        told.append(f"{whose} could not be read: {said}." + (f" Nor could {names}, for the same reason." if others else ""))
    return told


def _cautions(read: ReadOut, arm: str) -> list[str]:
    """Return what must be minded: a fact that holds of several metrics once, with the others named."""
    of_metrics = [
        (each.metric, caution.said) for each in read.findings if each.arm == arm and each.comparison for caution in each.comparison.cautions
    ]
    alike: dict[str, dict[str, list[str]]] = {}
    for metric, said in (*(("", caution.said) for caution in read.cautions), *of_metrics):
        fact = said.replace(metric, "…") if metric else said
        alike.setdefault(fact, {}).setdefault(said, []).append(metric)
    told: list[str] = []
    for fact in alike.values():
        first, *others = fact
        names = _listed(dict.fromkeys(metric for said in others for metric in fact[said]))
        told.append(f"Mind: {first}." + (f" The same holds of {names}." if others else ""))
    return told


def _listed(names: Iterable[str]) -> str:
    *most, last = [*names] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def difference(found: Comparison, *, as_part: bool = True) -> str:
    """Return a difference with its interval as people read it; that of a one-sided comparison is open to the other side.

    Args:
        found: The comparison.
        as_part: Whether as a part of the control's value, where there is one, rather than in the metric's unit.
    """
    if as_part and found.relative is not None and found.relative_low is not None and found.relative_high is not None:
        return f"{100 * found.relative:+.3g} % ({_ends(100 * found.relative_low, 100 * found.relative_high, found, ' %')})"
    if found.low is None or found.high is None:
        return f"{found.difference:+.4g}"
    return f"{found.difference:+.4g} ({_ends(found.low, found.high, found, '')})"


def _ends(low: float, high: float, found: Comparison, unit: str) -> str:
    sure = f"{100 * found.confidence:.4g} %"
    if np.isinf(low) or np.isinf(high):
        return f"{sure}: at most {high:+.3g}{unit}" if np.isinf(low) else f"{sure}: at least {low:+.3g}{unit}"
    return f"{sure}: {low:+.3g} to {high:+.3g}{unit}"


def _range(found: Comparison) -> str:
    if found.relative_low is not None and found.relative_high is not None:
        return f"from {100 * found.relative_low:+.3g} % to {100 * found.relative_high:+.3g} %"
    return f"from {found.low:+.3g} to {found.high:+.3g}" if found.low is not None and found.high is not None else "near it"


def _values(found: Comparison) -> str:
    return f"{found.treatment.value:.4g} against {found.control.value:.4g}"
