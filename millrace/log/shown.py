"""What was shown, read from the decisions: an event per row taken, with the fields of the request it answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from millrace.decision import FORGOTTEN
from millrace.errors import BadInput
from millrace.log.codec import ORDER, RECORD
from millrace.log.decisions import DECISION
from millrace.log.order import Span
from millrace.log.reading import by_id, rows_of
from millrace.log.store import Store
from millrace.schema import field_names, shows
from millrace.types import Array, Columns, objects, take

NEEDS = ("id", "shown", "action")
"""The columns of the decisions that `shown_rows` reads, beside `known` and `position`."""

_OWN = ("request", "candidate", "rank", "action")
"""The columns that come from the decision; the others are the request's."""


def read_shown(store: Store, stream: Any, fields: Iterable[str] | None, span: Span) -> dict[str, Array]:
    """Return the rows of a `Shown[...]` stream whose decisions lie in a span, sorted by (known, position, rank)."""
    names = chosen(stream, fields)

    def join(db: sqlite3.Connection) -> dict[str, Array]:
        decisions = rows_of(store, db, store.streams[DECISION], [*ORDER, *NEEDS], span)
        return shown_rows(stream, decisions, requests_of(store, db, stream, decisions, names, span), names)

    return store.reading(join)


def requests_of(
    store: Store, db: sqlite3.Connection, stream: Any, decisions: Columns, fields: Sequence[str], span: Span | None = None
) -> dict[str, Array]:
    """Return the requests that decisions answer, as far as they are of the stream's request class, in any order.

    Args:
        store: The log's store.
        db: The view the decisions were read with.
        stream: A `Shown[...]` class.
        decisions: Rows of the decision stream.
        fields: The columns of the stream that will be read.
        span: Where the decisions come from; when it is open below, the requests are read in one sweep instead of looked up.
    """
    requests, _ = shows(stream)  # type: ignore[misc]
    codec = store.streams.of(requests)
    wanted = [name for name in fields if name in codec.held and name not in _OWN]
    if span is not None and span.is_open_below:
        return rows_of(store, db, codec, codec.chosen(wanted), span)
    return by_id(store, db, codec, decisions["id"].tolist(), wanted)


def shown_rows(stream: Any, decisions: Columns, requests: Columns, names: Sequence[str] | None = None) -> dict[str, Array]:
    """Return an event per row that decisions took, in their order and by rank.

    Args:
        stream: A `Shown[Request, Entity]` class.
        decisions: Rows of the decision stream with the columns of `NEEDS`; `known` and `position` of an event are its decision's.
        requests: Rows of the request class; decisions that answer none of them are left out.
        names: The columns to make; None for those of every record and all of the class.

    Returns:
        The columns: `id` is the request's with the rank, `at` the request's.
    """
    names = chosen(stream, None) if names is None else names
    place = {id_: row for row, id_ in enumerate(requests["id"].tolist())}
    asked = np.array([place.get(id_, -1) for id_ in decisions["id"].tolist()], dtype=np.int64)
    if (others := asked < 0).any():
        decisions, asked = take(decisions, ~others), asked[~others]
    lengths = [len(shown) for shown in decisions["shown"]]
    which = np.repeat(np.arange(len(lengths)), lengths)
    rank = np.concatenate([np.arange(length) for length in lengths] or [which])
    candidate = objects(chain.from_iterable(decisions["shown"]))
    if not (still := candidate != FORGOTTEN).all():  # the others keep their ranks
        which, rank, candidate = which[still], rank[still], candidate[still]
    made = {
        "position": decisions["position"][which],
        "known": decisions["known"][which],
        "at": requests["at"][asked[which]],
        "request": decisions["id"][which],
        "candidate": candidate,
        "rank": rank,
        "action": decisions["action"][which],
    }
    if "id" in names:
        made["id"] = objects(f"{id_}/{place}" for id_, place in zip(decisions["id"][which], rank.tolist(), strict=True))
    return {name: made[name] if name in made else requests[name][asked[which]] for name in names}


def chosen(stream: Any, fields: Iterable[str] | None, always: Iterable[str] = RECORD) -> list[str]:
    """Return the columns of a `Shown[...]` stream to make for `fields`: those always made, then these, or all for None.

    Raises:
        BadInput: A name is not a field of the stream.
    """
    own = field_names(stream)
    asked = own if fields is None else list(fields)
    for name in asked:
        if name not in own and name not in RECORD:
            raise BadInput(f"{stream.__name__} has no field {name!r}: choose among {', '.join(own)}", field=name)
    return list(dict.fromkeys([*always, *asked]))
