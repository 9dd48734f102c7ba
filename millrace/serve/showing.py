"""What decisions showed, as rows for the online view: a view of the decisions that were logged."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.loaded import Loaded
from millrace.log.shown import requests_of, shown_rows
from millrace.log.store import Store
from millrace.log.streams import DECISION
from millrace.schema import field_names, shows
from millrace.types import Columns


def with_shown(loaded: Loaded, store: Store, rows: Mapping[str, Columns]) -> dict[str, Columns]:
    """Return what was just logged with what its decisions showed in their place, by stream."""
    batch = dict(rows)
    if (decided := batch.pop(DECISION, None)) is not None:
        shown = [(stream, pair[0]) for stream in loaded.plan.streams if (pair := shows(stream))]
        batch |= {stream.__name__: shown_rows(stream, decided, _asked(store, stream, asked, decided, rows)) for stream, asked in shown}
    return batch


def _asked(store: Store, stream: type, request: type, decided: Columns, batch: Mapping[str, Columns]) -> Columns:
    """Return the requests that decisions answer: logged with them, or before."""
    here = batch.get(request.__name__)
    if here is not None and set(decided["id"].tolist()) <= set(here["id"].tolist()):
        return here
    return store.reading(lambda db: requests_of(store, db, stream, decided, field_names(stream)))
