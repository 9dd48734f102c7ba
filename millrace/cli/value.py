"""`millrace explain-value`: a number as of an instant, and the events behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from millrace.cli.as_json import in_json
from millrace.cli.finding import feature_called
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, precisely, table, typed_instant
from millrace.errors import BadInput
from millrace.features.evidence import Behind, Part, behind, keys_of
from millrace.features.learned import Learned
from millrace.features.on_demand import gives_instants
from millrace.features.plan import plan
from millrace.operate.retention import kept_from
from millrace.schema import Field, field_names
from millrace.types import moment, size

NOW = "now"

_SHOWN = 20
"""How many of the events are shown, the latest; JSON has them all."""


def explain_value(system: str, feature: str, keys: Sequence[str], at: str, folder: Path, *, as_json: bool) -> None:
    """Print a feature's value for some keys as of an instant, with the bounds of its windows and the events that count.

    Args:
        system: The module.
        feature: Its declared name or its column.
        keys: What it is kept per, in the order of its declaration.
        at: The instant, such as 2026-03-01T12:00:00Z, or microseconds since 1970: what was known before it counts. `now` is just after
            all that is logged.
        folder: The system's home.
        as_json: Print one JSON object.

    Raises:
        NotFound: The system reads no such feature, or nothing was ever logged.
        BadInput: The keys are not as many as the feature has, or are not of their kind; the instant cannot be read.
    """
    with reading(system, folder) as desk:
        watermark = desk.home.log.last_known + 1 if at == NOW else _instant(at)
        one = feature_called(desk.loaded, feature)
        if isinstance(one, Learned):
            raise BadInput(f"{feature} is what a version says of a row, no number of events: `explain` shows it as a decision had it")
        narrow = plan(desk.loaded.system.request, desk.loaded.system.candidate, [one])
        given = _keys(feature, keys_of(narrow), keys)
        chunks = desk.home.log.replay(known_until=watermark, streams=narrow.streams)
        found = behind(narrow, one.column, given, watermark, chunks)
        kept = [_kept_from(desk, part) for part in found.parts]
        if as_json:
            print(in_json(_plain(desk, feature, one, given, found, kept)))
        else:
            _print(feature, one, given, found, kept)


def _kept_from(desk: Desk, part: Part) -> int | None:
    """Return from which instant on the log still holds what a window reaches further back than, None where it does not."""
    floor = kept_from(part.aggregate.stream, desk.home.log.retained())
    return floor if floor > part.lo else None


def _instant(said: str) -> int:
    try:
        return int(said) if said.lstrip("-").isdigit() else typed_instant(said)
    except ValueError:
        raise BadInput(f"{said!r} is no instant: write 2026-03-01T12:00:00Z, microseconds since 1970, or now", field="at") from None


def _keys(feature: str, wanted: dict[str, Field], given: Sequence[str]) -> dict[str, Any]:
    if len(given) != len(wanted):
        raise BadInput(f"{feature} is kept per {', '.join(wanted)}: give {len(wanted)} of them before the instant, not {len(given)}")
    return {name: _typed(name, field, said) for (name, field), said in zip(wanted.items(), given, strict=True)}


def _typed(name: str, field: Field, said: str) -> Any:
    """Return a key in the kind in which events hold it."""
    kind = field.kind
    try:
        if kind in ("integer", "number"):
            return float(said)
        if kind == "boolean":
            return {"true": 1.0, "false": 0.0}[said.lower()]
        return float(_instant(said)) if kind == "instant" else said
    except (ValueError, KeyError):
        raise BadInput(f"{name} is {kind}, which {said!r} is not", field=name) from None


def _print(feature: str, one: Any, keys: dict[str, Any], found: Behind, kept: list[int | None]) -> None:
    out = console()
    said = ", ".join(f"{name} {value}" for name, value in keys.items())
    out.print(f"{feature} of {said} is {_shown(one, found.value)}", style="bold")
    out.print(f"as of {precisely(found.watermark)}: what was known before counts, what became known from then on does not")
    for part, floor in zip(found.parts, kept, strict=True):
        out.print()
        _print_part(part)
        if floor is not None:
            gone = f"what happened before {precisely(floor)} is no longer kept (retain=), and may have counted when this was served"
            out.print(gone, style="yellow")


def _print_part(part: Part) -> None:
    out, n = console(), size(part.events)
    said = ", ".join(f"{name} {value}" for name, value in part.keys.items())
    bound = "whenever they happened" if part.aggregate.window.is_lifetime else f"that happened from {precisely(part.lo)} on"
    title = f"{part.aggregate.column} of {said} is {_shown(part.aggregate, part.value)}: {number(n)} events {bound}"
    rows = table(title, "event", "at (happened)", "known", *(() if part.values is None else ("adds",)), numbers=("adds",))
    for i in range(max(n - _SHOWN, 0), n):
        adds = () if part.values is None else (_shown(part.aggregate, part.values[i]),)
        at, known = (precisely(int(part.events[clock][i])) for clock in ("at", "known"))
        rows.add_row(str(part.events["id"][i]), at, known, *adds)
    out.print(rows)
    if n > _SHOWN:
        out.print(f"and {number(n - _SHOWN)} before them")


def _shown(one: Any, value: Any) -> str:
    """Return a feature's value as it is printed."""
    return precisely(int(value)) if gives_instants(one) and value is not None and value == value else number(value)


def _plain(desk: Desk, feature: str, one: Any, keys: dict[str, Any], found: Behind, kept: list[int | None]) -> dict[str, Any]:
    return {
        "system": desk.loaded.name,
        "feature": feature,
        "column": one.column,
        "keys": keys,
        "known_before": moment(found.watermark),
        "value": _value(found.value, gives_instants(one)),
        "parts": [
            _plain_part(part) | {"kept_from": None if floor is None else moment(floor)}
            for part, floor in zip(found.parts, kept, strict=True)
        ],
    }


def _plain_part(part: Part) -> dict[str, Any]:
    stream, is_instant = part.aggregate.stream, gives_instants(part.aggregate)
    names = [name for name in field_names(stream) if name in part.events and not Field(stream, name).is_private]
    clocks = {name for name in names if name != "id" and Field(stream, name).kind == "instant"} | {"at", "known"}
    events = [
        {name: _value(part.events[name][i], name in clocks) for name in dict.fromkeys(["id", "at", "known", *names])}
        | ({} if part.values is None else {"adds": _value(part.values[i], is_instant)})
        for i in range(size(part.events))
    ]
    since = None if part.aggregate.window.is_lifetime else moment(part.lo)
    value = _value(part.value, is_instant)
    return {"column": part.aggregate.column, "keys": part.keys, "value": value, "happened_from": since, "events": events}


def _value(value: Any, is_instant: bool) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    if is_instant:
        return moment(int(plain)) if plain is not None and plain > -(2**62) else None
    return None if plain != plain else plain
