from datetime import datetime

import pytest

from millrace.errors import DeclarationError
from millrace.features.declare import Family, OnDemand, Ratio, count, feature, flatten, last, maximum, mean, minimum, ratio, total
from millrace.schema import Entity, Event, Ref, Request


class Viewer(Entity):
    country: str


class Video(Entity):
    topic: str
    uploaded_at: datetime


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool


class Like(Event):
    video: Ref[Video]


class Refresh(Request):
    viewer: Ref[Viewer]


def test_a_feature_is_what_it_is_made_of():
    first = count(Watch, per=Video, over="1h", where=Watch.seconds > 3)
    again = count(Watch, per=Video, over="60m", where=Watch.seconds > 3)
    assert first.column == again.column == "count(Watch) if (Watch.seconds > 3) per (Video) over 1h by 1m"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(count(Like, per=Video, over="1h"), id="stream"),
        pytest.param(count(Watch, per=Viewer, over="1h"), id="key"),
        pytest.param(count(Watch, per=(Video, Viewer), over="1h"), id="keys"),
        pytest.param(count(Watch, per=Watch.video, over="1h"), id="way"),
        pytest.param(count(Watch, per=Video, over="2h"), id="window"),
        pytest.param(count(Watch, per=Video, over="1h", hop="5m"), id="hop"),
        pytest.param(count(Watch, per=Video, over="ever"), id="lifetime"),
        pytest.param(count(Watch, per=Video, over="1h", where=Watch.completed), id="filter"),
        pytest.param(total(Watch.completed, per=Video, over="1h"), id="operation"),
    ],
)
def test_what_differs_in_one_part_is_another_feature(other):
    assert other.column != count(Watch, per=Video, over="1h").column


def test_a_default_tells_features_apart_where_it_can_be_seen():
    columns = {mean(Watch.seconds, per=Video, over="1h", default=default).column for default in (None, 0, 0.5, 2)}
    assert len(columns) == 4


def test_the_operations_name_themselves():
    made = [op(Watch.seconds, per=Video, over="1d") for op in (total, mean, minimum, maximum, last)]
    assert [one.column.partition("(")[0] for one in made] == ["total", "mean", "min", "max", "last"]
    assert [one.default for one in made] == [0, None, None, None, None]


def test_the_last_value_is_kept_for_ever_unless_a_window_is_given():
    assert last(Watch.video, per=Viewer).window.is_lifetime
    assert last(Watch.video, per=Viewer).column == "last(Watch.video) per (Viewer) over ever"
    assert not last(Watch.video, per=Viewer, over="1d").window.is_lifetime


def test_lists_of_windows_and_keys_make_a_family_to_pick_from():
    plays = count(Watch, per=[Video, Viewer, (Video, Viewer)], over=["1h", "7d"])
    assert isinstance(plays, Family)
    assert len(list(plays)) == 6
    assert plays[Viewer, "7d"].column == count(Watch, per=Viewer, over="7d").column
    assert plays["1h", (Video, Viewer)].column == count(Watch, per=(Video, Viewer), over="1h").column
    hour = plays["1h"]
    assert isinstance(hour, Family)
    assert [one.over for one in hour] == ["1h"] * 3


def test_what_is_not_in_the_family_is_refused_with_what_is():
    plays = count(Watch, per=Video, over=["1h", "7d"])
    with pytest.raises(DeclarationError, match=r"this family has no \['2h'\]: pick among \[Video, '1h'\], \[Video, '7d'\]"):
        plays["2h"]
    with pytest.raises(DeclarationError, match=r"this family has no \[Viewer\]"):
        plays[Viewer]


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: mean(Watch, per=Video, over="1h"), r"mean\(\): Watch is an event, not a value: .* such as Watch.seconds"),
        (lambda: count(Watch.completed, per=Video, over="1h"), r"count\(\): counts events: write count\(Watch, where=Watch.completed\)"),
        (lambda: total(1.0, per=Video, over="1h"), r"total\(\): .*1.0.* does not read one event"),
        (lambda: total(Watch.seconds + Like.at, per=Video, over="1h"), "does not read one event"),
        (lambda: count(Viewer, per=Video, over="1h"), "does not read one event"),
        (lambda: count(Watch, per=Video, over="1h", where=True), r"where=.*True.* is not an expression over the fields of Watch"),
        (lambda: count(Watch, per=Video, over="1h", where=Like.video == "v"), "reads Like, but Watch is aggregated: filter by its own"),
        (lambda: count(Watch, per="Video", over="1h"), "is not a key: use an Entity or Request class, or a field"),
        (lambda: count(Watch, per=Like, over="1h"), "is not a key"),
        (lambda: count(Watch, per=Video, over="7"), "'7' is not a duration"),
        (lambda: count(Watch, per=Video, over="1h", hop="2h"), "does not fit a window"),
        (lambda: ratio(mean(Watch.seconds, per=Video, over="1h"), count(Watch, per=Video, over="1h")), "is not a count or a total"),
        (lambda: ratio(count(Watch, per=Video, over="1h"), count(Watch, per=Video, over=["1h"])), "pick one member of a family"),
        (lambda: feature("plays"), r"@feature\(.*plays.*\) is not a feature"),
    ],
)
def test_a_mistake_is_refused_with_its_remedy(declare, said):
    with pytest.raises(DeclarationError, match=said):
        declare()


def test_a_ratio_is_told_apart_by_its_parts_and_prior():
    plays, likes = count(Watch, per=Video, over="1h"), count(Like, per=Video, over="1h")
    assert isinstance(ratio(likes, plays), Ratio)
    assert ratio(likes, plays).prior == (0.0, 0.0)
    assert len({ratio(likes, plays).column, ratio(plays, likes).column, ratio(likes, plays, prior=(1, 2)).column}) == 3


def test_a_function_takes_its_needs_first_and_entities_and_the_instant_after():
    plays = count(Watch, per=Video, over=["1h", "7d"])

    @feature(plays, Video.topic)
    def heat(hour, week, topic, at, video: Video, asked: Refresh):
        return hour / week

    assert isinstance(heat, OnDemand)
    assert [need.column for need in heat.needs] == [*(one.column for one in plays), "Video.topic"]
    assert heat.parameters == (("at", None), ("video", Video), ("asked", Refresh))
    assert heat.column.startswith("heat@")


def test_a_function_of_nothing_but_the_row_needs_no_brackets():
    @feature
    def age(at, video: Video):
        return at - video.uploaded_at

    assert age.needs == ()


def test_a_function_that_does_not_fit_its_needs_is_refused():
    plays = count(Watch, per=Video, over=["1h", "7d"])
    with pytest.raises(DeclarationError, match=r"heat\(\) takes 1 of the 2 values that @feature passes: add a parameter for each"):

        @feature(plays)
        def heat(hour):
            return hour

    with pytest.raises(
        DeclarationError, match=r"warm\(week\): annotate it with an Entity or the Request, call it `at`, or pass its feature"
    ):

        @feature(plays["1h"])
        def warm(hour, week):
            return hour


def test_the_same_function_of_other_needs_is_another_feature():
    def twice(x):
        return 2 * x

    hour, week = (count(Watch, per=Video, over=over) for over in ("1h", "7d"))
    assert feature(hour)(twice).column != feature(week)(twice).column
    assert feature(hour)(twice).column == feature(hour)(twice).column


def test_the_same_function_of_another_entity_is_another_feature():
    def known(x):
        return x.id != ""

    def of(entity):
        known.__annotations__ = {"x": entity}
        return feature(known).column

    assert of(Video) != of(Viewer)


def test_families_are_flattened_wherever_they_stand():
    plays = count(Watch, per=Video, over=["1h", "7d"])
    assert list(flatten([plays, [Video.topic, (plays["1h"],)]])) == [*plays.members, Video.topic, plays["1h"]]
