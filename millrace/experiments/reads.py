"""What metrics read of the log: each part of a declaration, with its time, as a column per unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from millrace.errors import DeclarationError, brief
from millrace.experiments.compared import Compared
from millrace.experiments.metric import Declared, Metric
from millrace.experiments.other_side import OtherSide
from millrace.experiments.scorecard import Scorecard
from millrace.models.declare import Outcome
from millrace.schema import Event, Field, references, stream_of
from millrace.types import duration, micros

Kind = Literal["events", "outcome", "feature", "label", "head"]
"""Events of a unit, the outcomes of its decisions, a feature as known at its first exposure, as a number or as text, a prediction that was
served there."""

_AT_FIRST = ("feature", "label", "head")

_VALUES = ("value", "top", "bottom")


class Read(msgspec.Struct, frozen=True):
    """A column per unit.

    Attributes:
        of: An event class (counted), an expression over an event's fields (summed up), an outcome, or a feature.
        kind: How it is read.
        begin: From when on, microseconds after the unit's first exposure; None is for ever before. Meaningless for what is read at first.
        end: Until when; None is up to the read-out.
    """

    of: Any
    kind: Kind
    begin: int | None = None
    end: int | None = None

    @property
    def column(self) -> str:
        """Its name: equal reads have equal names."""
        what = brief(self.of)
        if self.kind == "label":
            return what
        if self.kind in _AT_FIRST:
            return f"{what} at first"
        if self.end == 0:
            return f"{what} before" + ("" if self.begin is None else f" {duration(-self.begin)}")
        begin = "" if not self.begin else f" from {duration(self.begin)}"
        return f"{what}{begin}" + (" since" if self.end is None else f" within {duration(self.end)}")

    @property
    def closes(self) -> int:
        """How long after a unit's first exposure it can change no more, microseconds; 0 where it grows for as long as it is read."""
        if self.end is None or self.kind in _AT_FIRST:
            return 0
        return self.end + (self.of.window if self.kind == "outcome" else 0)

    @property
    def stream(self) -> type | None:
        """The event class it reads; None for what is read at first."""
        return self.of.stream if self.kind == "outcome" else stream_of(self.of) if self.kind == "events" else None


def on_log(card: Scorecard) -> tuple[Scorecard, tuple[Read, ...]]:
    """Return a scorecard over columns of units, and how each column is read from the log, each once.

    Raises:
        DeclarationError: A part of a metric names nothing on the log.
    """
    found: dict[str, Read] = {}

    def over(metric: Metric) -> Any:
        made, reads = _resolved(metric)
        found.update((read.column, read) for read in reads)
        return made

    guardrails = tuple(dataclasses.replace(each, metric=over(each.metric)) for each in card.guardrails)
    secondary = tuple(over(each) for each in card.secondary)
    segments = [_label("segments=", one) for one in card.segments]
    found.update((read.column, read) for read in [*segments, *map(read_of, card.other_side)])
    names = tuple(read.column for read in segments)
    made = dataclasses.replace(card, primary=over(card.primary), secondary=secondary, guardrails=guardrails, segments=names)
    return made, tuple(found.values())


def reads_of(card: Any) -> Iterator[Read]:
    """Yield how every column of a scorecard is read; nothing of what is wrong, which the checks find."""
    try:
        yield from on_log(card)[1] if isinstance(card, Scorecard) else ()
    except DeclarationError:
        return


def _resolved(metric: Metric) -> tuple[Metric, list[Read]]:
    if isinstance(metric, Compared):
        made, reads = _resolved(metric.metric)
        labels = [_label(metric.name, one) for one in metric.by.labels]
        return Compared(made, metric.by.over([read.column for read in labels])), [*reads, *labels]
    if not isinstance(metric, Declared):
        raise DeclarationError(f"{metric.name} does not say what it reads of the log: use Mean, Count, Proportion or another")
    values = {name: _value(metric, getattr(metric, name)) for name in _VALUES if hasattr(metric, name)}
    before = [_covariate(metric, one) for one in metric.covariates]
    columns: dict[str, Any] = {name: read.column for name, read in values.items()}
    made = dataclasses.replace(metric, covariates=tuple(read.column for read in before), **columns)
    return made, [*values.values(), *before]  # type: ignore[return-value]


def read_of(side: OtherSide) -> Read:
    """Return how what units did with the other side is read.

    Raises:
        DeclarationError: Its time is over before it begins.
    """
    return Read(side.value, "events", *_span(side))


def _span(of: Declared | OtherSide) -> tuple[int, int | None]:
    begin = micros(of.after) if of.after is not None else 0
    end = micros(of.within) if of.within is not None else None
    if end is not None and end <= begin:
        raise DeclarationError(f"{of.name}: within={of.within!r} is over before after={of.after!r} begins: make it longer")
    return begin, end


def _value(metric: Declared, of: Any) -> Read:
    begin, end = _span(metric)
    if isinstance(of, Outcome):
        return Read(of, "outcome", begin, end)
    if _is_event(of):
        return Read(of, "events", begin, end)
    raise DeclarationError(f"{metric.name}: {brief(of)} is nothing that happens: name an event, an expression over one, or an outcome")


def _covariate(metric: Declared, of: Any) -> Read:
    if isinstance(of, Outcome):
        return Read(of, "head")
    if _is_event(of):
        return Read(of, "events", -micros(metric.before) if metric.before is not None else None, 0)
    if isinstance(of, str) or not hasattr(of, "column"):
        raise DeclarationError(f"{metric.name}: covariates={brief(of)} is nothing on the log: name events, a feature, or an outcome's head")
    return Read(of, "feature")


def _label(whose: str, of: Any) -> Read:
    if isinstance(of, str) or not hasattr(of, "column") or (_is_event(of) and not isinstance(of, Field)):
        raise DeclarationError(f"{whose}: {brief(of)} is no feature of the request: name one, or an attribute of what it refers to")
    return Read(of, "label")


def _is_event(of: Any) -> bool:
    if isinstance(of, type):
        return issubclass(of, Event)
    try:
        return stream_of(of) is not None
    except DeclarationError:
        return False


def unit_way(stream: type, request: type, unit: Field) -> Field:
    """Return the field of an event that says which unit it is of: the unit itself, or the request that was of it.

    Args:
        stream: The event class.
        request: The request class.
        unit: The request's field that is assigned.

    Raises:
        DeclarationError: It names neither, or has several fields that do.
    """
    if stream is request:
        return unit
    own = references(stream, unit.refers_to) if unit.refers_to is not None else []
    found = own or references(stream, request)
    if len(found) != 1:
        named = unit.refers_to.__name__ if unit.refers_to is not None else request.__name__
        said = f"{stream.__name__} has {len(found)} fields that refer to {named}"
        raise DeclarationError(f"{said}: what is counted per unit needs one, of type Ref[{named}]")
    return found[0]
