"""Which streams a log has: one per Event, Request or Entity class, and the decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from millrace.decision import Decision
from millrace.errors import BadInput, DeclarationError
from millrace.log.codec import RECORD, REQUIRED, Codec, Held
from millrace.log.decisions import DECISION, decision_codec
from millrace.log.keys import Keyring
from millrace.log.kinds import kind_of
from millrace.log.private import Sealing
from millrace.schema import Entity, Event, Field, field_names, private_fields, references, shows


class Streams:
    """The streams declared for a log, by name and by class.

    Args:
        classes: Event, Request and Entity classes. A `Shown[...]` class stands for its request and its candidate: it is not stored.
        keyring: The keys that private fields are sealed with.

    Raises:
        DeclarationError: Two classes share a name, or a field has a name that every record uses.
    """

    def __init__(self, classes: Iterable[type], keyring: Keyring | None = None) -> None:
        self.keyring = keyring
        self._by_name: dict[str, Codec] = {DECISION: decision_codec()}
        for item in (stored for given in classes for stored in shows(given) or (given,)):
            self._add(item)

    def _add(self, item: Any) -> None:
        if not (isinstance(item, type) and issubclass(item, Event | Entity)):
            raise DeclarationError(f"{item!r} is not a stream: name Event, Request and Entity classes")
        there = self._by_name.get(item.__name__)
        if there is None:
            self._by_name[item.__name__] = codec_of(item, self.keyring)
        elif there.item is not item:
            first, second = (f"{one.__module__}.{one.__qualname__}" for one in (there.item, item))
            raise DeclarationError(f"two streams of one log are called {item.__name__}: {first} and {second}; rename one")

    def __iter__(self) -> Iterator[Codec]:
        return iter(self._by_name.values())

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Codec:
        return self._by_name[name]

    def get(self, name: str) -> Codec | None:
        """Return the codec of a stream, None of one the log was not opened with."""
        return self._by_name.get(name)

    def of(self, item: type) -> Codec:
        """Return the codec of a class.

        Raises:
            BadInput: The log was opened without it.
        """
        there = self._by_name.get(DECISION if item is Decision else item.__name__)
        if there is None or there.item is not item:
            raise BadInput(f"{item.__name__} is not a stream of this log: name the class in Log.open(folder, streams)")
        return there


@lru_cache(maxsize=256)
def codec_of(item: Any, keyring: Keyring | None = None) -> Codec:
    """Return the codec of an Event, Request or Entity class; with keys, one that seals what is private.

    Raises:
        DeclarationError: A field has a name that every record uses, or a type that no column can hold.
    """
    taken = set(RECORD) - ({"id"} if issubclass(item, Entity) else {"id", "at"})
    for name in field_names(item):
        if name in taken:
            raise DeclarationError(f"{item.__name__}.{name}: every record has a `{name}` of its own: give the field another name")
    for name in set(RECORD) & set(private_fields(item)):
        raise DeclarationError(f"{item.__name__}.{name} is Private: records are found and ordered by it, so it is kept in clear")
    held = {field.name: _held(item, field) for field in msgspec.structs.fields(item) if field.name not in RECORD}
    codec = Codec(item, item.__name__, held)
    if keyring is not None and codec.private:
        codec.sealing = Sealing(codec.name, codec.private, _about(item), keyring)
    return codec


def _about(item: Any) -> list[tuple[str, str]]:
    """Return whom records of a class are about, a class and the column of ids for each: an entity itself, and all that they refer to."""
    own = [(item.__name__, "id")] if issubclass(item, Entity) else []
    return own + [(field.refers_to.__name__, field.name) for field in references(item) if field.refers_to is not None]


def _held(item: Any, info: msgspec.structs.FieldInfo) -> Held:
    field = Field(item, info.name)
    default = info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()
    return Held(kind_of(field), attrgetter(info.name), (info.name,), REQUIRED if info.required else default, field.optional)
