"""Instants are timestamps in the files that are written, wherever they come from."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from millrace import Entity, Event, Ref, Request, count, first, last_k, maximum, since
from millrace.features.values import NOT_A_TIME
from millrace.operate.instants import instants, timestamps
from millrace.types import instant

MOMENTS = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2250, 1, 1), timezones=st.just(UTC))


class Caller(Entity):
    born: datetime
    city: str = ""


class Call(Event):
    caller: Ref[Caller]
    ended: datetime
    cents: int = 0


class Ask(Request):
    caller: Ref[Caller]
    until: datetime | None = None
    limit: int = 3


FEATURES = {
    "born": Caller.born,
    "first": first(Call.ended, per=Caller),
    "latest": maximum(Call.ended, per=Caller, over="7d"),
    "lately": last_k(Call.ended, 2, per=Caller)[1],
    "city": Caller.city,
    "calls": count(Call, per=Caller, over="7d"),
    "quiet": since(Call, per=Caller),
    "dearest": maximum(Call.cents, per=Caller, over="7d"),
}


def test_columns_of_instants_are_those_of_requests_and_decisions_and_of_features_that_are_one():
    assert instants(Ask, FEATURES) == {"at", "watermark", "until", "born", "first", "latest", "lately"}


@given(st.lists(MOMENTS, max_size=8))
def test_a_timestamp_is_the_instant_it_was_whatever_the_column_was_of(moments):
    whole = np.array([NOT_A_TIME if one is None else instant(one) for one in moments], dtype=np.int64)
    as_numbers = np.array([np.nan if one is None else instant(one) for one in moments], dtype=np.float64)
    for column in (whole, as_numbers):
        written = timestamps(column)
        assert (written.type, written.to_pylist()) == (pa.timestamp("us", "UTC"), moments)
