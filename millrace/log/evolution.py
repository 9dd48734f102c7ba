"""How a class may change between two openings of its log: a field comes with a default, or goes; all else is refused.

What each class was is kept in the log, so that a change is refused when the log is opened, before anything is written in the new form,
and not when an old record is read, perhaps months later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from millrace.errors import Conflict
from millrace.log import inbox
from millrace.log.codec import REQUIRED, Codec, Held
from millrace.log.decisions import DECISION
from millrace.log.kinds import Flag, Kind, Text


class Past(msgspec.Struct, frozen=True):
    """A field as the records of the log hold it.

    Attributes:
        kind: What its values are: text, bytes, number, integer, boolean or instant.
        is_optional: Whether a value may be missing.
        is_gone: Whether the class has it no longer, so that there are records without it.
        before: What records that lack it have, as JSON; None while there are no such records.
        is_private: Whether its values are sealed; those from before it was private are not.
    """

    kind: str
    is_optional: bool
    is_gone: bool = False
    before: str | None = None
    is_private: bool = False


class Shape(msgspec.Struct, frozen=True):
    """A class as its log knows it: whether it is an entity, and every field it ever had."""

    is_entity: bool
    fields: dict[str, Past]


def evolve(db: sqlite3.Connection, codecs: Iterable[Codec], write: bool) -> None:
    """Compare classes with what their records are, and remember how they changed.

    Args:
        db: A connection to the inbox, in a transaction that writes if `write`.
        codecs: The streams that the log is opened with.
        write: Whether to remember the changes; a log that is only read is compared all the same.

    Raises:
        Conflict: A class changed in a way that its records cannot follow; the message says what to write instead.
    """
    known = {stream: msgspec.json.decode(shape, type=Shape) for stream, shape in inbox.shapes(db).items()}
    for codec in codecs:
        if codec.name == DECISION:  # its form is ours, and versioned with the inbox
            continue
        past = known.get(codec.name)
        now = _first(codec) if past is None or not inbox.holds(db, codec.name) else _next(codec, past)
        if write and now != past:
            inbox.keep_shape(db, codec.name, msgspec.json.encode(now).decode())


def _first(codec: Codec) -> Shape:
    return Shape(codec.is_dated, {name: _past(codec, name) for name in codec.held})


def _past(codec: Codec, name: str, before: str | None = None) -> Past:
    held = codec.held[name]
    return Past(_name(held.kind), held.is_optional, before=before, is_private=name in codec.private)


def _name(kind: Kind) -> str:
    if isinstance(kind, Text):
        return "text" if kind.of is str else "bytes"
    return "boolean" if isinstance(kind, Flag) else type(kind).__name__.lower()


def _next(codec: Codec, past: Shape) -> Shape:
    """Return the shape of a class that has changed, or of one that has not."""
    if codec.is_dated != past.is_entity:
        was, now = ("an Entity", "an Event") if past.is_entity else ("an Event", "an Entity")
        raise Conflict(f"{codec.name} was {was} and is {now} now, and the log holds records of it: give the new class another name")
    fields = {name: _changed(codec, name, past) for name in codec.held}
    gone = {name: msgspec.structs.replace(one, is_gone=True) for name, one in past.fields.items() if name not in fields}
    return Shape(codec.is_dated, fields | gone)


def _changed(codec: Codec, name: str, past: Shape) -> Past:
    """Return a field as it is from now on, given what it was."""
    held, was = codec.held[name], past.fields.get(name)
    now = _past(codec, name, _default(codec, name, past) if was is None or was.is_gone else was.before)
    if was is None:
        return now
    if now.kind != was.kind:
        raise Conflict(
            f"{codec.name}.{name} was {was.kind} and is {now.kind} now, and the log holds records of it: keep its type, and declare"
            " the new one as a field of another name, with a default"
        )
    if was.is_optional and not now.is_optional:
        raise Conflict(f"{codec.name}.{name} may be missing in the records of the log: keep its `| None`")
    if was.is_private and not now.is_private:
        raise Conflict(f"{codec.name}.{name} is sealed in the records of the log: keep it Private[...]")
    if was.before is not None and _json(held) != was.before:
        raise Conflict(
            f"{codec.name}.{name} is {was.before} in records made before it was declared, and would become {_json(held)}: the past does not"
            " change; keep its default"
        )
    return now


def _default(codec: Codec, name: str, past: Shape) -> str:
    if codec.held[name].default is REQUIRED:
        lost = [other for other, one in past.fields.items() if other not in codec.held and not one.is_gone]
        renamed = f"; if it is {' or '.join(lost)} under a new name, keep the old one" if lost else ""
        raise Conflict(
            f"{codec.name}.{name} is missing in records made before it was declared: give it a default, such as `| None = None`{renamed}"
        )
    return _json(codec.held[name]) or ""


def _json(held: Held) -> str | None:
    return None if held.default is REQUIRED else msgspec.json.encode(held.default).decode()
