from itertools import pairwise

import numpy as np
import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.types import DAY, HOUR, MINUTE, size, take
from millrace.worlds.feed import FeedWorld
from millrace.worlds.world import World
from tests.worlds.feeds import SMALL, assert_same, by_request, drive, merged, rows


def small(seed=1, **arguments):
    return FeedWorld(seed, **{**SMALL, **arguments})


@pytest.fixture(scope="module")
def lived():
    """A small world after two days of arbitrary slates, with what was asked and what was told."""
    world = small(requests_per_day=1_500)
    told = merged(drive(world, world.start, world.start + 2 * DAY, 2 * HOUR, by_request))
    return world, world.requests(world.start, world.start + 2 * DAY), told


def test_feed_world_is_a_world():
    assert isinstance(small(), World)


def test_equal_arguments_make_equal_worlds():
    one, other = small(), small()
    for world in (one, other):
        list(drive(world, world.start, world.start + DAY, 3 * HOUR, by_request))
    assert_same(one.happenings(one.start, one.start + 2 * DAY), other.happenings(one.start, one.start + 2 * DAY))
    asked = one.requests(one.start + DAY, one.start + 2 * DAY)
    np.testing.assert_array_equal(one.value(by_request(asked)), other.value(by_request(asked)))


def test_another_seed_makes_another_world():
    one, other = small(1), small(2)
    assert not np.array_equal(one.requests(one.start, one.start + DAY)["at"], other.requests(one.start, one.start + DAY)["at"])


def test_requests_are_the_same_however_time_is_cut():
    busy = {"sitting": 2.5, "requests_per_day": 20_000}
    world, start = small(**busy), small().start
    whole = world.requests(start, start + 3 * DAY)
    cuts = [start, start + 7 * MINUTE, start + 19 * HOUR, start + DAY + 1, start + 3 * DAY]
    parts = [small(**busy).requests(a, b) for a, b in pairwise(cuts)]
    for name in whole:
        np.testing.assert_array_equal(whole[name], np.concatenate([part[name] for part in parts]))
    assert (np.diff(whole["at"]) >= 0).all()
    assert len(set(whole["id"])) == size(whole)


@pytest.mark.parametrize("sitting", [1.0, 3.0])
def test_happenings_are_the_same_however_time_is_cut(sitting):
    fine, coarse, whole = small(sitting=sitting), small(sitting=sitting), small(sitting=sitting)
    end = fine.start + DAY
    finely = merged(drive(fine, fine.start, end, 11 * MINUTE, by_request))
    coarsely = merged(drive(coarse, coarse.start, end, 9 * HOUR, by_request))
    at_once = merged(drive(whole, whole.start, end, DAY, by_request))
    assert_same(finely, coarsely)
    assert_same(finely, at_once)


def test_order_of_decided_rows_does_not_matter():
    one, other = small(), small()
    asked = one.requests(one.start, one.start + DAY)
    decided = by_request(asked)
    order = np.random.default_rng(0).permutation(size(decided))
    shuffled = take(decided, order)
    np.testing.assert_array_equal(one.value(shuffled), one.value(decided)[order])
    one.react(decided)
    other.react(shuffled)
    assert_same(one.happenings(one.start, one.start + DAY), other.happenings(one.start, one.start + DAY))


def test_asking_again_gives_the_same_answer(lived):
    world, _, told = lived
    assert_same(told, world.happenings(world.start, world.start + 2 * DAY))


def test_value_does_not_depend_on_whether_react_has_heard_of_the_rows_themselves():
    world = small()
    decided = by_request(world.requests(world.start, world.start + HOUR))
    first = take(decided, decided["request"] == decided["request"][0])
    before = world.value(first)
    world.react(decided)
    np.testing.assert_array_equal(before, world.value(first))


def test_two_slates_for_a_request_meet_the_same_luck():
    one, other = small(), small()
    asked = one.requests(one.start, one.start + 6 * HOUR)
    videos = np.random.default_rng(0).permutation(200)[:10]
    swapped = np.concatenate([videos[:1], videos[:0:-1]])
    one.react(rows(asked, np.tile(videos, (size(asked), 1))))
    other.react(rows(asked, np.tile(swapped, (size(asked), 1))))
    first = [world.happenings(world.start, world.start + 7 * HOUR)["Watch"] for world in (one, other)]
    top = [set(watch["id"][watch["video"] == f"x{videos[0]}"]) for watch in first]
    # Later requests of a viewer differ by what was looked at before, so a few outcomes may.
    assert len(top[0] & top[1]) >= 0.9 * len(top[0] | top[1])


def test_nothing_is_known_before_it_happened(lived):
    for rows_ in lived[2].values():
        assert (rows_["known"] >= rows_["at"]).all()
        assert (np.diff(rows_["known"]) >= 0).all()


def test_without_searches_viewers_watch_only_what_they_were_shown_and_only_afterwards():
    world = small(searches_per_day=0)
    decided = by_request(world.requests(world.start, world.start + DAY))
    world.react(decided)
    told = world.happenings(world.start, world.start + 2 * DAY)
    shown = dict(zip(zip(decided["viewer"][::-1], decided["candidate"][::-1], strict=True), decided["at"][::-1], strict=True))
    for stream in ("Watch", "Like"):
        for viewer, video, at in zip(*(told[stream][name] for name in ("viewer", "video", "at")), strict=True):
            assert shown[viewer, video] < at
    assert size(told["Follow"])


def test_viewers_search_by_themselves_when_nothing_is_decided():
    world = small()
    watch = world.happenings(world.start, world.start + 3 * DAY)["Watch"]
    assert len(set(watch["id"])) == pytest.approx(3 * SMALL["searches_per_day"], rel=0.2)
    assert watch["completed"].mean() > 0.3


def test_entities_come_before_what_refers_to_them(lived):
    world, asked, told = lived
    assert set(asked["viewer"]) <= set(told["Viewer"]["id"])
    assert set(told["Video"]["creator"]) <= set(told["Creator"]["id"])
    known = dict(zip(told["Video"]["id"], told["Video"]["known"], strict=True))
    assert all(known[video] <= at for video, at in zip(told["Watch"]["video"], told["Watch"]["at"], strict=True))
    uploads = told["Video"]["uploaded_at"]
    assert (uploads >= world.start).sum() == 2 * SMALL["uploads_per_day"]
    assert (told["Video"]["known"] == np.maximum(uploads, world.start)).all()


def test_some_word_comes_hours_late_and_some_twice(lived):
    watch = lived[2]["Watch"]
    wait = watch["known"] - watch["at"]
    assert 0.01 < (wait > HOUR).mean() < 0.06
    assert np.median(wait) < MINUTE
    names, counts = np.unique(watch["id"], return_counts=True)
    assert 0.002 < (counts > 1).mean() < 0.01
    twice = take(watch, watch["id"] == names[counts.argmax()])
    assert twice["known"][0] < twice["known"][1]
    assert all(column[0] == column[1] for name, column in twice.items() if name != "known")


def test_a_viewer_follows_a_creator_once(lived):
    follow = lived[2]["Follow"]
    pairs = {(viewer, creator) for viewer, creator in zip(follow["viewer"], follow["creator"], strict=True)}
    assert len(pairs) == len(set(follow["id"]))


def test_lower_places_are_looked_at_less():
    world = small(requests_per_day=2_000, searches_per_day=0)
    asked = world.requests(world.start, world.start + DAY)
    decided = by_request(asked)
    world.react(decided)
    watch = world.happenings(world.start, world.start + 3 * DAY)["Watch"]
    place = np.array([int(name[1:]) % 1000 for name in set(watch["id"])])
    plays = np.bincount(place, minlength=10)
    assert plays[9] < 0.5 * plays[0]
    assert plays[:3].sum() > plays[3:6].sum() > plays[6:9].sum()


def test_place_lowers_the_value_of_a_video():
    world = small()
    asked = world.requests(world.start, world.start + HOUR)
    values = [world.value({**rows(asked, np.full((size(asked), 1), 7)), "rank": np.full(size(asked), rank)}) for rank in (0, 5)]
    assert (values[1] < 0.7 * values[0]).all()


def test_viewers_tire_of_a_video_and_recover():
    world = small(uploads_per_day=0)
    asked = world.requests(world.start, world.start + 8 * DAY)
    mine = take(asked, asked["viewer"] == asked["viewer"][0])
    slate = rows(mine, np.full((size(mine), 1), 7))
    first, since = slate["request"] == mine["id"][0], mine["at"] - mine["at"][0]
    fresh = world.value(slate)
    world.react(take(slate, first))
    left = world.value(slate) / fresh
    assert left[(since > 0) & (since < DAY)].max() < 0.6
    assert left[since > 7 * DAY].min() > 0.85


def test_a_slate_of_one_topic_is_worth_less_than_its_videos_apart():
    world = small()
    video = world.happenings(world.start, world.start + 1)["Video"]
    same = np.array([int(name[1:]) for name in video["id"][video["topic"] == video["topic"][0]]])[:8]
    asked = world.requests(world.start, world.start + HOUR)
    together = rows(asked, np.tile(same, (size(asked), 1)))
    apart = np.array([world.value(take(together, slice(k, k + 1)))[0] for k in range(8)])
    np.testing.assert_array_less(world.value(together)[1:8], apart[1:])
    assert world.value(together)[0] == apart[0]


def test_nights_are_quiet_and_a_few_viewers_are_eager():
    world = FeedWorld(requests_per_day=20_000)
    asked = world.requests(world.start, world.start + DAY)
    hour = np.bincount(asked["at"] % DAY // HOUR, minlength=24)
    assert hour[19:22].mean() > 8 * hour[1:5].mean()
    share = np.sort(np.unique(asked["viewer"], return_counts=True)[1])[::-1]
    assert share[: len(share) // 10].sum() > 0.3 * size(asked)
    assert size(asked) == pytest.approx(20_000, rel=0.05)


def test_sittings_bring_several_refreshes_within_minutes():
    world = FeedWorld(sitting=3.0)
    asked = world.requests(world.start, world.start + DAY)
    order = np.lexsort((asked["at"], asked["viewer"]))
    pause = np.diff(asked["at"][order])[asked["viewer"][order][1:] == asked["viewer"][order][:-1]]
    assert (pause < 10 * MINUTE).mean() > 0.5
    assert size(asked) == pytest.approx(3_000, rel=0.1)


def test_value_is_the_mean_of_many_reactions():
    """Every row of a day's slates, over many draws of luck; viewers come back within hours, so tiredness is at work."""
    draws, finished, values = 200, {}, {}
    for luck in range(1, draws + 1):
        world = small(luck=luck, viewers=8, searches_per_day=0, requests_per_day=40)
        decided = by_request(world.requests(world.start, world.start + 18 * HOUR), n=6)
        world.react(decided)
        # What viewers looked at before differs with luck, and so does the value: the means of both are compared.
        for name, video, value in zip(decided["request"], decided["candidate"], world.value(decided), strict=True):
            values[name, video] = values.get((name, video), 0.0) + value / draws
        watch = world.happenings(world.start, world.start + 3 * DAY).get("Watch")
        done = take(watch, watch["completed"])
        for key, video in {(int(name[1:]) // 1000, video) for name, video in zip(done["id"], done["video"], strict=True)}:
            finished[f"r{key}", video] = finished.get((f"r{key}", video), 0.0) + 1.0 / draws
    assert len(values) > 100
    truth = np.array(list(values.values()))
    error = np.array([finished.get(key, 0.0) for key in values]) - truth
    spread = np.sqrt(truth * (1 - truth) / draws)
    assert (np.abs(error) < 4.5 * spread + 1e-9).all()
    assert abs(error.sum()) < 4 * np.sqrt((spread**2).sum())


def test_reacting_to_what_was_already_told_is_refused():
    world = small()
    asked = world.requests(world.start, world.start + 2 * HOUR)
    world.happenings(world.start, world.start + 2 * HOUR)
    with pytest.raises(Conflict, match=r"call react\(...\) for a slice of time before happenings"):
        world.react(by_request(asked))


def test_reacting_twice_to_a_request_is_refused():
    world = small()
    decided = by_request(world.requests(world.start, world.start + 2 * HOUR))
    world.react(decided)
    with pytest.raises(Conflict):
        world.react(take(decided, decided["request"] == decided["request"][-1]))


def test_refused_reaction_changes_nothing():
    world, clean = small(), small()
    asked = world.requests(world.start, world.start + 12 * HOUR)
    late = asked["at"] > world.start + 6 * HOUR
    for each in (world, clean):
        each.react(by_request(take(asked, late)))
    with pytest.raises(Conflict, match="in order of `at`"):
        world.react(by_request(take(asked, ~late)))
    assert_same(world.happenings(world.start, world.start + DAY), clean.happenings(world.start, world.start + DAY))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"candidate": "x999999"}, NotFound, "nothing called 'x999999'"),
        ({"candidate": "y1"}, NotFound, "nothing called 'y1'"),
        ({"viewer": "vv"}, NotFound, "nothing called 'vv'"),
        ({"viewer": None}, NotFound, "nothing called None"),
        ({"device": "fridge"}, BadInput, "device 'fridge' is none of phone, tablet, tv"),
        ({"rank": -1}, BadInput, "pass only the rows that were taken"),
    ],
)
def test_rows_the_world_does_not_understand_are_refused(change, error, message):
    world = small()
    decided = by_request(world.requests(world.start, world.start + HOUR))
    for name, value in change.items():
        decided[name] = decided[name].copy()
        decided[name][0] = value
    with pytest.raises(error, match=message):
        world.react(decided)


def test_missing_column_is_named():
    world = small()
    decided = by_request(world.requests(world.start, world.start + HOUR))
    del decided["viewer"]
    with pytest.raises(BadInput, match="the column 'viewer' is missing"):
        world.value(decided)


def test_showing_a_video_before_its_upload_is_refused():
    world = small()
    asked = take(world.requests(world.start, world.start + 3 * DAY), np.array([0, -1]))
    world.value(rows(asked, np.array([[0], [SMALL["videos"]]])))
    with pytest.raises(BadInput, match="shown before it was uploaded"):
        world.value(rows(asked, np.array([[SMALL["videos"]], [0]])))


def test_nothing_decided_is_nothing_to_react_to():
    world = small()
    nothing = take(by_request(world.requests(world.start, world.start + HOUR)), slice(0, 0))
    world.react(nothing)
    assert len(world.value(nothing)) == 0
