"""The online view: every state a plan needs, kept up to date event by event, and read without looking at events again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from millrace.decision import Decisions
from millrace.errors import BadInput, Conflict, DeclarationError, NotFound
from millrace.features.attributes import Moments
from millrace.features.compute import Computation, finished
from millrace.features.defaults import DefaultsUsed
from millrace.features.enumeration import Belonging, Newest, greatest
from millrace.features.keyed import KeyedStates
from millrace.features.live_rows import LiveRows, held
from millrace.features.plan import Plan, Read, State, by_keying
from millrace.features.reading import Directory, Reader
from millrace.features.tiles import NEVER, TiledState
from millrace.schema import Field
from millrace.types import Array, Columns, size


@dataclass(frozen=True)
class Standing:
    """Where in the log, and in time, a view stands.

    Attributes:
        position: The greatest log position applied; -1 before the first.
        last_known: When the last record applied became known, microseconds.
        last_position: The log position of that record.
        watermark: The latest instant the view was read or advanced as of: time does not go back.
        applied: How many records were applied.
    """

    position: int = -1
    last_known: int = -NEVER
    last_position: int = -1
    watermark: int = -NEVER
    applied: int = 0


class OnlineView:
    """The features of one plan as of now: a fold over the log in order of (known, position).

    It does no I/O, reads no clock and takes no locks: whoever holds it serialises. Reads as of one watermark change nothing once
    `advance` was called with it, so after that they may run side by side.

    Attributes:
        plan: What it keeps.
        standing: Where in the log it stands.
        directory: The ids and the attributes it knows.
        groups: Its states, by what their events are grouped by.
        defaults_used: How often a declared default stood in for a missing value in what was looked up.
    """

    def __init__(self, plan: Plan) -> None:
        """Make a view that has seen nothing."""
        self.plan = plan
        self.standing = Standing()
        self.directory = Directory(plan)
        self.groups = {column: KeyedStates(states, self.directory) for column, states in by_keying(plan).items()}
        self.defaults_used = DefaultsUsed()
        self._counting: dict[str, list[KeyedStates]] = {}
        for group in self.groups.values():
            self._counting.setdefault(group.keying.stream.__name__, []).append(group)
        self._held = held(plan, self.groups)
        self._compute = Computation(plan)
        self._next_change = NEVER
        self._indices: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    @property
    def position(self) -> int:
        """The greatest log position applied; -1 before the first."""
        return self.standing.position

    @property
    def last_known(self) -> int:
        """When the last record applied became known, microseconds."""
        return self.standing.last_known

    def resume(self, standing: Standing) -> None:
        """Stand where a view whose states were restored stood."""
        self.standing = standing
        self._next_change = min((group.next_change for group in self.groups.values()), default=NEVER)

    def apply(self, batch: Mapping[str, Columns]) -> None:
        """Take in records that are later than all before, in order of (known, position) across streams.

        Args:
            batch: By stream name, columns `id`, `at`, `known`, `position` and the fields. Streams the plan does not need only move
                `position` and `last_known`.

        Raises:
            BadInput: Records are out of order, come before ones already applied, or lack a column. The view is unchanged by the first
                two; after a missing column it must be rebuilt.
        """
        parts = {name: records for name, records in batch.items() if size(records)}
        if not parts:
            return
        known, position = self._checked(parts)
        for owner, table in self.directory.tables.items():
            if owner.__name__ in parts:
                table.stage(parts[owner.__name__])
        # More records of the same instant may follow, so time stands no later than it; what is gone by then never counts again.
        watermark = max(self.standing.watermark, known)
        applied = self.standing.applied
        for name, records in parts.items():
            self._count(name, records, applied + np.arange(size(records)), watermark)
            applied += size(records)
        for table in self.directory.tables.values():
            table.commit()
            table.fit()
        for group in self.groups.values():
            group.fit()
        last = max(self.position, *(int(records["position"].max()) for records in parts.values()))
        self.resume(Standing(last, known, position, self.standing.watermark, applied))
        self._leave(watermark)

    def _checked(self, parts: Mapping[str, Columns]) -> tuple[int, int]:
        """Return the (known, position) of the last record of a batch."""
        for name, records in parts.items():
            known, position = records["known"], records["position"]
            if len(known) > 1 and (((steps := np.diff(known)) < 0).any() or (np.diff(position)[steps == 0] < 0).any()):
                raise BadInput(f"the records of {name} are not in order of (known, position): sort them before they are applied", "known")
            if (first := known.item(0), position.item(0)) <= (self.last_known, self.standing.last_position):
                raise BadInput(
                    f"a record of {name} known at {first} comes after one known at {self.last_known}: apply the log in its order",
                    "known",
                )
            if first < self.standing.watermark:
                raise BadInput(
                    f"a record of {name} known at {first} comes after the view was read as of {self.standing.watermark}: "
                    f"read as of no later than the next record is known",
                    "known",
                )
        return max((records["known"].item(-1), records["position"].item(-1)) for records in parts.values())

    def _count(self, name: str, records: Columns, places: Array, watermark: int) -> None:
        if groups := self._counting.get(name):
            reader = Reader(records, self.directory, Moments.of(records), interning=True)
            for group in groups:
                group.add(records, reader, places, watermark)

    def advance(self, watermark: int) -> None:
        """Move to an instant: windows leave what they no longer cover.

        Raises:
            Conflict: It is before an earlier one, or before a record that was applied became known.
        """
        reached = max(self.standing.watermark, self.last_known + 1)
        if watermark < reached:
            raise Conflict(f"the view stands at {reached} and cannot be read as of {watermark}: ask the log (a backfill) about the past")
        if watermark > self.standing.watermark:
            self.standing = replace(self.standing, watermark=watermark)
        self._leave(watermark)

    def _leave(self, watermark: int) -> None:
        if watermark >= self._next_change:
            self._next_change = min(group.advance(watermark) for group in self.groups.values())

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int) -> dict[str, Array]:
        """Return features by column, aligned to the rows of decisions, as of a watermark.

        What depends on the request alone is read once per request. Ids never seen have no events and no attributes; asking about
        them leaves no trace.

        Raises:
            Conflict: The watermark is before what the view has seen.
            NotFound: A feature is not in the plan.
        """
        self.advance(watermark)
        return self._compute(features, LiveRows(self.plan, self.directory, self._held, d, watermark), self.defaults_used)

    def top(self, aggregate: Any, take: int, watermark: int) -> tuple[Array, Array]:
        """Return the keys with the greatest positive values of an aggregate, greatest first (ties by id), and the values.

        Raises:
            NotFound: The aggregate is not in the plan.
            DeclarationError: It is kept per several keys together, or is text.
        """
        self.advance(watermark)
        read = self.plan.reads.get(aggregate.column)
        if read is None:
            raise NotFound(f"{aggregate.column} is not among the features this view was planned for: rebuild it with the system's features")
        if len(read.routes) != 1:
            raise DeclarationError(f"{aggregate.column} is kept per several keys together, so no single key has the greatest: use one key")
        states = self._held[aggregate.column].states
        changes = sum(state.changes for state in states)
        when = watermark if read.operation.timed else 0
        return self._index(("top", aggregate.column, take), (changes, when), lambda: self._greatest(read, states, take, watermark))

    def _greatest(self, read: Read, states: Sequence[TiledState], take: int, watermark: int) -> tuple[Array, Array]:
        ids = self.directory.interners[read.states[0].keying.domains[0]].ids
        values = finished(read, tuple(state.tally.value[: len(ids)] for state in states), watermark)
        if values.dtype.kind == "O":
            raise DeclarationError(f"{read.aggregate.column} is text, which has no greatest: use a number")
        return greatest(values[1:], ids[1:], take)

    def newest(self, field: Field, take: int, watermark: int) -> Array:
        """Return the ids of the entities whose instant `field` is latest and not after the watermark, latest first (ties by id).

        Raises:
            NotFound: The plan keeps no such attribute.
        """
        self.advance(watermark)
        table = self._table(field)
        return self._index(("newest", field.column), table.changes, lambda: Newest(*self._attribute(field))).ids(take, watermark)

    def having(self, field: Field, values: Array) -> tuple[Array, Array]:
        """Return (position in `values`, ascending; id) of every entity whose `field` has that value, ordered by id.

        Raises:
            NotFound: The plan keeps no such attribute.
        """
        table = self._table(field)
        return self._index(("having", field.column), table.changes, lambda: Belonging(*self._attribute(field))).ids(values.tolist())

    def known_ids(self, entity: type) -> Array:
        """Return the ids of the entities of a class that have been told about, in the order they were first mentioned.

        Raises:
            NotFound: The plan keeps no attribute of the class.
        """
        if entity not in self.directory.tables:
            raise NotFound(f"the view keeps no attribute of {entity.__name__}: add one to the features of a model")
        return self.directory.interners[entity.__name__].ids[self.directory.tables[entity].entities]

    def state(self, state: State) -> TiledState:
        """Return what is kept for a state of the plan."""
        return self.groups[state.keying.column].states[state.column]

    @property
    def footprint(self) -> dict[str, int]:
        """About how much memory each part takes, in bytes: by state, combination of keys, class and domain."""
        sizes = {column: kept.nbytes for group in self.groups.values() for column, kept in group.states.items()}
        sizes |= {f"slots of {column}": group.slots.nbytes for column, group in self.groups.items()}
        sizes |= {f"attributes of {owner.__name__}": table.nbytes for owner, table in self.directory.tables.items()}
        return sizes | {f"ids of {name}": interner.nbytes for name, interner in self.directory.interners.items()}

    def _table(self, field: Field) -> Any:
        table = self.directory.tables.get(field.owner)
        if table is None or field.name not in self.plan.attributes[field.owner]:
            raise NotFound(f"the view does not keep {field.column}: let a feature or a source of the system read it")
        return table

    def _attribute(self, field: Field) -> tuple[Array, Array]:
        return self.directory.tables[field.owner].column(field.name), self.directory.interners[field.owner.__name__].ids

    def _index(self, name: tuple[Any, ...], changes: Any, make: Any) -> Any:
        """Return an index, made anew only when what it is of has changed."""
        made = self._indices.get(name)
        if made is None or made[0] != changes:
            made = self._indices[name] = (changes, make())
        return made[1]
