"""Requests read from a Parquet file, and decisions written to one: what a batch takes in and gives out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.decision import Decision
from millrace.errors import BadInput
from millrace.loaded import Loaded
from millrace.operate.given_rows import slices
from millrace.operate.instants import INSTANT
from millrace.schema import Field, Request, field_names
from millrace.serve.bodies import asked
from millrace.types import moment

if TYPE_CHECKING:
    import pyarrow as pa


def columns_of(path: Path, loaded: Loaded) -> tuple[list[str], list[str]]:
    """Return the columns of a Parquet file that are fields of the system's request, and those that are not.

    Raises:
        BadInput: It cannot be read as Parquet, holds none of the fields, or instants that do not say in which time zone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path} cannot be read as Parquet, which is all that is read here: {error}", field="input") from None
    fields = field_names(loaded.system.request)
    known = [name for name in schema.names if name in fields]
    if not known:
        request = loaded.system.request.__name__
        raise BadInput(f"{path} holds none of the fields of {request}: {', '.join(fields)}", field="input")
    for name in known:
        kind = schema.field(name).type
        if pa.types.is_timestamp(kind) and kind.tz is None:
            raise BadInput(f"{path}: {name} has no time zone: store it as a timestamp in UTC, or as microseconds since 1970", field=name)
    return known, [name for name in schema.names if name not in known]


def requests_in(path: Path, loaded: Loaded, begun: int, at_once: int) -> Iterator[list[Request]]:
    """Yield the requests of a Parquet file, so many at a time, checked as those that come over HTTP are.

    A request without `id` is named after when the work was begun and its row, one without `at` is asked when it was begun. Ids that are
    whole numbers there, and whole numbers that went through a program which knows no missing ones, are taken as what they stand for.

    Args:
        path: The file: a column for each field of the request that is not left at its default.
        loaded: The system.
        begun: When the work was begun, microseconds since 1970 UTC.
        at_once: How many to yield at a time; the last may be fewer.

    Raises:
        BadInput: A value is missing, of the wrong type, or says to take less than 1: the message names row, counted from 1, and field.
    """
    wanted, _ = columns_of(path, loaded)
    kinds = {name: Field(loaded.system.request, name).kind for name in wanted}
    first = 0
    for table in slices(path, at_once):
        rows = table.select(wanted).to_pylist()
        if rows:
            yield [_request(loaded, kinds, row, number, begun) for number, row in enumerate(rows, first)]
        first += len(rows)


def _as_kept(value: Any, kind: str) -> Any:
    """Return a whole number as text where text is held, and without its point where a whole number is; anything else as it is."""
    if isinstance(value, float) and value.is_integer() and kind in ("text", "integer"):
        value = int(value)
    return str(value) if kind == "text" and type(value) is int else value


def _request(loaded: Loaded, kinds: Mapping[str, str], row: Mapping[str, Any], number: int, begun: int) -> Request:
    given = {field: _as_kept(value, kinds[field]) for field, value in row.items() if value is not None}
    given["id"] = given.get("id") or f"{begun:x}-{number}"
    if isinstance(given.get("at"), int):
        given["at"] = moment(given["at"])
    return asked(loaded, given, begun, f"row {number + 1}: ")


def schema() -> pa.Schema:
    """Return the columns of decisions in a file: a row for each candidate taken; one without a candidate where nothing was."""
    import pyarrow as pa

    text, instant = pa.string(), INSTANT.arrow()
    return pa.schema(
        [
            ("request", text),
            ("at", instant),
            ("rank", pa.int32()),
            ("candidate", text),
            ("score", pa.float64()),
            ("propensity", pa.float64()),
            ("action", text),
            ("answer", text),
            ("policy", text),
            ("arm", text),
            ("release", text),
            ("watermark", instant),
            ("missed", pa.list_(text)),
        ]
    )


def table_of(decisions: Sequence[Decision]) -> pa.Table:
    """Return decisions as rows of `schema`, in their order, best candidate first."""
    import pyarrow as pa

    return pa.Table.from_pylist([row for one in decisions for row in _rows(one)], schema())


def _rows(one: Decision) -> Iterator[dict[str, Any]]:
    common = {
        "request": one.id,
        "at": one.at,
        "action": one.action,
        "answer": one.answer,
        "policy": one.policy,
        "arm": one.arm,
        "release": one.release,
        "watermark": one.watermark,
        "missed": one.missed,
    }
    for rank in range(one.taken):
        yield {
            **common,
            "rank": rank,
            "candidate": one.candidate[rank],
            "score": one.score[rank] if one.score else None,
            "propensity": one.propensity[rank] if one.propensity else None,
        }
    if not one.taken:
        yield {**common, "rank": None, "candidate": None, "score": None, "propensity": None}
