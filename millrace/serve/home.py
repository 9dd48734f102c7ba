"""A system's home: the folder that holds its log, its registry and its snapshots."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from millrace.errors import BadInput, Conflict
from millrace.features.online import OnlineView
from millrace.features.plan import Plan
from millrace.features.snapshot import restore, snapshot
from millrace.features.streamed import needed
from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.stores.audit import Audit
from millrace.stores.database import Database, open_database
from millrace.stores.experiments import Experiments
from millrace.stores.halts import Halts
from millrace.stores.journal import Journal
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.snapshots import Snapshots
from millrace.stores.spills import Spills
from millrace.stores.tombstones import Tombstones

log = logging.getLogger("millrace.serve")

_SNAPSHOTS = "snapshots"


def systems_in(folder: Path, database: Database) -> list[str]:
    """Return the systems that a folder tells of, by their releases and their snapshots; none of one in which nothing was served yet.

    Args:
        folder: The folder.
        database: Its database.
    """
    from sqlalchemy import select

    with database.reading() as connection:
        released = connection.execute(select(database.tables["releases"].c.system).distinct()).scalars().all()
    kept = folder / _SNAPSHOTS
    served = [one.name for one in kept.iterdir() if one.is_dir()] if kept.is_dir() else []
    return sorted({*released, *served})


class Home:
    """Everything a system keeps on one machine.

    Args:
        folder: Where; made if need be. Holds `log/`, and beside it the keys of what is private in it, `millrace.db`, `versions/`,
            `snapshots/`, `halts.jsonl` and `tombstones.jsonl`.
        loaded: The system.
        read_only: Only read the log; several readers may stand beside the one writer.
    """

    def __init__(self, folder: Path, loaded: Loaded, *, read_only: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = Log.open(folder / "log", loaded.streams.values(), read_only=read_only)
        self.database: Database = open_database(folder)
        self.registry = Registry(self.database, folder)
        self.releases = Releases(self.database)
        self.journal = Journal(self.database)
        self.audit = Audit(self.database)
        self.halts = Halts(folder)
        self.experiments = Experiments(self.database)
        self.tombstones = Tombstones(folder)
        self.spills = Spills(folder)
        self._snapshots = Snapshots(folder / _SNAPSHOTS / loaded.name)

    def view(self, plan: Plan) -> tuple[OnlineView, int | None]:
        """Return the online view of the last snapshot and the log position it stands for, or a new one and None.

        A snapshot of other features, or one that is damaged, is passed over: the log itself stands in.
        """
        found, warnings = self._snapshots.load()
        for warning in warnings:
            log.warning("%s", warning)
        if found is not None:
            try:
                view = restore(plan, found.arrays)
                return view, view.position
            except Conflict as other:
                log.info("%s", other)
        return OnlineView(plan), None

    def caught_up(self, plan: Plan, until: int | None = None) -> OnlineView:
        """Return the online view brought up to the log: from the last snapshot if it fits, else from the beginning.

        Args:
            plan: What it keeps.
            until: Only what became known before this instant, microseconds since 1970 UTC; by default all.
        """
        view, after = self.view(plan)
        try:
            self._catch_up(view, after, until)
        except BadInput:
            # History was imported behind the snapshot: what it holds is no longer the beginning of the log.
            view = OnlineView(plan)
            self._catch_up(view, None, until)
        return view

    def _catch_up(self, view: OnlineView, after: int | None, until: int | None) -> None:
        if view.plan.streams:
            read = needed(view.plan)
            for batch in self.log.replay(after_position=after, known_until=until, streams=view.plan.streams, fields=read):
                view.apply(batch)

    def saving(self, view: OnlineView) -> Callable[[], object]:
        """Return what saves a view as it stands now, so that the next start replays only what came since. It is copied: it may go on."""
        taken, position = {name: column.copy() for name, column in snapshot(view).items()}, view.position
        return lambda: self._snapshots.save(taken, {"position": position})

    def drop_snapshots(self) -> None:
        """Remove the snapshots of every system that was ever served from here: views are rebuilt from the log."""
        for one in (self.folder / "snapshots").glob("*"):
            if one.is_dir():
                Snapshots(one).clear()

    def close(self) -> None:
        """Let go of the log and the database."""
        self.log.close()
        self.database.close()
