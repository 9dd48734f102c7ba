"""Facts about keys, declared: aggregates over events and functions of them. A feature is identified by its structure, its `column`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, overload

from millrace.errors import DeclarationError, brief
from millrace.expressions import Expr
from millrace.features.code import fingerprint
from millrace.features.operation import Settings
from millrace.features.operations import OPERATIONS
from millrace.features.window import Window
from millrace.schema import Entity, Event, Field, Request, stream_of
from millrace.types import EVER, duration

Key: TypeAlias = Any
"""What an aggregate is kept per: an Entity or Request class, or a field that names a key or an attribute."""


def key_name(key: Key) -> str:
    """Return how a key reads: `Viewer`, `Video.topic`."""
    return key.column if isinstance(key, Field) else key.__name__


@dataclass(frozen=True, eq=False)
class Aggregate:
    """A number (or the last value) per key over the events of a window.

    Attributes:
        op: count, total, mean, min, max or last.
        of: The event class, or the expression over its fields that is aggregated.
        per: The keys, one or several together.
        over: The window as written, "ever" for all time.
        window: Its length and hop.
        where: Which events count; None is all.
        default: What stands for a missing value; None is missing. Where no events is 0 nothing is missing, and it is 0.
        settings: What the operation was declared with besides: `last_k` its k and which, `decayed` its half-life.
    """

    op: str
    of: Any
    per: tuple[Key, ...]
    over: str
    window: Window
    where: Expr | None
    default: float | str | None
    settings: Settings = ()

    @cached_property
    def stream(self) -> type:
        """The event class it reads."""
        return stream_of(self.of)

    @property
    def value(self) -> Expr | None:
        """The expression that is aggregated; None when events are only counted."""
        return self.of if isinstance(self.of, Expr) else None

    @property
    def is_value(self) -> bool:
        """Whether it is a value as an event had it (a text, an instant), not a number of its own."""
        return OPERATIONS[self.op].gives == "value"

    @cached_property
    def column(self) -> str:
        """Its structure as text: equal columns are the same feature."""
        what = self.of.column if isinstance(self.of, Expr) else self.of.__name__
        kept = f" if {self.where.column}" if self.where is not None else ""
        keys = ", ".join(key_name(key) for key in self.per)
        missing = "" if self.default is None or OPERATIONS[self.op].zero else f" else {self.default!r}"
        return f"{self.op}{spelt(self.settings)}({what}){kept} per ({keys}) over {span(self.window)}{missing}"

    @property
    def label(self) -> str:
        """How it reads within its family: `Video, '7d'`."""
        return ", ".join([*map(key_name, self.per), repr(self.over), *map(str, self.settings[1:])])

    def is_picked(self, part: Any) -> bool:
        """Whether `family[part]` means it: its window, which of the last values it is, or its keys."""
        if isinstance(part, str):
            return part == self.over
        if isinstance(part, int):
            return self.settings[1:] == (part,)
        keys = part if isinstance(part, tuple) else (part,)
        return len(keys) == len(self.per) and all(a is b for a, b in zip(keys, self.per, strict=True))


def spelt(settings: Settings) -> str:
    """Return how settings read: `[3, 1]`; nothing when there are none."""
    return f"[{', '.join(map(str, settings))}]" if settings else ""


def span(window: Window) -> str:
    """Return how a window reads: `7d by 3h`, `ever`."""
    return "ever" if window.length == EVER else f"{duration(window.length)} by {duration(window.hop)}"


@dataclass(frozen=True, eq=False)
class Ratio:
    """One sum over another, pulled towards a prior while there is little evidence: (top + a) / (bottom + b).

    Missing (or `default`) where `bottom + b` is 0.

    Attributes:
        top: What is divided.
        bottom: What it is divided by.
        prior: (a, b).
        default: What stands for a missing value; None is missing.
        scale: What the quotient is multiplied by: how much longer the bottom's time is, for rates.
    """

    top: Aggregate
    bottom: Aggregate
    prior: tuple[float, float]
    default: float | None = None
    scale: float = 1.0

    @cached_property
    def column(self) -> str:
        """Its structure as text."""
        scaled = "" if self.scale == 1 else f", scale={self.scale}"
        missing = "" if self.default is None else f" else {self.default!r}"
        return f"ratio({self.top.column}, {self.bottom.column}, prior={self.prior}{scaled}){missing}"


@dataclass(frozen=True, eq=False)
class OnDemand:
    """A vectorised function of features, attributes and the request, computed when it is asked for.

    Attributes:
        function: Takes and returns arrays.
        needs: The features passed first, by position.
        parameters: The rest: (name, class) where the class is an Entity or Request whose attributes it reads, or None for `at`.
    """

    function: Callable[..., Any]
    needs: tuple[Feature, ...]
    parameters: tuple[tuple[str, type | None], ...]

    @cached_property
    def column(self) -> str:
        """Its name, with the fingerprint of its code and of what it needs."""
        read = (*(need.column for need in self.needs), *(owner.__name__ for _, owner in self.parameters if owner is not None))
        return f"{self.function.__name__}@{fingerprint(self.function, read)}"


@dataclass(frozen=True, eq=False)
class Family:
    """Several features declared at once; `family["1h"]`, `family[Card, "1h"]` pick among them, `family[2]` the second last value."""

    members: tuple[Any, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.members)

    def __getitem__(self, pick: Any) -> Any:
        picks = pick if isinstance(pick, tuple) else (pick,)
        found = tuple(member for member in self.members if all(member.is_picked(part) for part in picks))
        if not found:
            there = ", ".join(f"[{member.label}]" for member in self.members)
            raise DeclarationError(f"this family has no [{', '.join(map(_pick_name, picks))}]: pick among {there}")
        return found[0] if len(found) == 1 else Family(found)


def _pick_name(part: Any) -> str:
    return repr(part) if isinstance(part, str | int) else brief(part)


Feature: TypeAlias = Aggregate | Ratio | OnDemand | Field
"""Anything a model can take in: it has a `column` and a value per row."""


@overload
def count(of: Any, *, per: Any, over: str, where: Any = None, hop: str | None = None) -> Aggregate: ...
@overload
def count(of: Any, *, per: Any, over: list[str], where: Any = None, hop: str | None = None) -> Family: ...
def count(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None) -> Any:
    """Declare how many events a key has in a window; 0 where there are none.

    Args:
        of: An Event class (or `Shown[Request, Entity]`).
        per: An Entity or Request class, a field, a tuple of them (together), or a list of those (a family).
        over: A window such as "7d", "ever", or a list (a family).
        where: Only events for which this expression over their fields is true.
        hop: How far the tail of the window moves at a time; by default a sixtieth of the window.
    """
    return aggregated("count", of, per, over, where, hop, 0)


def total(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None) -> Any:
    """Declare the sum of an expression over a key's events in a window; 0 where there are none. Arguments as for `count`."""
    return aggregated("total", of, per, over, where, hop, 0)


def mean(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None) -> Any:
    """Declare the mean of an expression over a key's events in a window; `default` (missing) where there are none."""
    return aggregated("mean", of, per, over, where, hop, default)


def minimum(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None) -> Any:
    """Declare the least value of an expression over a key's events in a window; `default` (missing) where there are none."""
    return aggregated("min", of, per, over, where, hop, default)


def maximum(of: Any, *, per: Any, over: Any, where: Any = None, hop: str | None = None, default: float | None = None) -> Any:
    """Declare the greatest value of an expression over a key's events in a window; `default` (missing) where there are none."""
    return aggregated("max", of, per, over, where, hop, default)


def last(of: Any, *, per: Any, over: Any = "ever", where: Any = None, hop: str | None = None, default: Any = None) -> Any:
    """Declare the value of the event that became known last among a key's events in a window; `default` (missing) where there are none."""
    return aggregated("last", of, per, over, where, hop, default)


def ratio(top: Aggregate, bottom: Aggregate, *, prior: tuple[float, float] = (0.0, 0.0), default: float | None = None) -> Ratio:
    """Declare one count, total or decayed sum over another, with a prior (a, b): (top + a) / (bottom + b); `default` over nothing."""
    for part in (top, bottom):
        if not isinstance(part, Aggregate) or not OPERATIONS[part.op].adds:
            raise DeclarationError(
                f"ratio(): {brief(part)} is not a count or a total; divide one by another, and pick one member of a family with [...]"
            )
    return Ratio(top, bottom, (float(prior[0]), float(prior[1])), default)


def aggregated(op: str, of: Any, per: Any, over: Any, where: Any, hop: str | None, default: Any, settings: Settings = ()) -> Any:
    """Return the aggregate of an operation, or a family of them where `per` or `over` is a list.

    Raises:
        DeclarationError: One of the arguments is not what it should be.
    """
    said = f"{op}(): "
    stream = stream_of(of, said)
    takes = OPERATIONS[op].of
    if takes == "values" and not isinstance(of, Expr):
        raise DeclarationError(
            f"{said}{stream.__name__} is an event, not a value: name one of its fields, such as {stream.__name__}.{_a_field(stream)}"
        )
    if takes == "events" and isinstance(of, Expr):
        other = f" or total({of.column})" if op == "count" else ""
        does = "counts events" if op == "count" else "is of events, not of their values"
        raise DeclarationError(f"{said}{does}: write {op}({stream.__name__}, where={of.column}){other}")
    if where is not None and not isinstance(where, Expr):
        raise DeclarationError(f"{said}where={brief(where)} is not an expression over the fields of {stream.__name__}")
    if where is not None and stream_of(where, said) is not stream:
        raise DeclarationError(
            f"{said}where={where.column} reads {stream_of(where).__name__}, but {stream.__name__} is aggregated: filter by its own fields"
        )
    pers = per if isinstance(per, list) else [per]
    overs = over if isinstance(over, list) else [over]
    made = tuple(
        Aggregate(op, of, _keys(one, said), window, Window.of(window, hop), where, default, settings) for one in pers for window in overs
    )
    return Family(made) if isinstance(per, list) or isinstance(over, list) else made[0]


def _keys(per: Any, said: str) -> tuple[Key, ...]:
    keys = per if isinstance(per, tuple) else (per,)
    for key in keys:
        if not (isinstance(key, Field) or (isinstance(key, type) and issubclass(key, Entity | Request))):
            raise DeclarationError(f"{said}per={brief(key)} is not a key: use an Entity or Request class, or a field such as Video.topic")
    return keys


def _a_field(stream: Any) -> str:
    fields = [Field(stream, name) for name in stream.__struct_fields__ if name not in ("id", "at")]
    return next((field.name for field in fields if field.kind in ("number", "integer", "boolean")), "at")


@overload
def feature(function: Callable[..., Any], /) -> OnDemand: ...
@overload
def feature(*needs: Aggregate | Family | Ratio | OnDemand | Any) -> Callable[[Callable[..., Any]], OnDemand]: ...
def feature(*needs: Any) -> Any:
    """Declare a function of features, computed on request: `@feature(plays["1h"], plays["7d"])` passes those first, by position.

    Parameters left over are `at` (the request's instant, datetime64[us]) or, by annotation, an Entity or the Request: an object whose
    attributes are arrays, a value per row. Everything is vectorised; instants are datetime64[us] arrays, missing ones NaT.
    """
    if len(needs) == 1 and inspect.isfunction(needs[0]):
        return feature()(needs[0])
    flat = tuple(flatten(needs))
    for need in flat:
        if not isinstance(need, Aggregate | Ratio | OnDemand | Field):
            raise DeclarationError(f"@feature({brief(need)}) is not a feature: pass aggregates, ratios, attributes or other features")

    def declare(function: Callable[..., Any]) -> OnDemand:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        if len(parameters) < len(flat):
            raise DeclarationError(
                f"{function.__name__}() takes {len(parameters)} of the {len(flat)} values that @feature passes: add a parameter for each"
            )
        rest = tuple((p.name, _row_class(function.__name__, p)) for p in parameters[len(flat) :])
        return OnDemand(function, flat, rest)

    return declare


def _row_class(function: str, parameter: inspect.Parameter) -> type | None:
    if parameter.name == "at":
        return None
    if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Entity | Event):
        return parameter.annotation
    raise DeclarationError(
        f"{function}({parameter.name}): annotate it with an Entity or the Request, call it `at`, or pass its feature to @feature(...)"
    )


def flatten(items: Any) -> Iterator[Any]:
    """Yield declarations one by one, the members of families among them."""
    for item in items:
        if isinstance(item, Family):
            yield from item.members
        elif isinstance(item, list | tuple):
            yield from flatten(item)
        else:
            yield item
