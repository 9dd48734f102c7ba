"""The other side of a marketplace in plain language: what was shown of how arms spread what they do, and what that does not say."""

from __future__ import annotations

from collections.abc import Iterable

from millrace.experiments.meetings_compared import SideFound
from millrace.experiments.reasons import Caution
from millrace.experiments.verdict import difference

_SHOWN = {
    "reached": {"more": "more of them were reached", "less": "fewer of them were reached"},
    "each": {"more": "each got more on average", "less": "each got less on average"},
    "effective": {"more": "it went to more of them in effect", "less": "it went to fewer of them in effect"},
    "at top": {"more": "the top {top} got a larger part", "less": "the top {top} got a smaller part"},
}
_NOT_SHOWN = {
    "reached": "how many are reached",
    "each": "what each gets on average",
    "effective": "to how many it goes in effect",
    "at top": "the part of the top {top}",
}


def rows(of: SideFound | Caution) -> list[tuple[str, str, str, str, str, str]]:
    """Return (what, the control's figure, the treatment's, the difference, p, what was shown) of every figure; none where refused."""
    if isinstance(of, Caution):
        return []
    what = {
        "reached": f"reached by {of.viewers:,} units, of {of.sellers:,}",
        "each": f"on average each, of {of.viewers:,} units",
        "effective": "effective number",
        "at top": f"part of the top {100 * of.top:g} %",
    }
    told: list[tuple[str, str, str, str, str, str]] = []
    for name, found in of.figures.items():
        if isinstance(found, Caution):
            told.append((what[name], "–", "–", "–", "–", "unread"))
            continue
        control, treatment = (_value(name, one.value) for one in (found.control, found.treatment))
        told.append((what[name], control, treatment, difference(found), f"{found.p_value:.3g}", of.shown[name]))
    return told


def told(of: SideFound | Caution) -> list[str]:
    """Return all that is to be said beneath the figures, a sentence each."""
    return [f"Not said: {of.said}."] if isinstance(of, Caution) else [said(of), *minded(of)]


def said(of: SideFound) -> str:
    """Return what was shown and what was not, and of what neither is a word."""
    top = f"{100 * of.top:g} %"
    shown = [_SHOWN[name][way].format(top=top) for name in of.figures if (way := of.shown[name]) in ("more", "less")]
    silent = [_NOT_SHOWN[name].format(top=top) for name in of.figures if of.shown[name] == "nothing"]
    parts = [f"with {of.arm} {_listed(shown)} than with {of.control}"] if shown else []
    parts += [f"nothing was shown of {_listed(silent)}"] if silent else []
    found = f"Of {of.name}, at equal numbers of units: {'; '.join(parts) or 'nothing could be read'}."
    return f"{found} It holds at this one look, and is not what they would get with everybody in {of.arm}, as both arms share them."


def minded(of: SideFound) -> list[str]:
    """Return what must be known of the figures, and why some are missing."""
    missing = [one.said for one in of.figures.values() if isinstance(one, Caution)]
    return [f"Mind: {one}." for one in (*missing, *(caution.said for caution in of.cautions))]


def _value(name: str, value: float) -> str:
    return f"{100 * value:.4g} %" if name in ("reached", "at top") else f"{value:.4g}"


def _listed(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
