"""What exists (Entity), what happens (Event), what is asked (Request). Read from its class, a field is an expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar, dataclass_transform

import msgspec
import numpy as np

from millrace.annotations import DTYPES, hints_of, is_optional, is_private, kind_of, reference
from millrace.errors import DeclarationError, brief
from millrace.expressions import Expr
from millrace.types import Array, micros

E = TypeVar("E")


class Field(Expr):
    """One field of an Entity, Event or Request class, or of what it refers to: `Watch.seconds`, `Chargeback.payment.device`.

    Attributes:
        owner: The class it is declared in.
        name: Its name there.
        via: The reference it is read through, or None when it is the owner's own.
    """

    __slots__ = ("name", "owner", "via")
    _known: ClassVar[dict[tuple[Any, ...], Field]] = {}

    def __new__(cls, owner: type, name: str, via: Field | None = None) -> Field:
        """Return the one field there is of that name and way: however often it is written, it is the same object."""
        key = (owner, name, id(via))
        if key not in Field._known:
            Field._known[key] = object.__new__(cls)
        return Field._known[key]

    def __init__(self, owner: type, name: str, via: Field | None = None) -> None:
        self.op = "field"
        self.args = ()
        self.owner = owner
        self.name = name
        self.via = via
        self.column = f"{via.column}.{name}" if via is not None else f"{owner.__name__}.{name}"

    def fields(self) -> Iterator[Expr]:
        """Yield itself."""
        yield self

    def evaluate(self, read: Callable[[Any], Array]) -> Array:
        """Return its column as `read` gives it."""
        return read(self)

    @property
    def root(self) -> Field:
        """The field of the event or request that the path starts at."""
        return self if self.via is None else self.via.root

    @property
    def refers_to(self) -> type | None:
        """The class a `Ref` field points to; None for a plain value."""
        return reference(hints_of(self.owner)[self.name])

    @property
    def kind(self) -> str:
        """What it holds: text, integer, number, boolean, instant or bytes."""
        return kind_of(self.owner, self.name)

    @property
    def is_private(self) -> bool:
        """Whether it is `Private`: sealed where it is kept, and read by no feature."""
        return is_private(hints_of(self.owner)[self.name])

    @property
    def optional(self) -> bool:
        """Whether the value may be missing."""
        return is_optional(hints_of(self.owner)[self.name])

    @property
    def dtype(self) -> Any:
        """The NumPy type of its column: a missing integer needs a float column, missing text is None in an object column."""
        return np.float64 if self.kind in ("integer", "boolean") and self.optional else DTYPES[self.kind]

    def __getitem__(self, name: str) -> Field:
        """Return a field of what it refers to: `Payment.device["kind"]`, for the few names that a field has a meaning of its own for."""
        target = self.refers_to
        if target is None or name not in field_names(target):
            raise DeclarationError(f"{self.column} refers to nothing that has a field {name!r}")
        return readable(Field(target, name, self))

    def __getattr__(self, name: str) -> Field:
        target = None if name.startswith("_") else self.refers_to
        if target is not None and name in field_names(target):
            return readable(Field(target, name, self))
        if name.startswith("_"):
            raise AttributeError(name)
        if target is None:
            raise AttributeError(f"{self.column} is {self.kind} and refers to nothing: it has no field {name}")
        raise AttributeError(_no_field(target, name))


def _no_field(owner: Any, name: str) -> str:
    return f"{owner.__name__} has no field {name}: it has {', '.join(field_names(owner))}"


def readable(field: Field) -> Field:
    """Return a field that a declaration may read.

    Raises:
        DeclarationError: It is private: what is made of it would carry it into snapshots, decisions and model files, unsealed.
    """
    try:
        is_private = field.is_private
    except NameError:  # what the class refers to stands further down; its plan reads the field once all is there
        return field
    if is_private:
        raise DeclarationError(
            f"{field.column} is Private: no key, condition, feature or outcome may read it; declare what may be learned from, such as"
            f" a country or an age in years, as a field of its own"
        )
    return field


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Declared(msgspec.StructMeta):
    """The metaclass of Entity, Event and Request: a field read from the class is an expression, not a slot."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        retain: str | None = None,
        lag: str | None = None,
        **settings: Any,
    ) -> Any:
        """Make the class a frozen, keyword-only struct that refuses fields it does not know.

        Args:
            name: Its name.
            bases: What it is a kind of.
            namespace: Its fields and attributes.
            retain: How long the log keeps what happened, such as "400d"; None keeps all. Only of events and requests.
            lag: How long after it happened what is recorded elsewhere is published, such as "6h" for a nightly table: imported history
                was known so much later, unless the import says when. What arrives live is known when it arrives.
            settings: Of the struct.

        Raises:
            DeclarationError: `retain` or `lag` is no duration; `retain` is of an entity, or `lag` of a request.
        """
        settings = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True, **settings}
        made = super().__new__(mcs, name, bases, namespace, **settings)
        if retain is not None:
            if issubclass(made, Entity):
                raise DeclarationError(f"{name}: retain={retain!r}: what exists is kept, only events are dropped with time: leave it out")
            made.__retained__ = micros(retain)  # type: ignore[attr-defined]
        if lag is not None:
            if issubclass(made, Request):
                raise DeclarationError(f"{name}: lag={lag!r}: a request is known when it is asked, nothing of it comes later: leave it out")
            made.__lag__ = micros(lag)  # type: ignore[attr-defined]
        return made

    if not TYPE_CHECKING:

        def __getattribute__(cls, name: str) -> Any:  # noqa: N805 (of a metaclass)
            """Return the field expression for a field's name, and the ordinary attribute for any other."""
            if not name.startswith("_") and name in type.__getattribute__(cls, "__struct_fields__"):
                return readable(Field(cls, name))
            return super().__getattribute__(name)

        def __getattr__(cls, name: str) -> Any:  # noqa: N805 (of a metaclass)
            """Say which fields there are; asked for what the class has not."""
            raise AttributeError(name if name.startswith("_") else _no_field(cls, name))


if TYPE_CHECKING:
    from typing_extensions import TypeAliasType

    Ref = TypeAliasType("Ref", str, type_params=(E,))
    Private = TypeAliasType("Private", E, type_params=(E,))
else:

    class Ref:
        """`Ref[Viewer]`: the id of a Viewer. A column of text that joins to what it names."""

        def __class_getitem__(cls, target: type) -> Any:
            """Return the annotation of a reference to `target`.

            Raises:
                DeclarationError: It is not a class that has an id: an Entity, a Request or an Event.
            """
            if isinstance(target, str):
                raise DeclarationError(
                    f'Ref["{target}"] names a class by text: write Ref[{target}], and begin the module with '
                    f"`from __future__ import annotations` if the class stands further down"
                )
            if not (_is_a(target, Entity) or _is_a(target, Event)):
                raise DeclarationError(f"Ref[{brief(target)}] refers to nothing that has an id: name an Entity or a Request class")
            return Annotated[str, msgspec.Meta(extra={"ref": target})]

    class Private:
        """`Private[str]`: text about a person, such as an address: sealed where it is kept, and gone when the person is forgotten."""

        def __class_getitem__(cls, kind: type) -> Any:
            """Return the annotation of a private field.

            Raises:
                DeclarationError: It is not text.
            """
            if kind is not str:
                raise DeclarationError(
                    f"Private[{brief(kind)}] cannot be: a private field is text, Private[str] or Private[str] | None;"
                    f" nothing computes with it, so write numbers and instants as text"
                )
            return Annotated[str, msgspec.Meta(extra={"private": True})]


Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Entity(msgspec.Struct, metaclass=Declared):
    """Something that exists and has attributes that change over time. Sending it again, with its id, updates it."""

    id: str


class Event(msgspec.Struct, metaclass=Declared):
    """Something that happened. `at` is when; an empty `id` gets one, a given `id` makes sending it twice harmless."""

    at: Instant
    id: str = ""


class Request(Event):
    """Something asked of a system. It is an event too: it can be counted and referred to, and never counts itself."""


R = TypeVar("R", bound=Request)
C = TypeVar("C", bound=Entity)


class Shown(Event, Generic[R, C]):
    """The decision log read as events: `Shown[Refresh, Video]` has the request's fields, the candidate, its rank and the action.

    Private fields of the request are left out. An event is one row that was taken. `request` is the id of what was asked; `at` is when;
    `rank` counts from 0, the best place.
    """

    request: str = ""
    candidate: str = ""
    rank: int = 0
    action: str = ""

    if not TYPE_CHECKING:

        def __class_getitem__(cls, pair: Any) -> Any:
            """Return the stream of what one kind of request was shown of one kind of entity; the same pair gives the same class."""
            request, candidate = pair
            if isinstance(request, TypeVar):
                return cls
            if not (_is_a(request, Request) and _is_a(candidate, Entity)):
                raise DeclarationError(f"Shown[{brief(request)}, {brief(candidate)}]: name a Request class and then an Entity class")
            if pair not in _SHOWN:
                _SHOWN[pair] = _shown(request, candidate)
            return _SHOWN[pair]


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, type) and issubclass(value, kind)


_SHOWN: dict[tuple[type, type], Any] = {}


def _shown(request: type, candidate: type) -> Any:
    hints = {name: hint for name, hint in hints_of(request).items() if name not in ("id", "at") and not is_private(hint)}
    hints |= {"request": Ref[request], "candidate": Ref[candidate]}
    namespace: dict[str, Any] = {"__annotations__": hints, "__module__": request.__module__}
    namespace["__doc__"] = f"What a {request.__name__} was shown of {candidate.__name__}."
    made = Declared(f"Shown[{request.__name__}, {candidate.__name__}]", (Shown,), namespace)
    made.__shows__ = (request, candidate)
    return made


def retention(stream: type) -> int | None:
    """Return how long the log keeps a class of events, in microseconds; None when it keeps all. What was shown is kept as its request."""
    pair = shows(stream)
    return getattr(pair[0] if pair else stream, "__retained__", None)


def lag(owner: type) -> int:
    """Return how long after it happened what is of a class is published, in microseconds; 0 where nothing was declared."""
    return getattr(owner, "__lag__", 0)


def shows(stream: type) -> tuple[type, type] | None:
    """Return (request class, candidate class) for a `Shown[...]` stream, None for any other."""
    return getattr(stream, "__shows__", None)


def field_names(owner: Any) -> tuple[str, ...]:
    """Return the names of a class's fields, `id` and `at` among them."""
    return owner.__struct_fields__


def private_fields(owner: Any) -> tuple[str, ...]:
    """Return the names of a class's `Private` fields."""
    return tuple(name for name in field_names(owner) if Field(owner, name).is_private)


def references(owner: Any, target: type | None = None) -> list[Field]:
    """Return the `Ref` fields of a class, all of them or those that point to `target`."""
    fields = [Field(owner, name) for name in field_names(owner) if name != "id"]
    return [field for field in fields if field.refers_to is not None and (target is None or field.refers_to is target)]


def stream_of(what: Any, said: str = "") -> type:
    """Return the event class that an event class or an expression over its fields reads.

    Raises:
        DeclarationError: It reads no event, or fields of several.
    """
    if isinstance(what, type) and issubclass(what, Event):
        return what
    owners = {field.root.owner for field in what.fields()} if isinstance(what, Expr) else set()  # type: ignore[attr-defined]
    if len(owners) == 1 and issubclass(owner := owners.pop(), Event):
        return owner
    raise DeclarationError(f"{said}{brief(what)} does not read one event: use an Event class, or an expression over the fields of one")


def route(stream: type, key: Any) -> Field:
    """Return how an event reaches a key: its reference to an entity, an attribute of what it refers to, or its own field.

    Args:
        stream: The event class.
        key: An Entity or Request class, or a field.

    Raises:
        DeclarationError: There is no way, or more than one.
    """
    if isinstance(key, Field):
        if key.via is not None:
            if issubclass(stream, key.root.owner):
                return key
            raise DeclarationError(f"{key.column} starts at {key.root.owner.__name__}, not at {stream.__name__}")
        if issubclass(stream, key.owner):
            return Field(stream, key.name)
        ways = [Field(key.owner, key.name, way) for way in references(stream, key.owner)]
    else:
        ways = [Field(stream, "id")] if stream is key else references(stream, key)
    if len(ways) == 1:
        return ways[0]
    raise DeclarationError(_no_one_way(stream, key, ways))


def _no_one_way(stream: type, key: Any, ways: list[Field]) -> str:
    """Return why an event does not reach a key by exactly one way, and what to write instead."""
    target = key.owner if isinstance(key, Field) else key
    said = f"{stream.__name__} has no reference to {target.__name__}"
    if ways:
        said = f"{stream.__name__} reaches {brief(key)} in {len(ways)} ways"
    elif key is target:  # perhaps it is an attribute of what the event refers to
        ways = [Field(own.refers_to, way.name) for own in references(stream) for way in references(own.refers_to, key)]  # type: ignore[arg-type]
    elif key.refers_to is not None and issubclass(target, Event):
        said, target = f"{key.column} is a field of another event than {stream.__name__}", key.refers_to
        ways = references(stream, target)
    if ways:
        return f"{said}: write per={' or per='.join(way.column for way in ways)}"
    return f"{said}: give {stream.__name__} a field of type Ref[{target.__name__}], or use another key"
