"""A stream's records survive every form they take: items, JSON bodies, columns, Arrow tables, Parquet files."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.decision import Decision
from millrace.errors import BadInput, MillraceError
from millrace.log.codec import RECORD, Codec
from millrace.log.lake import read_part, write_part
from millrace.log.order import Part, Span
from millrace.log.streams import Streams, codec_of
from millrace.log.tables import columns_of, table_of
from millrace.schema import Event, Field
from millrace.types import Coded, instant
from tests.log.world import NOON, STREAMS, Refresh, Viewer, Watch, decision, same, watch


class Everything(Event):
    """An event with a field of every kind a column can hold."""

    text: str
    maybe_text: str | None
    integer: int
    maybe_integer: int | None
    number: float
    maybe_number: float | None
    flag: bool
    maybe_flag: bool | None
    instant: datetime
    maybe_instant: datetime | None
    blob: bytes
    maybe_blob: bytes | None = None


CODEC = codec_of(Everything)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**63 - 1)
exact = st.integers(1 - 2**53, 2**53 - 1)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))])
instants = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones)

everything = st.builds(
    Everything,
    id=texts,
    at=instants,
    text=texts,
    maybe_text=texts | st.none(),
    integer=integers,
    maybe_integer=exact | st.none(),
    number=numbers,
    maybe_number=numbers | st.none(),
    flag=st.booleans(),
    maybe_flag=st.booleans() | st.none(),
    instant=instants,
    maybe_instant=instants | st.none(),
    blob=st.binary(max_size=4),
    maybe_blob=st.binary(max_size=4) | st.none(),
)


def recorded(items):
    """Return items as whole rows of the log."""
    n = len(items)
    return {**CODEC.columns(items), "position": np.arange(1, n + 1), "known": NOON + np.arange(n)}


@given(st.lists(everything, max_size=5))
def test_items_come_back_from_columns(items):
    assert CODEC.restore(CODEC.columns(items)) == items


@given(st.lists(everything, max_size=5))
def test_items_come_back_from_their_bodies(items):
    assert CODEC.validated(CODEC.encode(items)) == items


@given(st.lists(everything, min_size=1, max_size=5))
def test_any_fields_of_bodies_are_the_columns_of_the_items(items):
    columns = CODEC.columns(items)
    for fields in ([], ["flag"], ["maybe_number", "text"], list(CODEC.held)):
        assert same(CODEC.decode(CODEC.encode(items), fields), {name: columns[name] for name in fields})


@given(st.lists(everything, max_size=5))
def test_columns_come_back_from_a_table(items):
    rows = recorded(items)
    back = columns_of(CODEC, table_of(CODEC, rows))
    assert same(back, {name: rows[name] for name in back})


@settings(max_examples=10)
@given(items=st.lists(everything, min_size=1, max_size=5))
def test_columns_come_back_from_a_file(tmp_path_factory, items):
    lake, rows = tmp_path_factory.mktemp("lake"), recorded(items)
    part = write_part(lake, CODEC, rows)
    assert part == Part(part.file, "Everything", len(items), 1, len(items), NOON, NOON + len(items) - 1)
    for coding in (False, True):
        back = read_part(lake, CODEC, part, list(CODEC.kinds), Span(), coding)
        assert same({name: np.asarray(column) for name, column in back.items()}, {name: rows[name] for name in back})


def test_text_that_repeats_is_read_from_a_file_as_codes_in_which_each_text_is_once(tmp_path):
    codec = Codec(Watch, "Watch", codec_of(Watch).held, group_rows=100)
    columns = codec.columns([watch(f"w{i}", note="n") for i in range(10)])
    rows = {name: np.repeat(column, 90) for name, column in columns.items()} | {"position": np.arange(900), "known": np.arange(900)}
    part = write_part(tmp_path, codec, rows)
    back = read_part(tmp_path, codec, part, list(codec.kinds), Span(), coding=True)
    assert {name for name, column in back.items() if isinstance(column, Coded)} == {"viewer", "video", "note"}
    assert back["note"].values.tolist() == [None, "n"]
    assert back["note"][5:7].codes.tolist() == [1, 1]


def test_columns_have_the_types_the_schema_promises():
    columns = CODEC.empty(CODEC.held)
    assert {name: column.dtype for name, column in columns.items()} == {
        name: np.dtype(Field(Everything, name).dtype) for name in CODEC.held
    }
    made = CODEC.columns([])
    assert all(made[name].dtype == columns[name].dtype for name in columns)


def test_an_instant_with_an_offset_is_the_same_instant_in_utc():
    there = datetime(2026, 1, 1, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    item = Watch(at=there, viewer="ann", video="cat", seconds=1.0)
    assert codec_of(Watch).columns([item])["at"].tolist() == [NOON] == [instant(there)]


nobody = watch()


@pytest.mark.parametrize(
    "change, field, said",
    [
        ({"seconds": "long"}, "seconds", "Expected `float`, got `str`"),
        ({"seconds": None}, "seconds", "Expected `float`, got `null`"),
        ({"seconds": float("nan")}, "seconds", "NaN and infinity are null"),
        ({"seconds": float("inf")}, "seconds", "NaN and infinity are null"),
        ({"viewer": 7}, "viewer", "Expected `str`, got `int`"),
        ({"completed": 1}, "completed", "Expected `bool`, got `int`"),
        ({"rating": 2**53 + 1}, "rating", "between ±2**53"),
        ({"at": datetime(2026, 1, 1)}, "at", "timezone"),
        ({"id": None}, "id", "Expected `str`, got `null`"),
    ],
)
def test_wrong_value_is_refused_with_its_place_and_field(change, field, said):
    codec = codec_of(Watch)
    values = {name: getattr(nobody, name) for name in Watch.__struct_fields__}
    with pytest.raises(BadInput, match="Watch, item 1") as error:
        codec.columns(codec.validated(codec.encode([nobody, Watch(**(values | change))])))
    assert error.value.field == field
    assert said in str(error.value)


def test_naive_instant_in_a_field_is_refused():
    codec = codec_of(Viewer)
    with pytest.raises(BadInput, match=r"Viewer, item 0: born: .* has no time zone") as error:
        codec.columns(codec.validated(codec.encode([Viewer(id="ann", born=datetime(2000, 1, 1))])))
    assert error.value.field == "born"


@pytest.mark.parametrize("value", ["\ud800", object()])
def test_value_that_json_cannot_hold_is_refused(value):
    with pytest.raises(BadInput, match="Watch"):
        codec_of(Watch).encode([watch(viewer=value)])


def test_integer_beyond_64_bits_is_refused():
    codec = codec_of(Refresh)
    with pytest.raises(BadInput, match="Refresh, item 0: limit: an integer beyond 64 bits"):
        codec.columns([Refresh(at=datetime(2026, 1, 1, tzinfo=UTC), viewer="ann", limit=2**63)])


def test_body_that_no_longer_fits_its_class_is_an_error_that_says_so():
    with pytest.raises(MillraceError, match="a stored Watch no longer fits its class"):
        codec_of(Watch).decode([b'{"seconds": "now text"}'], ["seconds"])


def test_body_made_before_a_field_was_declared_has_its_default():
    rows = codec_of(Watch).decode([b'{"seconds": 1.5, "gone": [1, 2]}'], ["seconds", "completed", "rating"])
    assert rows["seconds"].tolist() == [1.5]
    assert rows["completed"].tolist() == [False]
    assert np.isnan(rows["rating"]).tolist() == [True]


def test_decision_keeps_every_part_in_body_and_table():
    made = decision(
        "r", "a", "b", "c", taken=2, action="shown", propensity=[0.5, 0.25, None], features={"age": [1.0, None]}, missed=["near"]
    )
    codec = Streams(STREAMS)["decision"]
    rows = {**codec.columns(codec.validated(codec.encode([made]))), "position": np.array([1]), "known": np.array([NOON])}
    assert codec.restore(rows) == codec.restore(columns_of(codec, table_of(codec, rows))) == [made]
    assert rows["shown"].tolist() == codec.decode(codec.encode([made]), ["shown"])["shown"].tolist() == [["a", "b"]]
    assert isinstance(rows["decision"][0], Decision)


def test_unknown_propensity_is_null():
    codec = Streams([])["decision"]
    assert codec.validated(codec.encode([decision("r", "a", propensity=[float("nan")])]))[0].propensity == [None]


def test_unknown_field_is_refused_with_the_fields_there_are():
    with pytest.raises(BadInput, match="Watch has no field 'speed': choose among id, at, viewer, video, seconds"):
        codec_of(Watch).chosen(["seconds", "speed"])
    assert codec_of(Watch).chosen(["seconds"]) == [*RECORD, "seconds"]
