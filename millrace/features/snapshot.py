"""The online view as plain arrays and back: what a restart reads so that it need not replay the whole log."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from millrace.errors import Conflict
from millrace.features.online import OnlineView, Standing
from millrace.features.plan import Plan, by_keying
from millrace.schema import Field
from millrace.types import Array, Columns, objects

_FORMAT = 1


class _Header(msgspec.Struct, frozen=True):
    """What the arrays are of, and where in the log they stand."""

    format: int
    contents: list[str]
    standing: Standing


def snapshot(view: OnlineView) -> dict[str, Array]:
    """Return a view as arrays of numbers, by short names; text is MessagePack in bytes, so nothing needs pickle."""
    saved: dict[str, Array] = {"header": _packed(_Header(_FORMAT, _contents(view), view.standing))}
    for i, name in enumerate(sorted(view.directory.interners)):
        saved[f"ids.{i}"] = _packed(view.directory.interners[name].ids[1:].tolist())
    for i, owner in enumerate(view.directory.tables):
        saved |= _prefixed(f"table.{i}", view.directory.tables[owner].snapshot())
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
    view = OnlineView(plan)
    try:
        header = msgspec.msgpack.decode(saved["header"].tobytes(), type=_Header)
    except (KeyError, msgspec.DecodeError):
        header = None
    if header is None or (header.format, header.contents) != (_FORMAT, _contents(view)):
        raise Conflict("the snapshot was made for other features: leave it, and replay the log into a new view")
    for i, name in enumerate(sorted(view.directory.interners)):
        view.directory.interners[name].intern(objects(_unpacked(saved[f"ids.{i}"])))
    for i, owner in enumerate(view.directory.tables):
        view.directory.tables[owner].restore(_unprefixed(f"table.{i}", saved))
    for i, group in enumerate(view.groups.values()):
        levels = _unprefixed(f"slots.{i}", saved)
        group.slots.restore([levels[str(level)] for level in range(len(levels))])
        group.fit()
        for j, state in enumerate(group.states.values()):
            state.restore(_unprefixed(f"state.{i}.{j}", saved))
    view.resume(header.standing)
    return view


def _contents(view: OnlineView) -> list[str]:
    """Return what the arrays of a view's snapshot are of: equal lists mean arrays that fit."""
    plan = view.plan
    attributes = [f"{Field(owner, name).column}: {Field(owner, name).kind}" for owner, names in plan.attributes.items() for name in names]
    return [state.column for states in by_keying(plan).values() for state in states] + attributes + sorted(view.directory.interners)


def _prefixed(prefix: str, columns: Columns) -> dict[str, Array]:
    return {f"{prefix}.{name}": _packed(column.tolist()) if column.dtype.kind == "O" else column for name, column in columns.items()}


def _unprefixed(prefix: str, saved: Columns) -> dict[str, Array]:
    found = {name.removeprefix(f"{prefix}."): column for name, column in saved.items() if name.startswith(f"{prefix}.")}
    return {name: objects(_unpacked(column)) if column.dtype == np.uint8 else column for name, column in found.items()}


def _packed(value: object) -> Array:
    return np.frombuffer(msgspec.msgpack.encode(value), dtype=np.uint8)


def _unpacked(packed: Array) -> list:
    return msgspec.msgpack.decode(packed.tobytes())
