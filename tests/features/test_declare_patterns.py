from datetime import datetime

import pytest

from millrace.errors import DeclarationError
from millrace.features.declare import Family, Ratio, count, last, ratio
from millrace.features.declare_patterns import decayed, deviation, first, last_k, since, streak, variance, velocity
from millrace.features.plan import plan
from millrace.features.window import Window
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import DAY, HOUR


class Viewer(Entity):
    country: str


class Watch(Event):
    viewer: Ref[Viewer]
    seconds: float
    completed: bool
    note: str
    due: datetime


class Refresh(Request):
    viewer: Ref[Viewer]


def planned(one):
    return plan(Refresh, None, [one])


def test_settings_are_part_of_what_a_feature_is():
    hour, same, day = (decayed(Watch, per=Viewer, half_life=half, over="2d") for half in ("1h", "60m", "1d"))
    assert hour.column == same.column == "decayed[1h](Watch) per (Viewer) over 2d by 48m"
    assert hour.column != day.column
    assert last_k(Watch.note, 2, per=Viewer)[2].column == "last_k[2, 2](Watch.note) per (Viewer) over ever"


def test_the_last_k_are_a_family_to_pick_from_and_share_what_is_kept():
    recent = last_k(Watch.note, 3, per=[Viewer, Watch.note], over=["1h", "ever"])
    assert isinstance(recent, Family)
    assert len(list(recent)) == 12
    assert [one.settings for one in recent["1h", Viewer]] == [(3, 1), (3, 2), (3, 3)]
    assert recent["1h", Viewer, 2].column == "last_k[3, 2](Watch.note) per (Viewer) over 1h by 1m"
    assert len(plan(Refresh, None, list(recent["1h", Viewer])).states) == 1
    with pytest.raises(DeclarationError, match=r"this family has no \[4\]: pick among \[Viewer, '1h', 1\]"):
        recent[4]


def test_deviation_and_variance_share_what_is_kept_and_so_do_since_and_the_latest_instant():
    both = plan(Refresh, None, [one(Watch.seconds, per=Viewer, over="1h") for one in (variance, deviation)])
    assert list(both.states) == ["variance(Watch.seconds) of Watch per (Watch.viewer) over 1h by 1m"]
    assert list(planned(since(Watch, per=Viewer)).states) == ["max(Watch.at) of Watch per (Watch.viewer) over ever"]


def test_what_is_decayed_counts_for_64_half_lives_unless_stated():
    assert decayed(Watch, per=Viewer, half_life="3h").window == Window.of("8d")
    assert decayed(Watch, per=Viewer, half_life="3h", over="16d", hop="1d").window == Window(16 * DAY, DAY)
    assert [one.over for one in decayed(Watch, per=Viewer, half_life="3h", over=["1h", "2h"])] == ["1h", "2h"]


def test_a_velocity_is_a_ratio_of_rates():
    speed = velocity(Watch, per=Viewer, over=("1h", "7d"), default=0.0)
    assert isinstance(speed, Ratio)
    assert (speed.top.window.length, speed.scale) == (HOUR, 168)
    plain = ratio(count(Watch, per=Viewer, over="1h"), count(Watch, per=Viewer, over="7d"))
    assert speed.column == plain.column[:-1] + ", scale=168.0) else 0.0"


def test_sums_that_fade_can_be_divided():
    done, every = (decayed(one, per=Viewer, half_life="1d") for one in (Watch.completed, Watch))
    assert ratio(done, every, prior=(1, 2)).column.startswith("ratio(decayed[1d](Watch.completed)")


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: variance(Watch, per=Viewer, over="1h"), r"variance\(\): Watch is an event, not a value"),
        (
            lambda: since(Watch.seconds, per=Viewer),
            "is of events, not of their values: write since.Watch, where=Watch.seconds",
        ),
        (lambda: last_k(Watch.note, 0, per=Viewer), r"last_k\(\): k=0 is not how many values to keep"),
        (lambda: last_k(Watch.note, True, per=Viewer), r"k=True is not how many"),
        (lambda: decayed(Watch, per=Viewer, half_life="1h", over="ever"), r"over='ever' is more than 128 half-lives of 1h.*over='128h'"),
        (lambda: decayed(Watch, per=Viewer, half_life="1h", over=["1d", "6d"]), r"over='6d' is more than 128 half-lives"),
        (lambda: decayed(Watch, per=Viewer, half_life="often"), "'often' is not a duration"),
        (lambda: velocity(Watch, per=Viewer, over="1h"), r"velocity\(\): over='1h' is not a short window and a longer one"),
        (lambda: velocity(Watch, per=Viewer, over=("7d", "1h")), "is not a short window and a longer one"),
        (lambda: velocity(Watch, per=Viewer, over=("7d", "ever")), "is not a short window and a longer one"),
        (lambda: velocity(Watch.seconds, per=Viewer, over=("1h", "7d")), r"count\(\): counts events"),
        (lambda: ratio(last(Watch.seconds, per=Viewer), count(Watch, per=Viewer, over="1h")), "is not a count or a total"),
        (lambda: planned(variance(Watch.note, per=Viewer, over="1h")), "Watch.note is text, which has no variance"),
        (lambda: planned(deviation(Watch.due, per=Viewer, over="1h")), "Watch.due is instant, which has no deviation"),
        (lambda: planned(decayed(Watch.note, per=Viewer, half_life="1h")), "Watch.note is text, which has no decayed"),
        (
            lambda: planned(streak(Watch.seconds, per=Viewer)),
            r"streak\(\): Watch.seconds is number, not true or false: compare it with something, such as Watch.seconds > 0",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_remedy(declare, said):
    with pytest.raises(DeclarationError, match=said):
        declare()


def test_text_and_instants_can_be_first_and_among_the_last():
    planned(first(Watch.note, per=Viewer))
    planned(last_k(Watch.due, 2, per=Viewer)[2])
