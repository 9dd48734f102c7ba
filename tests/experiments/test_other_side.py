"""The other side is declared by whom an event was with; what cannot be is refused in a sentence."""

from typing import Any

import pytest

from millrace import Entity, Event, Mean, OtherSide, Ref, Request, Scorecard
from millrace.errors import DeclarationError
from millrace.experiments.reads import on_log, read_of
from millrace.types import DAY


class Creator(Entity):
    name: str


class Video(Entity):
    creator: Ref[Creator]
    length: float


class Viewer(Entity):
    country: str


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float


class Like(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]


class Refresh(Request):
    viewer: Ref[Viewer]


def test_it_is_read_as_events_of_units_are() -> None:
    side = OtherSide(Watch.seconds, per=Video.creator, within="7d", after="1d")
    assert read_of(side).column == "Watch.seconds from 1d within 7d"
    assert side.of is Watch.video.creator
    counted = read_of(OtherSide(Watch, per=Video))
    assert (counted.of, counted.begin, counted.end, counted.closes) == (Watch, 0, None, 0)


@pytest.mark.parametrize(
    "per, of", [(Video, "Watch.video"), (Video.creator, "Watch.video.creator"), (Watch.video.creator, "Watch.video.creator")]
)
def test_whom_it_is_of_is_reached_as_keys_are(per: Any, of: str) -> None:
    assert OtherSide(Watch.seconds, per=per).of.column == of


def test_scorecard_asks_the_log_for_it_with_its_metrics() -> None:
    side = OtherSide(Watch.seconds, per=Video.creator, name="creators", within="7d")
    card, reads = on_log(Scorecard(Mean(Watch.seconds, within="7d"), other_side=side))
    assert card.other_side == (side,)
    assert [read.column for read in reads] == ["Watch.seconds within 7d"], "one column for both"
    _, reads = on_log(Scorecard(Mean(Watch.seconds, within="1d"), other_side=[side]))
    assert max(read.closes for read in reads) == 7 * DAY


def test_name_is_what_they_are_called() -> None:
    assert OtherSide(Watch, per=Video.creator).name == "Video.creator"
    assert OtherSide(Watch, per=Video).name == "Video"


LIKED = OtherSide(Like, per=Video, name="liked")
WRONG = {
    "text": (lambda: OtherSide(Watch, per="creator"), "'creator': per='creator' is nobody: name an entity"),
    "a number": (lambda: OtherSide(Watch, per=Watch.seconds), "Watch.seconds: Watch.seconds refers to nobody: name a field of type Ref"),
    "an attribute": (lambda: OtherSide(Watch, per=Video.length), "Video.length: Watch.video.length refers to nobody"),
    "no way": (lambda: OtherSide(Watch, per=Creator), "Watch has no reference to Creator: write per=Video.creator"),
    "another event": (lambda: OtherSide(Like, per=Watch.video), "Watch.video is a field of another event than Like"),
    "no value": (lambda: OtherSide(3, per=Video), "Video: 3 does not read one event"),
    "top": (lambda: OtherSide(Like, per=Video, top=10), "Video: top=10 is no part of them"),
    "time": (lambda: read_of(OtherSide(Like, per=Video, after="2d", within="1d")), "is over before after="),
    "no side": (lambda: Scorecard(Mean(Like), other_side=[Like.video]), "other_side=Like.video is none: write OtherSide("),
    "twice": (lambda: Scorecard(Mean(Like), other_side=[LIKED, LIKED]), "'liked' is twice on its other side"),
}


@pytest.mark.parametrize("declare, said", WRONG.values(), ids=WRONG)
def test_what_cannot_be_read_is_refused(declare, said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert said in str(refused.value)
