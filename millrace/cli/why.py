"""`millrace explain`: a decision as it was logged, and why it was made so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from millrace.cli.opening import reading
from millrace.cli.printing import console, number, precisely, table, when
from millrace.serve.answers import Explanation, Taken
from millrace.serve.explain import explain as explained

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 10
"""How many of the candidates taken are shown with all that was known of them."""


def explain(system: str, decision: str, folder: Path) -> None:
    """Print a decision as it was logged, and why it was made so.

    Raises:
        NotFound: There is no such decision.
    """
    with reading(system, folder) as desk:
        why = explained(desk.loaded, desk.home.log, desk.home.releases, desk.versions, decision)
    out, made = console(), why.decision
    release = f" of {made['release']}" if made.get("release") else ", before any release"
    arm = f", in the arm {made['arm']}" if made.get("arm") else ""
    out.print(f"{decision}: {made['action']} by {made['policy']}{release}{arm}", style="bold")
    asked = ", ".join(f"{name} {value}" for name, value in why.request.items() if name not in ("id", "at"))
    out.print(f"asked at {when(made['at'])}: {asked}")
    counts = f"considered {number(why.considered)} and took {number(len(why.taken))}"
    out.print(f"it saw what was known before {precisely(made['watermark'])}, {counts}")
    if made.get("missed"):
        out.print(f"without {', '.join(made['missed'])}, which did not answer", style="yellow")
    for part in (_taken(why), _values(why)):
        if part is not None:
            out.print()
            out.print(part)
    if why.unexplained:
        out.print(f"\nno reasons: {why.unexplained}")


def _taken(why: Explanation) -> Table | None:
    foreseen = list(why.taken[0].predictions) if why.taken else []
    columns = ("place", "candidate", "from", "score", "chance", *foreseen)
    rows = table("What was taken", *columns, "because of", numbers=("place", "score", "chance", *foreseen))
    for place, one in enumerate(why.taken, 1):
        predicted = (number(one.predictions.get(name)) for name in foreseen)
        rows.add_row(str(place), one.candidate, one.source, number(one.score), number(one.propensity), *predicted, _because(one))
    return rows if rows.row_count else None


def _because(one: Taken) -> str:
    return ", ".join(f"{reason.feature} {reason.adds:+.2f}" for reason in one.reasons[:3]) or "–"


def _values(why: Explanation) -> Table | None:
    """Return the features as they were served, a column for each candidate taken."""
    taken = [one for one in why.taken if one.values][:_SHOWN]
    if not taken:
        return None
    names = [one.candidate for one in taken]
    rows = table("What was known of them", "feature", *names, numbers=tuple(names))
    for feature in taken[0].values:
        rows.add_row(feature, *(number(one.values.get(feature)) for one in taken))
    return rows
