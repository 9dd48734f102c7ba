"""Entities, events and requests: their fields as expressions, their references, and what they refuse."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.annotations import kind_of
from millrace.errors import BadInput, DeclarationError
from millrace.expressions import Expr
from millrace.log.streams import codec_of
from millrace.schema import Entity, Event, Field, Ref, Request, Shown, field_names, references, route, shows, stream_of


class Creator(Entity):
    country: str


class Viewer(Entity):
    country: str
    age: int | None = None


class Video(Entity):
    creator: Ref[Creator]
    topic: str
    uploaded_at: datetime


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float = 0.0
    completed: bool = False


class Reaction(Watch):
    emoji: str


class Gift(Event):
    giver: Ref[Viewer]
    taker: Ref[Viewer]


class Refresh(Request):
    viewer: Ref[Viewer]
    device: str
    limit: int = 10


class Complaint(Event):
    about: Ref[Refresh]
    by: Ref[Viewer] | None = None


class Everything(Entity):
    text: str
    whole: int
    number: float
    flag: bool
    instant: datetime
    raw: bytes
    later: "datetime | None" = None
    some: int | None = None
    maybe: bool | None = None
    who: Ref[Viewer] | None = None


AT = datetime(2024, 5, 1, 8, tzinfo=UTC)


# Fields are expressions


def test_a_field_read_from_its_class_is_one_object():
    assert Watch.seconds is Watch.seconds
    assert isinstance(Watch.seconds, Expr)
    assert Watch.seconds.column == "Watch.seconds"


def test_a_field_read_through_a_reference_is_one_object():
    assert Watch.video.creator.country is Watch.video.creator.country
    assert Watch.video.creator.country.column == "Watch.video.creator.country"
    assert Watch.video.creator.country.root is Watch.video
    assert Watch.video.topic is not Video.topic


def test_fields_of_one_name_in_two_classes_are_two():
    assert Watch.viewer is not Refresh.viewer
    assert Creator.country is not Viewer.country


def test_a_field_of_a_subclass_is_its_own():
    assert (Reaction.seconds.column, Watch.seconds.column) == ("Reaction.seconds", "Watch.seconds")
    assert Reaction.viewer.refers_to is Viewer


def test_a_field_of_an_instance_is_its_value():
    watch = Watch(at=AT, viewer="ada", video="v1", seconds=2.5)
    assert (watch.viewer, watch.seconds, watch.completed, watch.id) == ("ada", 2.5, False, "")


def test_operators_on_fields_make_expressions_and_no_booleans():
    assert all(isinstance(one, Expr) for one in (Watch.seconds > 1, Watch.seconds == 1, Watch.seconds != 1, ~Watch.completed))
    assert len({Watch.seconds, Watch.seconds, Watch.completed}) == 2


@pytest.mark.parametrize(
    ("name", "kind", "optional", "dtype"),
    [
        ("id", "text", False, object),
        ("text", "text", False, object),
        ("whole", "integer", False, np.int64),
        ("number", "number", False, np.float64),
        ("flag", "boolean", False, np.bool_),
        ("instant", "instant", False, np.int64),
        ("raw", "bytes", False, object),
        ("later", "instant", True, np.int64),
        ("some", "integer", True, np.float64),
        ("maybe", "boolean", True, np.float64),
        ("who", "text", True, object),
    ],
)
def test_a_field_knows_its_kind_and_the_column_it_makes(name, kind, optional, dtype):
    field = Field(Everything, name)
    assert (field.kind, field.optional, field.dtype) == (kind, optional, dtype)


@pytest.mark.parametrize("hint", [dict, dict[str, int], list[str], int | str, int | str | None, object, complex])
def test_a_field_of_another_type_is_refused_with_the_types_there_are(hint):
    odd = type(Event)("Odd", (Event,), {"__annotations__": {"odd": hint}, "__module__": __name__})
    with pytest.raises(DeclarationError, match=r"Odd.odd: a field cannot be .*: use str, int, float, bool, datetime, bytes, Ref"):
        kind_of(odd, "odd")


def test_a_misspelled_field_is_answered_with_those_there_are():
    with pytest.raises(AttributeError, match="Watch has no field second: it has at, id, viewer, video, seconds, completed"):
        _ = Watch.second
    with pytest.raises(AttributeError, match="Video has no field title: it has id, creator, topic, uploaded_at"):
        _ = Watch.video.title
    with pytest.raises(AttributeError, match=r"Watch.seconds is number and refers to nothing: it has no field topic"):
        _ = Watch.seconds.topic
    assert not hasattr(Watch, "second")
    assert not hasattr(Watch, "_second")


# References


def test_a_reference_knows_what_it_names():
    assert Watch.video.refers_to is Video
    assert Complaint.by.refers_to is Viewer
    assert Watch.seconds.refers_to is None
    assert [field.name for field in references(Gift, Viewer)] == ["giver", "taker"]
    assert references(Creator) == []
    assert field_names(Gift) == ("at", "id", "giver", "taker")


@pytest.mark.parametrize("target", [str, 3, None, Event.at])
def test_a_reference_to_what_has_no_id_is_refused(target):
    with pytest.raises(DeclarationError, match="refers to nothing that has an id"):
        Ref[target]


def test_a_reference_by_text_is_refused_with_the_remedy():
    with pytest.raises(DeclarationError, match=r'Ref\["Video"\] names a class by text: write Ref\[Video\]'):
        Ref["Video"]


@pytest.mark.parametrize(
    ("stream", "key", "way"),
    [
        (Watch, Video, "Watch.video"),
        (Watch, Watch.video, "Watch.video"),
        (Watch, Watch.seconds, "Watch.seconds"),
        (Watch, Video.topic, "Watch.video.topic"),
        (Watch, Video.creator, "Watch.video.creator"),
        (Watch, Watch.video.creator.country, "Watch.video.creator.country"),
        (Reaction, Watch.viewer, "Reaction.viewer"),
        (Gift, Gift.giver, "Gift.giver"),
        (Refresh, Refresh, "Refresh.id"),
        (Complaint, Refresh, "Complaint.about"),
        (Complaint, Refresh.device, "Complaint.about.device"),
        (Complaint, Complaint.about.viewer, "Complaint.about.viewer"),
        (Shown[Refresh, Video], Video, "Shown[Refresh, Video].candidate"),
        (Shown[Refresh, Video], Refresh, "Shown[Refresh, Video].request"),
        (Shown[Refresh, Video], Video.topic, "Shown[Refresh, Video].candidate.topic"),
        (Shown[Refresh, Video], Viewer, "Shown[Refresh, Video].viewer"),
    ],
)
def test_an_event_reaches_a_key_by_its_one_way(stream, key, way):
    assert route(stream, key).column == way


@pytest.mark.parametrize(
    ("stream", "key", "said"),
    [
        (Gift, Viewer, "Gift reaches Viewer in 2 ways: write per=Gift.giver or per=Gift.taker"),
        (Gift, Viewer.country, "Gift reaches Viewer.country in 2 ways: write per=Gift.giver.country or per=Gift.taker.country"),
        (Watch, Creator, "Watch has no reference to Creator: write per=Video.creator"),
        (Watch, Refresh, "Watch has no reference to Refresh: give Watch a field of type Ref[Refresh], or use another key"),
        (Watch, Creator.country, "Watch has no reference to Creator: give Watch a field of type Ref[Creator], or use another key"),
        (Watch, Refresh.viewer, "Refresh.viewer is a field of another event than Watch: write per=Watch.viewer"),
        (Gift, Watch.viewer, "Watch.viewer is a field of another event than Gift: write per=Gift.giver or per=Gift.taker"),
        (Gift, Watch.video, "Watch.video is a field of another event than Gift: give Gift a field of type Ref[Video], or use another key"),
        (Gift, Watch.video.topic, "Watch.video.topic starts at Watch, not at Gift"),
    ],
)
def test_a_key_without_one_way_is_refused_with_what_to_write(stream, key, said):
    with pytest.raises(DeclarationError) as refused:
        route(stream, key)
    assert str(refused.value) == said


def test_an_expression_is_of_the_event_whose_fields_it_reads():
    assert stream_of(Watch) is Watch
    assert stream_of((Watch.seconds > 3) & (Watch.video.topic == "news")) is Watch


@pytest.mark.parametrize("what", [Video, Video.topic, Watch.seconds + Reaction.seconds, 3, "Watch", None])
def test_what_does_not_read_one_event_is_refused(what):
    with pytest.raises(DeclarationError, match="count(): .* does not read one event".replace("()", r"\(\)")):
        stream_of(what, "count(): ")


# The decision log as events


def test_shown_is_one_class_for_one_pair():
    assert Shown[Refresh, Video] is Shown[Refresh, Video]
    assert Shown[Refresh, Video] is not Shown[Refresh, Creator]
    assert shows(Shown[Refresh, Video]) == (Refresh, Video)
    assert shows(Watch) is None


def test_shown_has_the_fields_of_the_request_and_what_was_taken():
    shown = Shown[Refresh, Video]
    assert set(field_names(shown)) == {"at", "id", "viewer", "device", "limit", "request", "candidate", "rank", "action"}
    assert (shown.candidate.refers_to, shown.request.refers_to, shown.viewer.refers_to) == (Video, Refresh, Viewer)
    assert (shown.rank.kind, shown.limit.kind, shown.action.kind) == ("integer", "integer", "text")


@pytest.mark.parametrize("pair", [(Watch, Video), (Refresh, Refresh), (Video, Refresh), ("Refresh", Video), (Refresh, Video.topic)])
def test_shown_of_anything_but_a_request_and_an_entity_is_refused(pair):
    with pytest.raises(DeclarationError, match="name a Request class and then an Entity class"):
        Shown[pair]


# What is sent


def decode(stream, text):
    return msgspec.json.decode(text, type=stream)


def test_a_record_reads_from_json():
    watch = decode(Watch, b'{"at": "2024-05-01T10:00:00+02:00", "viewer": "ada", "video": "v1"}')
    assert watch == Watch(at=AT, viewer="ada", video="v1")


@pytest.mark.parametrize(
    ("stream", "text", "said"),
    [
        (Watch, '{"at": "2024-05-01T08:00:00", "viewer": "ada", "video": "v1"}', r"timezone component - at `\$.at`"),
        (Watch, '{"at": "2024-05-01T08:00:00Z", "viewer": "ada", "video": "v1", "second": 1}', "unknown field `second`"),
        (Watch, '{"at": "2024-05-01T08:00:00Z", "viewer": "ada"}', "missing required field `video`"),
        (Watch, '{"viewer": "ada", "video": "v1"}', "missing required field `at`"),
        (Watch, '{"at": "2024-05-01T08:00:00Z", "viewer": 3, "video": "v1"}', r"Expected `str`, got `int` - at `\$.viewer`"),
        (Watch, '{"at": "2024-05-01T08:00:00Z", "viewer": null, "video": "v1"}', r"Expected `str`, got `null` - at `\$.viewer`"),
        (Watch, '{"at": "2024-05-01T08:00:00Z", "viewer": "ada", "video": "v1", "completed": 1}', r"Expected `bool`, got `int`"),
        (Viewer, '{"country": "AT"}', "missing required field `id`"),
    ],
)
def test_what_does_not_fit_its_class_is_refused(stream, text, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        decode(stream, text)


def test_a_naive_datetime_in_any_field_is_refused_where_records_become_columns():
    with pytest.raises(BadInput, match="2024-05-01T08:00:00 has no time zone") as refused:
        codec_of(Video).columns([Video(id="v1", creator="c", topic="news", uploaded_at=datetime(2024, 5, 1, 8))])
    assert refused.value.field == "uploaded_at"


def test_records_are_made_by_keyword_and_never_change():
    with pytest.raises(TypeError):
        Viewer("ada", "AT")
    with pytest.raises(TypeError):
        Viewer(id="ada")
    with pytest.raises(AttributeError):
        Viewer(id="ada", country="AT").country = "DE"


@given(
    st.builds(
        Everything,
        id=st.text(),
        text=st.text(),
        whole=st.integers(-(2**63), 2**63 - 1),
        number=st.floats(allow_nan=False, allow_infinity=False),
        flag=st.booleans(),
        instant=st.datetimes(timezones=st.just(UTC)),
        raw=st.binary(),
        later=st.none() | st.datetimes(timezones=st.just(UTC)),
        some=st.none() | st.integers(-(2**53), 2**53),
        maybe=st.none() | st.booleans(),
        who=st.none() | st.text(),
    )
)
def test_a_record_survives_json(record):
    assert decode(Everything, msgspec.json.encode(record)) == record


def test_field_behind_a_reference_is_reached_by_name_where_the_dot_means_something_else() -> None:
    class Gadget(Entity):
        kind: str

    class Use(Event):
        gadget: Ref[Gadget]

    path = Use.gadget["kind"]
    assert path.column == "Use.gadget.kind"
    with pytest.raises(DeclarationError, match="refers to nothing that has a field 'colour'"):
        Use.gadget["colour"]
