"""`millrace rollout compare`: how a shadow differs from what answered, in a table, in words, and as a page."""

from __future__ import annotations

from pathlib import Path

from millrace.cli.opening import reading
from millrace.cli.printing import console, number, table, when
from millrace.evaluation.agreement import Alike
from millrace.operate.shadowed import Comparison, compared

_FLIPS = 8
"""How many kinds of flips are shown: the most frequent."""
_FEW = 30
"""Fewer units than this say too little for a verdict in words."""


def compare(system: str, folder: Path, page: Path | None) -> None:
    """Print how the latest shadow differs from what answered; its decisions are read from the log.

    Raises:
        NotFound: Nothing ever shadowed, or it was never asked.
    """
    with reading(system, folder) as desk:
        found = compared(desk.loaded, desk.home)
    out = console()
    title = f"{found.shadow} beside what answered, {when(found.since)} to {when(found.until)}"
    rows = table(title, "figure", "value", "95 % interval", "decisions", "units", numbers=("value", "decisions", "units"))
    for name, one in {"missed": found.missed, "fell short": found.short, **found.figures}.items():
        rows.add_row(name, number(one.value), _interval(one), number(one.n), number(one.units))
    out.print(rows)
    if found.flips:
        flips = table("Done otherwise", "done", "the shadow", "times", numbers=("times",))
        for done, other, times in found.flips[:_FLIPS]:
            flips.add_row(done, other, number(times))
        out.print(flips)
    for line in told(found):
        out.print(line)
    if page is not None:
        from millrace.cli.shadow_page import shadow_page

        page.write_text(shadow_page(system, found, told(found)), encoding="utf-8")
        out.print(f"written to {page}")


def told(found: Comparison) -> list[str]:
    """Return in plain words what a comparison says, and what it does not."""
    lines = []
    if found.missed.value:
        lines.append(f"It was asked {number(found.asked)} times and missed {found.missed.value:.1%} of them: late or failed.")
    else:
        lines.append(f"It was asked {number(found.asked)} times and answered every time.")
    if found.short.value:
        lines.append(f"In {found.short.value:.1%} of its answers something of it failed or was late: its fallback stands in for it there.")
    if "same action" in found.figures:
        same = found.figures["same action"]
        if same.value is not None:
            lines.append(f"It would have done something else in {1 - same.value:.1%} of the decisions{_between(same, others=True)}.")
    else:
        same, rbo = found.figures["same ranking"], found.figures["rank-biased overlap"]
        if same.value is not None and rbo.value is not None:
            lines.append(
                f"It would have shown exactly the same in {same.value:.1%} of the decisions{_between(same)}; the agreement of rankings, "
                f"with the first places counting most, is {rbo.value:.2f} of 1."
            )
    if found.missed.units < _FEW:
        lines.append(f"Only {found.missed.units} units were asked: too few to trust the intervals.")
    lines.append("Agreement says how different it is, not whether it is better: nobody saw its answers. A canary tells that.")
    lines.append("Scores are not compared: a decision records what its shadow takes, not how it scores it.")
    return lines


def _interval(one: Alike) -> str:
    return f"{number(one.low)} to {number(one.high)}" if one.low is not None else "–"


def _between(one: Alike, *, others: bool = False) -> str:
    """Return the interval of a share in words, or of the share of all others."""
    if one.low is None or one.high is None:
        return ""
    low, high = (1 - one.high, 1 - one.low) if others else (one.low, one.high)
    return f" (95 %: {low:.1%} to {high:.1%})"
