"""`millrace features`: every feature a system reads, what it is kept per and over, how fresh it is, and who uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millrace.cli.printing import console, number, table
from millrace.features.declare import Aggregate, OnDemand, Ratio, key_name, spelt
from millrace.features.encoded import Encoded
from millrace.features.learned import Learned
from millrace.loaded import Loaded
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Source, Union
from millrace.policy.stages import Score
from millrace.schema import Field, lag
from millrace.serve.naming import feature_names
from millrace.types import duration

if TYPE_CHECKING:
    from rich.table import Table


def features(loaded: Loaded) -> None:
    """Print the features of a system; "at once" is fresh as of the next decision, a lag is how late imported history is seen."""
    rows = feature_table(loaded, freshness=True)
    console().print(rows if rows is not None else f"{loaded.name} reads no feature")


def feature_table(loaded: Loaded, *, freshness: bool = False) -> Table | None:
    """Return the features of a system as a table, None where it has none."""
    late = ("freshness",) if freshness else ()
    rows = table("Features", "name", "what", "per", "over", "hop", "if none", *late, "used by")
    names, users = feature_names(loaded), _users(loaded)
    for column, one in loaded.plan.features.items():
        if isinstance(one, Encoded) and one.place:
            continue  # one coordinate stands for all: there may be hundreds
        used = ", ".join(dict.fromkeys(users.get(column, ())))
        fresh = (_freshness(one),) if freshness else ()
        if isinstance(one, Aggregate):
            keys = ", ".join(key_name(key) for key in one.per)
            hop = "–" if one.window.is_lifetime else duration(one.window.hop)
            name = "–" if names[column] == column else names[column]
            rows.add_row(name, _aggregated(one), keys, str(one.window), hop, _default(one.default), *fresh, used)
        else:
            rows.add_row(names.get(column, column), _made(one, names), "", "", "", "", *fresh, used)
    return rows if rows.row_count else None


def _freshness(one: Any) -> str:
    latest = _lag(one)
    return f"{duration(latest)} late" if latest else "at once"


def _lag(one: Any) -> int:
    """Return the longest lag of what a feature is made of, microseconds."""
    if isinstance(one, Aggregate):
        return lag(one.stream)
    if isinstance(one, Field):
        return lag(one.owner)
    needs = (one.top, one.bottom) if isinstance(one, Ratio) else one.needs
    return max((_lag(need) for need in needs), default=0)


def _aggregated(one: Aggregate) -> str:
    what = one.of.column if isinstance(one.of, Field) or one.value is not None else one.of.__name__
    return f"{one.op}{spelt(one.settings)} of {what}" + (f" if {one.where.column}" if one.where is not None else "")


def _default(value: Any) -> str:
    return "missing" if value is None else number(value)


def _made(one: Any, names: dict[str, str]) -> str:
    if isinstance(one, Ratio):
        prior = f", prior {one.prior[0]:g} in {one.prior[1]:g}" if any(one.prior) else ""
        return f"{names[one.top.column]} / {names[one.bottom.column]}{prior}"
    if isinstance(one, OnDemand):
        said = (one.function.__doc__ or "").strip().splitlines()
        return said[0] if said else f"function of {', '.join(names.get(need.column, need.column) for need in one.needs) or 'attributes'}"
    if isinstance(one, Learned):
        return f"{one.head} as the version that serves says"
    return f"{one.kind} attribute"


def _users(loaded: Loaded) -> dict[str, list[str]]:
    """Return who reads each feature, by its column."""
    users: dict[str, list[str]] = {}
    for reader, read in _readings(loaded):
        for one in read:
            users.setdefault(one.column, []).append(reader)
    return users


def _readings(loaded: Loaded) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, model in loaded.models.items():
        yield name, model.features
    for one in loaded.of(Source):
        if not isinstance(one, Union):
            yield loaded.name_of(one), one.features()
    for pipeline in loaded.of(Pipeline):
        for stage in pipeline.stages:
            if not isinstance(stage, Score):
                yield loaded.name_of(stage), stage.features()
    names = feature_names(loaded)
    for column, one in loaded.plan.features.items():
        if isinstance(one, Encoded) and one.place:
            continue
        needs = one.needs if isinstance(one, OnDemand | Learned) else (one.top, one.bottom) if isinstance(one, Ratio) else ()
        yield names.get(column, column), needs
