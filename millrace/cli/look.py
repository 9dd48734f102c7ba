"""`millrace status`: where a system stands, beside its running server or without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from millrace.cli.beliefs import beliefs
from millrace.cli.models_end import ending
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, table, when
from millrace.cli.rolling import halted, serving
from millrace.cli.rollouts import latest
from millrace.stores.release import Release
from millrace.stores.standing import Standing

if TYPE_CHECKING:
    from rich.table import Table

_LATEST = 8
"""How many releases, trainings, alerts and changes are shown: the latest."""


def status(system: str, folder: Path) -> None:
    """Print where a system stands.

    Raises:
        NotFound: Nothing was ever logged.
    """
    with reading(system, folder) as desk:
        out, standing = console(), desk.standing
        out.print(f"{desk.loaded.name}: {serving(desk, standing)}\n", style="bold")
        for line in halted(desk):
            out.print(f"{line}\n", style="bold red")
        for part in (_log(desk), _releases(desk, standing), latest(desk), *beliefs(desk), _trainings(desk), _alerts(desk), _changes(desk)):
            if part is not None:
                out.print(part)
                out.print()
        for line in (*_remarks(desk, standing), *ending(desk)):
            out.print(line, style="yellow")


def _log(desk: Desk) -> Table:
    rows = table(f"Log, up to {when(desk.home.log.last_known)}", "stream", "records", numbers=("records",))
    for name, count in sorted(desk.home.log.counts().items(), key=lambda pair: -pair[1]):
        rows.add_row(name, number(count))
    return rows


def _releases(desk: Desk, standing: Standing) -> Table | None:
    rows = table("Releases", "release", "made", "stands", "versions", "thresholds")
    for one in desk.home.releases.of(desk.loaded.name)[-_LATEST:]:
        stands = "champion" if one.id == standing.champion else "candidate" if one.id == standing.candidate else "–"
        rows.add_row(one.id, when(one.created), stands, "\n".join(one.versions.values()), _thresholds(one))
    return rows if rows.row_count else None


def _thresholds(release: Release) -> str:
    rules = release.thresholds.items()
    return "\n".join(f"{rule} from {number(score)}" if np.isfinite(score) else f"{rule} never" for rule, score in rules) or "–"


def _trainings(desk: Desk) -> Table | None:
    rows = table("Trainings", "begun", "because of", "ended", "what came of it")
    for one in desk.home.journal.runs(desk.loaded.name, kind="train")[-_LATEST:]:
        rows.add_row(when(one.started), str(one.data.get("why", "–")), one.status, one.message)
    return rows if rows.row_count else None


def _alerts(desk: Desk) -> Table | None:
    rows = table("Alerts", "at", "severity", "monitor", "message")
    for one in desk.home.journal.alerts(desk.loaded.name)[-_LATEST:]:
        rows.add_row(when(one.at), one.severity, one.monitor, one.message)
    return rows if rows.row_count else None


def _changes(desk: Desk) -> Table | None:
    rows = table("Who changed what serves", "at", "who", "what", "why")
    for one in desk.home.audit.entries(desk.loaded.name)[-_LATEST:]:
        rows.add_row(when(one.at), one.who, one.what, one.why)
    return rows if rows.row_count else None


def _remarks(desk: Desk, standing: Standing) -> Iterator[str]:
    """Say what serves, or was logged, under a module that has changed since."""
    for name, count in desk.home.log.counts().items():
        if name not in desk.home.log.store.streams:
            said = f"the log holds {number(count)} records of {name}, which this module does not declare, so nothing here reads them"
            yield f"{said}: they are another system's, or its class was renamed, which makes it another one"
    release = desk.home.releases.get(standing.champion) if standing.champion else None
    for model, version in release.versions.items() if release is not None else ():
        if model not in desk.loaded.models:
            yield f"{version} is of a model the module no longer declares"
        elif not desk.versions.fits(version):
            yield f"{model} has changed since {version} was trained, so that version is not served: train it anew"
