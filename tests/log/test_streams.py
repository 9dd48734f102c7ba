"""A log has a stream per class, each under one name."""

from datetime import datetime

import pytest

from millrace.errors import BadInput, DeclarationError
from millrace.log.streams import Streams, codec_of
from millrace.schema import Entity, Event, Shown
from tests.log.world import STREAMS, Refresh, Video, Viewer, Watch


def test_two_classes_of_one_name_are_refused():
    class Watch(Event):
        other: str

    with pytest.raises(DeclarationError, match=r"two streams of one log are called Watch: .*world\.Watch and .*Watch; rename one"):
        Streams([*STREAMS, Watch])


def test_one_class_named_twice_is_one_stream():
    assert [codec.name for codec in Streams([Watch, Watch])] == ["decision", "Watch"]


def test_shown_stands_for_its_request_and_its_candidate():
    assert {codec.name for codec in Streams([Shown[Refresh, Video]])} == {"decision", "Refresh", "Video"}


def test_what_is_no_stream_is_refused():
    with pytest.raises(DeclarationError, match="is not a stream: name Event, Request and Entity classes"):
        Streams([int])


def test_class_the_log_was_opened_without_is_refused():
    with pytest.raises(BadInput, match=r"Watch is not a stream of this log: name the class in Log\.open"):
        Streams([Viewer]).of(Watch)


@pytest.mark.parametrize("name", ["known", "position"])
def test_field_with_the_name_of_a_column_of_every_record_is_refused(name):
    made = type(Event)("Clash", (Event,), {"__annotations__": {name: float}, "__module__": __name__})
    with pytest.raises(DeclarationError, match=f"Clash.{name}: every record has a `{name}` of its own"):
        codec_of(made)


def test_entity_cannot_have_a_field_called_at():
    class Shop(Entity):
        at: datetime

    with pytest.raises(DeclarationError, match=r"Shop\.at"):
        codec_of(Shop)


def test_field_no_column_can_hold_is_refused():
    class Basket(Event):
        items: list[str]

    with pytest.raises(DeclarationError, match=r"Basket\.items"):
        codec_of(Basket)
