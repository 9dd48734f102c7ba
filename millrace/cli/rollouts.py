"""The rollout in `millrace status`: what the guard compares, what it has found, and how far that is from taking the canary back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from millrace.cli.opening import Desk
from millrace.cli.printing import number, table, when
from millrace.operate.guard import Judged, Verdict, odds
from millrace.operate.guard_rollout import RUN

if TYPE_CHECKING:
    from rich.table import Table


def latest(desk: Desk) -> Table | None:
    """Return the latest rollout as the guard last wrote it down, None before the first."""
    runs = [run for run in desk.home.journal.runs(desk.loaded.name, kind=RUN) if "verdict" in run.data]
    if not runs:
        return None
    run = runs[-1]
    verdict = msgspec.convert(run.data["verdict"], Verdict)
    stands = f"since {when(run.started)}" if run.status == "running" else run.message
    counts = f"{number(verdict.canary)} decisions beside {number(verdict.champion)}"
    title = f"Rollout of {run.data['release']}, {stands}; {counts}, false alarms {verdict.alarm:.1%} at most"
    figures = ("champion", "canary", "evidence", "needed")
    rows = table(title, "what is watched", *figures, "verdict", numbers=figures)
    for one in sorted(verdict.tests, key=lambda test: test.evidence - test.bar, reverse=True):
        rows.add_row(one.guard, number(one.champion), number(one.canary), odds(one.evidence), odds(one.bar), _said(one))
    return rows


def _said(test: Judged) -> str:
    if test.is_worse:
        return test.said
    if test.champion is None or test.canary is None:
        return "nothing to compare yet"
    return "no sign of harm" if test.evidence < test.bar / 3 else "some sign of harm, not proven"
