"""The loop's own journal: what its monitors noticed, and what it ran.

Public: `Alert`, `Run`, `SEVERITIES`, `Journal` (`alert`, `alerts`, `start`, `resume`, `note`, `finish`, `run`, `runs`).

    run = journal.run("feed", "train", "2024-05-01") or journal.start("feed", "train", "2024-05-01", at)
    journal.finish(run, at, "done", data={"version": record.version})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.errors import BadInput, Conflict
from millrace.stores.database import Database
from millrace.stores.plain import checked, stored

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select, Table

SEVERITIES = ("info", "warning", "critical")
"""How bad an alert is: worth knowing; to be looked at; users are harmed now."""

ENDINGS = ("done", "failed")
"""How a run ends."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor noticed.

    Attributes:
        system: The system it watches.
        monitor: The monitor's name.
        at: When it noticed, microseconds since 1970 UTC.
        severity: One of `SEVERITIES`.
        message: What is wrong, in a sentence.
        data: The figures behind it.
    """

    system: str
    monitor: str
    at: int
    severity: str
    message: str
    data: dict[str, Any] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Something the loop does once: a training, an evaluation, a gate, an import, a verification.

    Attributes:
        system: The system it is done for.
        kind: What is done: `train`, `evaluate`, `gate`, `import`, `verify`, `rollout`.
        key: What tells it from others of its kind, such as the day it is due: after a crash it is found by it and resumed.
        attempt: The how-manieth attempt, from 1.
        started: When this attempt began, microseconds since 1970 UTC.
        ended: When it ended, None while it runs.
        status: `running`, `done` or `failed`.
        message: What came of it, in a sentence.
        data: How far it is, and what it made.
    """

    system: str
    kind: str
    key: str
    attempt: int
    started: int
    ended: int | None = None
    status: str = "running"
    message: str = ""
    data: dict[str, Any] = {}


class Journal:
    """The alerts and runs of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._alerts = database.tables["alerts"]
        self._runs = database.tables["runs"]

    def alert(self, alert: Alert) -> Alert:
        """Write down an alert; one that says the same of the same instant again is the same alert.

        Raises:
            BadInput: Its severity is none, or its data cannot be kept.
        """
        alert = checked(alert)
        if alert.severity not in SEVERITIES:
            raise BadInput(f"{alert.severity!r} is not a severity: choose {', '.join(SEVERITIES)}", field="severity")
        t = self._alerts
        same = [t.c[name] == getattr(alert, name) for name in ("system", "monitor", "at", "message")]
        with self._database.transaction() as connection:
            row = connection.execute(t.select().where(*same)).mappings().first()
            if row is not None:
                return stored(row, Alert)
            connection.execute(t.insert().values(**msgspec.to_builtins(alert)))
        return alert

    def alerts(
        self, system: str | None = None, since: int | None = None, until: int | None = None, monitor: str | None = None
    ) -> list[Alert]:
        """Return alerts, earliest first.

        Args:
            system: Only those of this system.
            since: Only those at or after this instant, microseconds since 1970 UTC.
            until: Only those before this instant.
            monitor: Only those of this monitor.
        """
        query = _between(self._alerts, self._alerts.c.at, {"system": system, "monitor": monitor}, since, until)
        with self._database.reading() as connection:
            return [stored(row, Alert) for row in connection.execute(query).mappings()]

    def start(self, system: str, kind: str, key: str, at: int, data: Mapping[str, Any] | None = None) -> Run:
        """Write down that a run begins.

        Raises:
            Conflict: There is one with that key: look at it with `run`, and `resume` it if its process is gone.
            BadInput: A value cannot be kept.
        """
        run = checked(Run(system=system, kind=kind, key=key, attempt=1, started=at, data=dict(data or {})))
        with self._database.transaction() as connection:
            found = self._find(connection, run.system, run.kind, run.key)
            if found is not None:
                raise Conflict(f"{kind} {key} of {system} is {found.status} already: resume it if it was left, or choose another key")
            connection.execute(self._runs.insert().values(**msgspec.to_builtins(run)))
        return run

    def resume(self, seen: Run, at: int) -> Run:
        """Take over a run that was left or failed, with the data it had; whoever held it before can write to it no more.

        Raises:
            Conflict: It is done, or was taken over or ended since it was seen.
            BadInput: `at` is not a whole number.
        """
        if seen.status == "done":
            raise Conflict(f"{seen.kind} {seen.key} of {seen.system} is done: there is nothing to resume")
        return self._write(seen, {}, attempt=seen.attempt + 1, started=at, ended=None, status="running", message="")

    def note(self, run: Run, data: Mapping[str, Any]) -> Run:
        """Write down how far a run is; fields not named stay.

        Raises:
            Conflict: It ended, or another process has taken it over.
            BadInput: A value cannot be kept.
        """
        return self._write(_running(run), data)

    def finish(self, run: Run, at: int, status: str, message: str = "", data: Mapping[str, Any] | None = None) -> Run:
        """Write down how a run ended, `done` or `failed`, and what came of it.

        Raises:
            Conflict: It ended already, or another process has taken it over.
            BadInput: A run cannot end so, or a value cannot be kept.
        """
        if status not in ENDINGS:
            raise BadInput(f"a run cannot end {status!r}: choose {' or '.join(ENDINGS)}", field="status")
        return self._write(_running(run), data or {}, ended=at, status=status, message=message)

    def run(self, system: str, kind: str, key: str) -> Run | None:
        """Return the run with a key, or None."""
        with self._database.reading() as connection:
            return self._find(connection, system, kind, key)

    def runs(self, system: str | None = None, since: int | None = None, until: int | None = None, kind: str | None = None) -> list[Run]:
        """Return runs by when their last attempt began, earliest first.

        Args:
            system: Only those of this system.
            since: Only those begun at or after this instant, microseconds since 1970 UTC.
            until: Only those begun before this instant.
            kind: Only those of this kind.
        """
        query = _between(self._runs, self._runs.c.started, {"system": system, "kind": kind}, since, until)
        with self._database.reading() as connection:
            return [stored(row, Run) for row in connection.execute(query).mappings()]

    def _write(self, seen: Run, data: Mapping[str, Any], **fields: Any) -> Run:
        """Change a run and add to its data, if it is still in the attempt that was seen and has not ended since."""
        t = self._runs
        with self._database.transaction() as connection:
            now = self._find(connection, seen.system, seen.kind, seen.key)
            if now is None or (now.attempt, now.status) != (seen.attempt, seen.status):
                raise Conflict(f"{seen.kind} {seen.key} of {seen.system} was taken over or ended since it was seen: look again")
            new = checked(msgspec.structs.replace(now, data={**now.data, **data}, **fields))
            mine = [t.c[name] == getattr(now, name) for name in ("system", "kind", "key")]
            connection.execute(t.update().where(*mine).values(**msgspec.to_builtins(new)))
        return new

    def _find(self, connection: Connection, system: str, kind: str, key: str) -> Run | None:
        t = self._runs
        row = connection.execute(t.select().where(t.c.system == system, t.c.kind == kind, t.c.key == key)).mappings().one_or_none()
        return None if row is None else stored(row, Run)


def _running(run: Run) -> Run:
    if run.status != "running":
        raise Conflict(f"{run.kind} {run.key} of {run.system} is {run.status}: resume it before writing to it")
    return run


def _between(table: Table, when: Any, equal: Mapping[str, str | None], since: int | None, until: int | None) -> Select[Any]:
    """Return the query for rows with certain values, within a time, in its order."""
    query = table.select().where(*(table.c[name] == value for name, value in equal.items() if value is not None))
    if since is not None:
        query = query.where(when >= int(since))
    if until is not None:
        query = query.where(when < int(until))
    return query.order_by(when, table.c.id)
