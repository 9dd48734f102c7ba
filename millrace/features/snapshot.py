"""The online view as plain arrays and back: what a restart reads so that it need not replay the whole log."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from millrace.errors import Conflict
from millrace.features.online import OnlineView, Standing
from millrace.features.plan import Plan, by_keying
from millrace.types import Array, Columns, objects

_FORMAT = 1


class _Header(msgspec.Struct, frozen=True):
    """What the arrays are of, and where in the log they stand."""

    format: int
    contents: list[str]
    standing: Standing


def snapshot(view: OnlineView) -> dict[str, Array]:
    """Return a view as arrays of numbers and bytes, by short names; text is JSON in bytes, so nothing needs pickle."""
    saved: dict[str, Array] = {"header": _packed_json(_Header(_FORMAT, _contents(view.plan), view.standing))}
    for i, name in enumerate(sorted(view.world.interners)):
        saved[f"ids.{i}"] = _packed_json(view.world.interners[name].ids[1:].tolist())
    for i, owner in enumerate(view.world.tables):
        saved |= _prefixed(f"table.{i}", view.world.tables[owner].snapshot())
    for i, group in enumerate(view.groups.values()):
        saved |= _prefixed(f"slots.{i}", {str(level): packed for level, packed in enumerate(group.slots.levels)})
        for j, state in enumerate(group.states.values()):
            saved |= _prefixed(f"state.{i}.{j}", state.snapshot())
    return saved


def restore(plan: Plan, saved: Mapping[str, Array]) -> OnlineView:
    """Return the view a snapshot was made of, ready for the records after its `position`.

    Raises:
        Conflict: The snapshot was made for other features, or by another format: rebuild the view from the log.
    """
    header = msgspec.json.decode(saved["header"].tobytes(), type=_Header)
    view = OnlineView(plan)
    if header.format != _FORMAT or header.contents != _contents(plan):
        raise Conflict("the snapshot was made for other features: leave it, and replay the log into a new view")
    for i, name in enumerate(sorted(view.world.interners)):
        view.world.interners[name].intern(objects(_unpacked_json(saved[f"ids.{i}"])))
    for i, owner in enumerate(view.world.tables):
        view.world.tables[owner].restore(_unprefixed(f"table.{i}", saved))
    for i, group in enumerate(view.groups.values()):
        levels = _unprefixed(f"slots.{i}", saved)
        group.slots.restore([levels[str(level)] for level in range(len(levels))])
        group.fit()
        for j, state in enumerate(group.states.values()):
            state.restore(_unprefixed(f"state.{i}.{j}", saved))
    view.resume(header.standing)
    return view


def _contents(plan: Plan) -> list[str]:
    attributes = [f"{owner.__name__}({', '.join(names)})" for owner, names in plan.attributes.items()]
    return [state.column for states in by_keying(plan).values() for state in states] + attributes


def _prefixed(prefix: str, columns: Columns) -> dict[str, Array]:
    return {f"{prefix}.{name}": _packed_json(column.tolist()) if column.dtype.kind == "O" else column for name, column in columns.items()}


def _unprefixed(prefix: str, saved: Columns) -> dict[str, Array]:
    found = {name.removeprefix(f"{prefix}."): column for name, column in saved.items() if name.startswith(f"{prefix}.")}
    return {name: objects(_unpacked_json(column)) if column.dtype == np.uint8 else column for name, column in found.items()}


def _packed_json(value: object) -> Array:
    return np.frombuffer(msgspec.json.encode(value), dtype=np.uint8)


def _unpacked_json(packed: Array) -> list:
    return msgspec.json.decode(packed.tobytes())
