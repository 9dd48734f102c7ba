"""Experiments on record: what was planned before the first look, every look, how it ended, and which arm everyone gets since.

Nothing on record is ever changed, so whoever reads a verdict knows what was planned, and how often it was looked at before.

Public: `Registered`, `Course`, `Experiments` (`start`, `look`, `stop`, `course`, `kept`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.errors import BadInput, Conflict
from millrace.stores.audit import Change, accountable, record
from millrace.stores.database import Database
from millrace.stores.plain import checked, stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

START, LOOK, STOP = "start", "look", "stop"


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What is planned, before anything is seen.

    Attributes:
        hypothesis: What is expected, in words.
        primary: The metric that decides.
        arms: The arms, the control's first.
        shares: The share of each.
        confidence: 1 less the level.
        rule: How it may be looked at: `fixed`, `group` or `anytime`.
        planned: After how many units, of all arms together, it is to end.
        effect: The effect, in the metric's unit, that so many units show with a chance of `power`; None where nobody could say.
        power: That chance.
    """

    hypothesis: str
    primary: str
    arms: list[str]
    shares: list[float]
    confidence: float
    rule: str
    planned: int
    effect: float | None = None
    power: float = 0.8


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on record: a start, a look or a stop, with who, when and why; `data` holds the rest."""

    system: str
    experiment: str
    number: int
    what: str
    at: int
    who: str
    why: str
    data: dict[str, Any]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The latest run of an experiment.

    Attributes:
        began: When it was started, microseconds since 1970 UTC.
        who: Who started it.
        plan: What was planned.
        looks: What was seen at each look, in their order, with `at`.
        ended: When it was stopped; None while it runs.
        verdict: What was concluded then.
        keep: The arm that everyone gets since, "" for none.
    """

    began: int
    who: str
    plan: Registered
    looks: list[dict[str, Any]]
    ended: int | None = None
    verdict: dict[str, Any] = {}
    keep: str = ""


class Experiments:
    """The experiments of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = database.tables["experiments"]

    def start(self, system: str, experiment: str, plan: Registered, change: Change) -> Course:
        """Put an experiment on record; an arm that everyone got since the last time is let go of.

        Raises:
            Conflict: It is running already.
            BadInput: No units are planned, or the change does not say who and why.
        """
        plan = checked(plan)
        if plan.planned < 1:
            raise BadInput(f"planned={plan.planned}: say after how many units it is to end", field="planned")
        with self._database.transaction() as connection:
            before = _course(self._read(connection, system, experiment))
            if before is not None and before.ended is None:
                raise Conflict(f"{experiment} of {system} is running: stop it before it is started anew")
            self._add(connection, system, experiment, START, change, msgspec.to_builtins(plan))
        return Course(began=change.at, who=change.who, plan=plan, looks=[])

    def look(self, system: str, experiment: str, seen: Mapping[str, Any], change: Change) -> None:
        """Put a look on record.

        Raises:
            Conflict: It is not running.
        """
        with self._database.transaction() as connection:
            self._running(connection, system, experiment)
            self._add(connection, system, experiment, LOOK, change, dict(seen))

    def stop(self, system: str, experiment: str, verdict: Mapping[str, Any], change: Change, keep: str = "") -> Course:
        """Put the end of an experiment on record; with `keep` everyone gets that arm from now on, in every process.

        Raises:
            Conflict: It is not running.
            BadInput: There is no such arm, or the change does not say who and why.
        """
        with self._database.transaction() as connection:
            course = self._running(connection, system, experiment)
            if keep and keep not in course.plan.arms:
                raise BadInput(f"{experiment} has no arm {keep!r}: keep one of {', '.join(course.plan.arms)}", field="keep")
            self._add(connection, system, experiment, STOP, change, {"verdict": dict(verdict), "keep": keep})
        return msgspec.structs.replace(course, ended=change.at, verdict=dict(verdict), keep=keep)

    def course(self, system: str, experiment: str) -> Course | None:
        """Return the latest run of an experiment, None before the first."""
        with self._database.reading() as connection:
            return _course(self._read(connection, system, experiment))

    def kept(self, system: str) -> dict[str, str]:
        """Return by experiment the arm that everyone gets since it was stopped, of those that keep one."""
        with self._database.reading() as connection:
            query = self._rows.select().where((self._rows.c.system == system) & self._rows.c.what.in_((START, STOP)))
            rows = [stored(row, Entry) for row in connection.execute(query.order_by(self._rows.c.number)).mappings()]
        last = {one.experiment: one.data.get("keep", "") if one.what == STOP else "" for one in rows}
        return {experiment: arm for experiment, arm in last.items() if arm}

    def _read(self, connection: Connection, system: str, experiment: str) -> list[Entry]:
        mine = (self._rows.c.system == system) & (self._rows.c.experiment == experiment)
        rows = connection.execute(self._rows.select().where(mine).order_by(self._rows.c.number)).mappings()
        return [stored(row, Entry) for row in rows]

    def _running(self, connection: Connection, system: str, experiment: str) -> Course:
        course = _course(self._read(connection, system, experiment))
        if course is None or course.ended is not None:
            raise Conflict(f"{experiment} of {system} is not running: millrace experiment start puts it on record")
        return course

    def _add(self, connection: Connection, system: str, experiment: str, what: str, change: Change, data: dict[str, Any]) -> None:
        change = accountable(change)
        number = len(self._read(connection, system, experiment)) + 1
        said = {"at": change.at, "who": change.who, "why": change.why}
        entry = checked(Entry(system=system, experiment=experiment, number=number, what=what, data=data, **said))
        connection.execute(self._rows.insert().values(**msgspec.to_builtins(entry)))
        if what != LOOK:
            record(connection, self._database, change, f"{what} experiment", f"{system}/{experiment}", None, entry.data)


def _course(entries: Sequence[Entry]) -> Course | None:
    starts = [place for place, one in enumerate(entries) if one.what == START]
    if not starts:
        return None
    first, *rest = entries[starts[-1] :]
    plan = msgspec.convert(first.data, Registered)
    looks = [{**one.data, "at": one.at} for one in rest if one.what == LOOK]
    course = Course(began=first.at, who=first.who, plan=plan, looks=looks)
    for one in rest:
        if one.what == STOP:
            course = msgspec.structs.replace(course, ended=one.at, verdict=one.data["verdict"], keep=one.data["keep"])
    return course
