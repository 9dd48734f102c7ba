"""What the log says of units: a column per read, each counted from the unit's own first exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from millrace.experiments.reads import Read, unit_way
from millrace.features.plan import plan
from millrace.loaded import Loaded
from millrace.models.declare import Outcome
from millrace.operate.exposures import units_text
from millrace.operate.history import LogHistory
from millrace.policy.assignment import TimeSlot
from millrace.policy.wrappers import Experiment
from millrace.schema import Field
from millrace.training.attribution import after, join_keys, label
from millrace.training.logged import back_filled
from millrace.types import EVER, Array, Columns, objects, size, take


def old_enough(units: Columns, reads: Sequence[Read], until: int) -> dict[str, Array]:
    """Return the units of which all that is read can change no more; the others are left out of every arm until then.

    So all units are read for the same time, and nobody who came late counts as somebody who did little.
    """
    closes = max((read.closes for read in reads), default=0)
    return take(units, units["first"] + closes < until)


class Units:
    """Reads columns of an experiment's units.

    Args:
        loaded: The system.
        history: Its log.
        experiment: The experiment.
        units: Its units, from `exposures`.
        until: What was known before this instant counts, microseconds.
    """

    def __init__(self, loaded: Loaded, history: LogHistory, experiment: Experiment, units: Columns, until: int) -> None:
        self._loaded, self._history, self._experiment, self._until = loaded, history, experiment, until
        self._units = units
        self._place = {one: place for place, one in enumerate(units["unit"].tolist())}

    def columns(self, reads: Sequence[Read]) -> dict[str, Array]:
        """Return a column per read, as numbers, missing ones NaN; labels as text. Shape (units,) each."""
        found = {read.column: self._column(read) for read in reads if read.kind not in ("feature", "label")}
        features = {read.column: read.of for read in reads if read.kind in ("feature", "label")}
        known = self.features(features) if features else {}
        return found | known | {read.column: known[read.column].astype(str) for read in reads if read.kind == "label"}

    def features(self, features: Mapping[str, object]) -> dict[str, Array]:
        """Return features of the request by name, as known when each unit was first exposed. Shape (units,) each."""
        rows = self._first_rows()
        wanted = plan(self._loaded.system.request, None, list(features.values()))
        known = self._history.features(wanted, list(features.values()), rows)
        return {name: known[one.column] for name, one in features.items()}  # type: ignore[attr-defined]

    def by_age(self, read: Read, step: int, steps: int) -> Array:
        """Return what events or outcomes come to in each of so many steps, of so many microseconds, from the read's begin on.

        Shape (units, steps).
        """
        place, age, value = self._placed(read)
        at = place * steps + (age - (read.begin or 0)) // step
        inside = age < (read.begin or 0) + step * steps
        found = np.bincount(at[inside], weights=value[inside], minlength=len(self._place) * steps)
        return found.astype(np.float64).reshape(-1, steps)

    def met(self, read: Read, whom: Field) -> tuple[Array, Array, Array]:
        """Return (the unit's place, whom it was with, value) of each event that counts; None where it names nobody.

        Args:
            read: The events.
            whom: Their field, or one that it leads to, as known when each event was.
        """
        unit, at, value = self._events(read)
        place, _, inside = self._inside(read, unit, at, value)
        assert read.stream is not None
        events = take(self._history.events(read.stream, self._until), inside)
        return place[inside], self._field(read.stream, events, whom), value[inside]

    def _column(self, read: Read) -> Array:
        if read.kind == "head":
            return self._heads(read.of)
        place, _, value = self._placed(read)
        return np.bincount(place, weights=value, minlength=len(self._place)).astype(np.float64)

    def _placed(self, read: Read) -> tuple[Array, Array, Array]:
        """Return (whose, how long after the unit's first exposure, value) of each event or outcome that counts."""
        unit, at, value = self._outcomes(read.of) if read.kind == "outcome" else self._events(read)
        place, age, inside = self._inside(read, unit, at, value)
        return place[inside], age[inside], value[inside]

    def _inside(self, read: Read, unit: Array, at: Array, value: Array) -> tuple[Array, Array, Array]:
        """Return (the unit's place, how long after its first exposure, whether it counts) of each event or outcome."""
        place = np.array([self._place.get(one, -1) for one in unit.tolist()], dtype=np.int64)
        age = at - self._units["first"][place] if len(self._place) else at
        inside = (place >= 0) & (age >= (EVER if read.begin is None else read.begin)) & ~np.isnan(value)
        inside &= True if read.end is None else age < read.end
        return place, age, inside

    def _events(self, read: Read) -> tuple[Array, Array, Array]:
        """Return (unit, instant, value) of each event."""
        stream = read.stream
        assert stream is not None
        events = self._history.events(stream, self._until)
        value = np.ones(size(events))
        if not isinstance(read.of, type):
            value = np.asarray(read.of.evaluate(lambda field: self._field(stream, events, field)), dtype=np.float64)
        return self._unit_of(stream, events), events["at"], value

    def _field(self, stream: type, events: Columns, field: Field) -> Array:
        """Return a field of each event, or one that it leads to, as known when the event was."""
        if field.via is None:
            return events[field.name]
        rows = {**events, "watermark": events["known"]}
        return self._history.features(plan(stream, None, [field]), [field], rows)[field.column]

    def _unit_of(self, stream: type, events: Columns) -> Array:
        unit, request = self._experiment.unit, self._loaded.system.request
        if stream is request:
            return units_text(self._experiment, events)
        field = unit.by if isinstance(unit, TimeSlot) else unit
        if field is None:
            return objects(unit.units(events).tolist())
        way = unit_way(stream, request, field)
        named = events[way.name] if way.refers_to is not request else self._through_requests(events[way.name], field)
        named = objects("" if one is None else str(one) for one in named.tolist())
        return unit.units({"at": events["at"], field.name: named}) if isinstance(unit, TimeSlot) else named

    def _through_requests(self, ids: Array, field: Field) -> Array:
        asked = self._history.events(self._loaded.system.request, self._until)
        of = dict(zip(asked["id"].tolist(), asked[field.name].tolist(), strict=True))
        return objects(of.get(one) for one in ids.tolist())

    def _outcomes(self, of: Outcome) -> tuple[Array, Array, Array]:
        """Return (unit, instant of the decision, label) of each candidate taken; NaN where it cannot be known, or not yet."""
        system, first = self._loaded.system, int(self._units["first"].min()) if len(self._place) else EVER
        rows = self._history.decided(max(first - of.window, EVER), self._until)
        begins = None
        if of.after is not None:
            wanted = plan(system.request, system.candidate, [of.after])
            begins = after(of, back_filled(wanted, [of.after], rows, self._history).values)
        events = self._history.events(of.stream, self._until)
        labels = label(of, rows, events, join_keys(of, system.request, system.candidate), self._until, begins)
        return units_text(self._experiment, rows), rows["at"], labels

    def _heads(self, of: Outcome) -> Array:
        """Return what a model said at each unit's first decision, as it was logged; NaN where none did."""
        rows = self._history.decided(int(self._units["first"].min()) if len(self._place) else EVER, self._until)
        said = rows.get(f"served {of.column}", np.full(size(rows), np.nan))
        first = {one: place for place, one in enumerate(self._units["id"].tolist())}
        place = np.array([first.get(one, -1) for one in rows["id"].tolist()], dtype=np.int64)
        out = np.full(len(self._place), np.nan)
        out[place[place >= 0]] = np.asarray(said, dtype=np.float64)[place >= 0]
        return out

    def _first_rows(self) -> dict[str, Array]:
        """Return the request that first met each unit, as features are read for it."""
        asked = self._history.events(self._loaded.system.request, self._until)
        at = dict(zip(asked["id"].tolist(), range(size(asked)), strict=True))
        rows = take(asked, np.array([at[one] for one in self._units["id"].tolist()], dtype=np.int64))
        return {**rows, "watermark": self._units["watermark"]}
