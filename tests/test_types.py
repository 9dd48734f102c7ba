"""Columns, instants and durations."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput, DeclarationError
from millrace.types import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Coded,
    blank,
    duration,
    instant,
    micros,
    moment,
    objects,
    octets,
    octets_as_text,
    runs,
    size,
    stack,
    take,
)

AWARE = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones())


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("40us", 40),
        ("150ms", 150_000),
        ("90s", 90 * SECOND),
        ("10m", 10 * MINUTE),
        ("1.5h", 90 * MINUTE),
        ("7d", 7 * DAY),
        ("2w", 14 * DAY),
    ],
)
def test_a_duration_is_read_in_its_unit(text, length):
    assert micros(text) == length


@pytest.mark.parametrize(
    "text", ["", "7", "d", "7 d", "-1h", "0s", "0.0000001ms", "1e3s", "7D", "1h30m", "7d ", 7, 7.0, None, timedelta(days=7)]
)
def test_what_is_no_duration_is_refused_with_the_remedy(text):
    with pytest.raises(DeclarationError, match="write a positive number with its unit"):
        micros(text)


@given(st.integers(1, 10_000 * DAY))
def test_a_duration_as_text_reads_back_as_itself(length):
    assert micros(duration(length)) == length


@given(st.integers(1, 5000), st.sampled_from([DAY, HOUR, MINUTE, SECOND]))
def test_a_duration_is_written_as_a_whole_number_of_the_largest_unit(count, unit):
    written = duration(count * unit)
    largest = next(one for one in (DAY, HOUR, MINUTE, SECOND) if count * unit % one == 0)
    assert written == f"{count * unit // largest}{'dhms'[(DAY, HOUR, MINUTE, SECOND).index(largest)]}"


@pytest.mark.parametrize(
    ("text", "length"), [("1B", 1), ("500kB", 500_000), ("16MiB", 2**24), ("16 mib", 2**24), (" 1.5 GB ", 1_500_000_000), ("0.5KiB", 512)]
)
def test_a_size_is_read_in_its_unit(text, length):
    assert octets(text) == length


@pytest.mark.parametrize(
    "text", ["", "16", "MiB", "-1kB", "0B", "0.1B", "16M", "1e3B", "1kB2", "1iB", "1 000 kB", "nanMB", "9" * 400 + "B"]
)
def test_what_is_no_size_is_refused_with_the_remedy(text):
    with pytest.raises(BadInput, match="write a positive number with its unit"):
        octets(text)


@given(st.integers(1, 10**15))
def test_a_size_as_text_reads_back_as_itself(length):
    assert octets(octets_as_text(length)) == length


@given(AWARE)
def test_an_instant_reads_back_as_the_same_moment(when):
    assert moment(instant(when)) == when.astimezone(UTC)
    assert moment(instant(when)).tzinfo is UTC


@given(AWARE, AWARE)
def test_instants_order_as_moments_do(first, second):
    assert (instant(first) < instant(second)) == (first.astimezone(UTC) < second.astimezone(UTC))


def test_an_instant_counts_microseconds_since_1970_utc():
    assert instant(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert instant(datetime(1970, 1, 2, 1, tzinfo=timezone(timedelta(hours=1)))) == DAY
    assert instant(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_a_naive_datetime_is_refused_with_the_remedy():
    with pytest.raises(BadInput, match=r"2024-05-01T08:00:00 has no time zone: write 2024-05-01T08:00:00\+00:00 if it is UTC") as refused:
        instant(datetime(2024, 5, 1, 8))
    assert refused.value.field == "at"


ROWS = {"n": np.array([1, 2, 3]), "x": np.array([0.5, np.nan, 2.0]), "s": objects(["a", None, "c"]), "e": np.arange(6.0).reshape(3, 2)}


def test_rows_are_taken_by_position_mask_and_slice():
    for index in (np.array([0, 2]), np.array([True, False, True]), slice(0, 3, 2)):
        taken = take(ROWS, index)
        assert (size(taken), taken["n"].tolist(), taken["s"].tolist(), taken["e"].tolist()) == (2, [1, 3], ["a", "c"], [[0, 1], [4, 5]])


def test_no_columns_are_no_rows():
    assert size({}) == 0


def test_stacked_parts_follow_each_other_and_what_a_part_lacks_is_missing():
    stacked = stack([{"n": np.array([1.0]), "s": objects(["a"])}, {"n": np.array([2.0]), "e": np.ones((1, 2))}])
    assert stacked["n"].tolist() == [1.0, 2.0]
    assert stacked["s"].tolist() == ["a", None]
    assert np.array_equal(stacked["e"], [[np.nan, np.nan], [1, 1]], equal_nan=True)


@given(st.lists(st.integers(0, 5), max_size=5))
def test_stacking_the_pieces_of_rows_gives_the_rows(cuts):
    rows = {"n": np.arange(5), "s": objects("abcde")}
    bounds = [0, *sorted(cuts), 5]
    stacked = stack([take(rows, slice(a, b)) for a, b in pairwise(bounds)])
    assert stacked["n"].tolist() == [0, 1, 2, 3, 4]
    assert stacked["s"].tolist() == list("abcde")


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from(["a", "b", None])))))
def test_rows_of_text_as_codes_are_those_of_the_text(pieces):
    text = [one for _, piece in pieces for one in piece]
    parts = [{"s": Coded.joined([objects(piece)]) if is_coded else objects(piece)} for is_coded, piece in pieces]
    stacked = stack([{"s": Coded(objects([]), np.zeros(0, dtype=np.int64))}, *parts])
    assert size(stacked) == len(text)
    assert np.asarray(stacked["s"]).tolist() == text
    assert np.asarray(take(stacked, np.arange(len(text))[::-1])["s"]).tolist() == text[::-1]


@pytest.mark.parametrize(
    ("like", "missing"),
    [(np.array([1]), 0), (np.array([True]), False), (np.array(["a"]), ""), (objects(["a"]), None)],
)
def test_a_blank_is_the_missing_value_of_its_kind(like, missing):
    assert blank(like, 2).tolist() == [missing, missing]
    assert blank(like, 2).dtype == like.dtype


def test_objects_stay_what_they_are():
    kept = objects([[1, 2], [3], "a"])
    assert kept.shape == (3,)
    assert kept.tolist() == [[1, 2], [3], "a"]


@given(st.lists(st.integers(0, 4), max_size=12).map(sorted))
def test_runs_are_where_each_group_starts(groups):
    starts = runs(np.array(groups, dtype=np.int64), 5)
    assert starts.tolist() == [sum(one < group for one in groups) for group in range(6)]
