"""Values of a file fit a column or say why not: the fast way over whole arrays agrees with looking at one value at a time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from millrace.log.codec import REQUIRED, Held
from millrace.log.converting import converted
from millrace.log.faults import MISSING, NAIVE, NO_INSTANT, NO_SUCH_TIME, NOT_FINITE, OUTSIDE, TOO_LARGE, unlike
from millrace.log.kinds import Flag, Instant, Integer, Number, Text
from millrace.types import instant

NOON = instant(datetime(2026, 1, 1, 12, tzinfo=UTC))
WRONG = "what is not of the kind"
"""Stands in the tables for the reason that a kind has for that."""


def expected(kind, result):
    return unlike(kind) if result is WRONG else result


def held(kind, default=REQUIRED, is_optional=False):
    return Held(kind, str, (), default, is_optional)


def one(kind, value, **settings):
    """Return the value as the column holds it, or why it does not."""
    column, why = converted(held(kind), [value], **settings)
    return why[0] or column.tolist()[0]


TEXTS = [
    ("cat", "cat"), (" cat ", " cat "), (7, "7"), (7.0, "7"), (7.5, WRONG), (True, WRONG), ([1], WRONG), ({"a": 1}, WRONG),
    (None, MISSING), ("", ""), (10**30, WRONG),
]  # fmt: skip
NUMBERS = [
    (1, 1.0), (1.5, 1.5), ("1.5", 1.5), (" 1e3 ", 1000.0), ("-.5", -0.5), ("1,5", WRONG), ("1_0", WRONG), ("x", WRONG), (True, WRONG),
    ("nan", NOT_FINITE), ("inf", NOT_FINITE), (float("nan"), NOT_FINITE), (float("-inf"), NOT_FINITE), (None, MISSING), ([1.0], WRONG),
    (2**70, float(2**70)),
]  # fmt: skip
INTEGERS = [
    (3, 3), (3.0, 3), ("3", 3), ("+3", 3), (" -3 ", -3), ("3.0", 3), ("3.", 3), ("3.5", WRONG), (3.5, WRONG), ("0x3", WRONG),
    ("1e3", WRONG), ("", MISSING), (True, WRONG), (2**63 - 1, 2**63 - 1), (2**63, WRONG), (str(2**63), WRONG), (None, MISSING),
]  # fmt: skip
FLAGS = [
    (True, True), (False, False), (1, True), (0, False), (1.0, True), ("true", True), ("FALSE", False), (" 1 ", True), ("0", False),
    (2, WRONG), ("yes", WRONG), (0.5, WRONG), (None, MISSING),
]  # fmt: skip
INSTANTS = [
    ("2026-01-01T12:00:00Z", NOON), ("2026-01-01 13:00:00+01:00", NOON), ("2026-01-01T12:00:00.000001z", NOON + 1),
    ("2026-01-01T12:00:00.0000019Z", NOON + 1), ("2026-01-01T06:30-0530", NOON), (" 2026-01-01T12:00Z ", NOON),
    ("2026-01-01T12:00:00", NAIVE), ("2026-01-01", NAIVE), ("noon", NO_INSTANT), ("2026-13-01T12:00:00Z", NO_INSTANT), (" ", MISSING),
    (1767268800, NO_INSTANT), (1767268800.0, NO_INSTANT), (True, NO_INSTANT), (None, MISSING),
]  # fmt: skip

CASES = [
    (kind, value, result)
    for kind, cases in [(Text(), TEXTS), (Number(), NUMBERS), (Integer(), INTEGERS), (Flag(), FLAGS), (Instant(), INSTANTS)]
    for value, result in cases
]


@pytest.mark.parametrize("kind, value, result", CASES)
def test_value_fits_or_says_why(kind, value, result):
    assert one(kind, value) == expected(kind, result)


@pytest.mark.parametrize(
    "kind, cases", [(Text(), TEXTS), (Number(), NUMBERS), (Integer(), INTEGERS), (Flag(), FLAGS), (Instant(), INSTANTS)]
)
@given(data=st.data())
def test_values_together_are_as_each_alone(kind, cases, data):
    values = data.draw(st.lists(st.sampled_from([value for value, _ in cases]), max_size=12))
    column, why = converted(held(kind), values)
    assert [reason or value for reason, value in zip(why, column.tolist(), strict=True)] == [one(kind, value) for value in values]
    assert column.dtype == kind.dtype


@given(st.lists(st.none() | st.floats() | st.integers(-5, 5).map(float), max_size=12))
def test_numbers_are_read_as_python_reads_them(values):
    column, why = converted(held(Number(), is_optional=True), [None if value is None else repr(value) for value in values])
    for value, number, reason in zip(values, column.tolist(), why, strict=True):
        if value is None:
            assert np.isnan(number)
            assert not reason
        else:
            assert (reason == NOT_FINITE) == (not np.isfinite(value))
            assert reason or number == value


@given(st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)), max_size=6))
def test_instants_are_read_as_python_reads_them(moments):
    column, _ = converted(held(Instant()), [moment.isoformat() for moment in moments], zone="UTC")
    assert column.tolist() == [instant(moment.replace(tzinfo=UTC)) for moment in moments]


ARROW = [
    (Text(), pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    (Text(), pa.array([1, None, 3]), ["1", MISSING, "3"]),
    (Text(), pa.array([17850.0, 1.5, None]), ["17850", WRONG, MISSING]),
    (Text(), pa.array([b"ok", b"\xff"]), ["ok", WRONG]),
    (Text(), pa.array([[1], None]), [WRONG, WRONG]),
    (Text(of=bytes), pa.array([b"\xff", b""]), [b"\xff", b""]),
    (Text(of=bytes), pa.array(["/w==", "no base64!"]), [b"\xff", WRONG]),
    (Number(), pa.array([Decimal("1.50"), None]), [1.5, MISSING]),
    (Number(), pa.array([1, 2], pa.uint8()), [1.0, 2.0]),
    (Number(), pa.array([float("nan"), 1.0], pa.float32()), [NOT_FINITE, 1.0]),
    (Number(), pa.array([None, None]), [MISSING, MISSING]),
    (Number(), pa.array([date(2026, 1, 1)]), [WRONG]),
    (Integer(), pa.array([2**63, 1], pa.uint64()), [WRONG, 1]),
    (Integer(), pa.array([1.0, 1.5, float("nan"), None]), [1, WRONG, WRONG, MISSING]),
    (Integer(), pa.array([Decimal("2"), Decimal("2.5")]), [2, WRONG]),
    (Flag(), pa.array([0, 1, 2], pa.int8()), [False, True, WRONG]),
    (Instant(), pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC)]), [NOON]),
    (Instant(), pa.array([datetime(2026, 1, 1, 12)]), [NAIVE]),
    (Instant(), pa.array([NOON * 1000 + 1], pa.timestamp("ns", tz="Europe/Vienna")), [NOON]),
    (Instant(), pa.array([NOON // 1_000_000], pa.timestamp("s", tz="UTC")), [NOON]),
    (Instant(), pa.array([date(2026, 1, 1)]), [NAIVE]),
    (Instant(), pa.array([2**62, NOON // 1_000_000], pa.timestamp("s", tz="UTC")), [NO_INSTANT, NOON]),
    (Instant(), pa.array([2**62, None], pa.timestamp("us", tz="UTC")), [NO_INSTANT, MISSING]),
    (Instant(), pa.array([2**62, 0], pa.timestamp("s")), [NO_INSTANT, NAIVE]),
    (Instant(), pa.array([NOON]), [NO_INSTANT]),
]  # fmt: skip


@pytest.mark.parametrize("kind, values, results", ARROW)
def test_typed_values_fit_or_say_why(kind, values, results):
    column, why = converted(held(kind), values)
    assert [reason or value for reason, value in zip(why, column.tolist(), strict=True)] == [expected(kind, one) for one in results]


@pytest.mark.parametrize("value", [["2026-01-01T13:00:00"], pa.array([datetime(2026, 1, 1, 13)]), ["2026-01-01T12:00:00Z"]])
def test_time_zone_given_is_that_of_instants_that_do_not_say_theirs(value):
    assert converted(held(Instant()), value, zone="Europe/Vienna")[0].tolist() == [NOON]


@pytest.mark.parametrize("local", ["2026-03-29T02:30:00", "2026-10-25T02:30:00"])
def test_local_time_that_is_no_one_instant_is_refused_alone(local):
    column, why = converted(held(Instant()), ["2026-03-29T01:30:00", local, "2026-10-25T03:30:00"], zone="Europe/Vienna")
    assert why.tolist() == ["", NO_SUCH_TIME, ""]
    vienna = ZoneInfo("Europe/Vienna")
    assert column[[0, 2]].tolist() == [
        instant(datetime(2026, 3, 29, 1, 30, tzinfo=vienna)),
        instant(datetime(2026, 10, 25, 3, 30, tzinfo=vienna)),
    ]


@pytest.mark.parametrize(
    "kind, missing",
    [
        (Number(), "[nan]"),
        (Integer(optional=True), "[nan]"),
        (Flag(optional=True), "[nan]"),
        (Text(), "[None]"),
        (Instant(), f"[{-(2**63)}]"),
    ],
)
def test_value_that_may_be_missing_may_be_missing(kind, missing):
    for raw in ([None], pa.array([None])):
        column, why = converted(held(kind, is_optional=True), raw)
        assert (str(column.tolist()), why[0]) == (missing, "")


def test_nan_of_a_file_is_missing_where_a_number_may_be():
    for kind in (Number(), Integer(optional=True)):
        column, why = converted(held(kind, is_optional=True), pa.array([float("nan"), 2.0]))
        assert (str(column.tolist()), why.tolist()) == ("[nan, 2.0]", ["", ""])


def test_infinity_is_no_number_even_where_one_may_be_missing():
    assert converted(held(Number(), is_optional=True), [float("inf"), None, 1.0])[1].tolist() == [NOT_FINITE, "", ""]


def test_missing_value_has_the_default():
    column, why = converted(held(Integer(), default=20), [None, 3, "x"])
    assert (column[:2].tolist(), why.tolist()) == ([20, 3], ["", "", "not a whole number of 64 bits"])


def test_integer_that_its_column_cannot_tell_from_others_is_refused():
    assert converted(held(Integer(optional=True), is_optional=True), [2**53 - 1, 2**53, 2**53 + 1])[1].tolist() == [
        "",
        TOO_LARGE,
        TOO_LARGE,
    ]


def test_empty_id_is_missing():
    assert converted(held(Text()), ["", "a"], is_key=True)[1].tolist() == [MISSING, ""]


def test_limits_of_the_annotation_hold():
    share = Annotated[float, Meta(ge=0, le=1)]
    assert converted(held(Number()), [0.5, 1.5, None, "x"], hint=share)[1].tolist() == ["", OUTSIDE, MISSING, "not a number"]
    code = Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None
    assert converted(held(Text(), is_optional=True), ["AT", "at", None], hint=code)[1].tolist() == ["", OUTSIDE, ""]


def test_many_bad_values_are_found_among_many_good():
    values = [str(i) if i % 7 else "bad" for i in range(1000)]
    column, why = converted(held(Integer()), values)
    assert np.flatnonzero(why).tolist() == list(range(0, 1000, 7))
    assert [value for value, reason in zip(column.tolist(), why, strict=True) if not reason] == [i for i in range(1000) if i % 7]


def test_no_values_are_no_rows():
    for kind in (Text(), Number(), Integer(), Flag(), Instant()):
        column, why = converted(held(kind), [])
        assert (len(column), len(why), column.dtype) == (0, 0, kind.dtype)


def test_duration_is_no_number():
    assert converted(held(Number()), pa.array([timedelta(seconds=1)]))[1].tolist() == ["not a number"]
