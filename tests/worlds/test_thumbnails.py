from itertools import pairwise

import numpy as np
import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.types import DAY, HOUR, MINUTE, size, take
from millrace.worlds.thumbnails import ThumbnailsWorld
from millrace.worlds.world import World
from tests.worlds.feeds import assert_same, drive, merged
from tests.worlds.thumbnails import SMALL, cards, first_of


def small(seed=1, **arguments):
    return ThumbnailsWorld(seed, **{**SMALL, **arguments})


@pytest.fixture(scope="module")
def lived():
    """A small world after three days of arbitrary choices, with what was asked, decided and told."""
    world = small(requests_per_day=4_000)
    asked = world.requests(world.start, world.start + 3 * DAY)
    decided = first_of(asked)
    world.react(decided)
    return world, asked, decided, world.happenings(world.start, world.start + 5 * DAY)


def test_thumbnails_world_is_a_world():
    assert isinstance(small(), World)


def test_equal_arguments_make_equal_worlds_and_another_seed_another():
    asked = [small(seed).requests(small().start, small().start + DAY) for seed in (1, 1, 2)]
    assert all((asked[0][name] == asked[1][name]).all() for name in asked[0])
    assert not np.array_equal(asked[0]["at"], asked[2]["at"])


def test_requests_are_the_same_however_time_is_cut():
    world, start = small(), small().start
    whole = world.requests(start, start + 3 * DAY)
    cuts = [start, start + 7 * MINUTE, start + 19 * HOUR, start + DAY + 1, start + 3 * DAY]
    parts = [small().requests(a, b) for a, b in pairwise(cuts)]
    for name in whole:
        np.testing.assert_array_equal(whole[name], np.concatenate([part[name] for part in parts]))
    assert (np.diff(whole["at"]) >= 0).all()
    assert len(set(whole["id"])) == size(whole)


def test_happenings_are_the_same_however_time_is_cut():
    fine, coarse = small(), small()
    finely = merged(drive(fine, fine.start, fine.start + 2 * DAY, 11 * MINUTE, first_of))
    coarsely = merged(drive(coarse, coarse.start, coarse.start + 2 * DAY, 17 * HOUR, first_of))
    assert_same(finely, coarsely)
    assert_same(finely, fine.happenings(fine.start, fine.start + 2 * DAY))


def test_order_of_decided_rows_does_not_matter():
    one, other = small(), small()
    decided = first_of(one.requests(one.start, one.start + DAY))
    order = np.random.default_rng(0).permutation(size(decided))
    shuffled = take(decided, order)
    np.testing.assert_array_equal(one.value(shuffled), one.value(decided)[order])
    one.react(decided)
    other.react(shuffled)
    assert_same(one.happenings(one.start, one.start + 2 * DAY), other.happenings(one.start, one.start + 2 * DAY))


def test_nothing_is_known_before_it_happened(lived):
    for rows in lived[3].values():
        assert (rows["known"] >= rows["at"]).all()
        assert (np.diff(rows["known"]) >= 0).all()


def test_entities_come_before_what_refers_to_them(lived):
    _, asked, _, told = lived
    assert set(asked["viewer"]) <= set(told["Viewer"]["id"])
    assert set(asked["video"]) <= set(told["Video"]["id"]) == set(told["Artwork"]["video"])
    known = dict(zip(told["Artwork"]["id"], told["Artwork"]["known"], strict=True))
    assert all(known[artwork] <= at for artwork, at in zip(told["Click"]["artwork"], told["Click"]["at"], strict=True))


def test_new_artworks_come_every_day(lived):
    world, _, _, told = lived
    assert (told["Artwork"]["known"] > world.start).sum() == 5 * SMALL["artworks_per_day"]
    assert size(told["Artwork"]) == 5 * SMALL["artworks_per_day"] + SMALL["videos"] * SMALL["artworks"]


def test_most_clicks_come_within_ten_minutes_and_a_quarter_hours_later(lived):
    _, _, decided, told = lived
    click = told["Click"]
    shown = dict(zip(decided["request"], decided["at"], strict=True))
    wait = np.array([at - shown[f"r{name[1:]}"] for name, at in zip(click["id"], click["at"], strict=True)])
    assert wait.min() > 0
    assert (wait > 10 * MINUTE).mean() == pytest.approx(0.25, abs=0.05)
    assert (wait < MINUTE).mean() > 0.5
    assert 5 * HOUR < wait.max() < 10 * HOUR


def test_every_click_leads_to_one_watch_of_its_video(lived):
    told = lived[3]
    video = dict(zip(told["Artwork"]["id"], told["Artwork"]["video"], strict=True))
    clicked = {name[1:]: video[artwork] for name, artwork in zip(told["Click"]["id"], told["Click"]["artwork"], strict=True)}
    watched = {name[1:]: shown for name, shown in zip(told["Watch"]["id"], told["Watch"]["video"], strict=True)}
    assert clicked == watched


def test_who_was_promised_another_mood_watches_less(lived):
    world, _, decided, told = lived
    clicked = dict(zip(told["Watch"]["id"], told["Watch"]["seconds"], strict=True))
    mean = world.seconds(decided) / world.value(decided)
    pairs = [(clicked[f"w{name[1:]}"], true) for name, true in zip(decided["request"], mean, strict=True) if f"w{name[1:]}" in clicked]
    seconds, true = np.array(pairs).T
    assert set(np.round(true)) == {240, 900}
    assert seconds[true > 500].mean() > 2.5 * seconds[true < 500].mean()


def test_value_is_the_mean_of_many_reactions():
    draws, clicked, world = 300, {}, small(viewers=10, requests_per_day=60)
    asked = world.requests(world.start, world.start + 2 * DAY)
    for luck in range(1, draws + 1):
        other = small(viewers=10, requests_per_day=60, luck=luck)
        other.react(first_of(asked))
        told = other.happenings(world.start, world.start + 4 * DAY)
        for name in set(told["Click"]["id"]):
            clicked[name[1:]] = clicked.get(name[1:], 0) + 1 / draws
    truth = world.value(first_of(asked))
    error = np.array([clicked.get(name[1:], 0.0) for name in asked["id"]]) - truth
    spread = np.sqrt(truth * (1 - truth) / draws)
    assert (np.abs(error) < 4.5 * spread + 1e-9).all()
    assert abs(error.sum()) < 4 * np.sqrt((spread**2).sum())


def test_a_likelier_artwork_is_clicked_by_all_who_clicked_the_other():
    one, other = small(), small()
    asked = one.requests(one.start, one.start + 3 * DAY)
    one.react(one.ideal(asked))
    other.react(first_of(asked))
    best, any_ = (set(world.happenings(one.start, one.start + 5 * DAY)["Click"]["id"]) for world in (one, other))
    assert any_ < best


def test_refused_and_repeated_reactions_change_nothing():
    world, clean = small(), small()
    asked = world.requests(world.start, world.start + 12 * HOUR)
    for each in (world, clean):
        each.react(first_of(asked))
    with pytest.raises(Conflict, match="one artwork, once"):
        world.react(take(first_of(asked), slice(3, 4)))
    later = world.requests(world.start + 12 * HOUR, world.start + DAY)
    with pytest.raises(Conflict, match="one artwork, once"):
        world.react({name: np.concatenate([column[:1], column[:1]]) for name, column in first_of(later).items()})
    assert_same(world.happenings(world.start, world.start + DAY), clean.happenings(world.start, world.start + DAY))
    with pytest.raises(Conflict, match=r"call react\(...\) for a slice of time before happenings"):
        world.react(first_of(later))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"candidate": "a999999"}, NotFound, "nothing called 'a999999'"),
        ({"candidate": "x1"}, NotFound, "nothing called 'x1'"),
        ({"viewer": "v999"}, NotFound, "nothing called 'v999'"),
        ({"video": "x99"}, NotFound, "nothing called 'x99'"),
        ({"row": 5}, BadInput, "rows 0 to 4"),
    ],
)
def test_rows_the_world_does_not_understand_are_refused(change, error, message):
    world = small()
    decided = first_of(world.requests(world.start, world.start + HOUR * 12))
    for name, value in change.items():
        decided[name] = decided[name].copy()
        decided[name][0] = value
    with pytest.raises(error, match=message):
        world.react(decided)


def test_another_videos_artwork_and_one_not_yet_made_are_refused():
    world = small()
    asked = world.requests(world.start, world.start + 2 * DAY)
    video = np.array([int(name[1:]) for name in asked["video"]])
    with pytest.raises(BadInput, match="is no artwork of"):
        world.value(cards(asked, (video * 4 + 4) % 32))
    made = world.happenings(world.start, world.start + 2 * DAY)["Artwork"]
    late = take(made, slice(-1, None))
    mine = take(asked, (asked["video"] == late["video"][0]) & (asked["at"] < late["known"][0]))
    with pytest.raises(BadInput, match="shown before it was made"):
        world.value(cards(mine, np.full(size(mine), int(late["id"][0][1:]))))


def test_missing_column_is_named_and_nothing_decided_is_nothing():
    world = small()
    decided = first_of(world.requests(world.start, world.start + HOUR * 12))
    nothing = take(decided, slice(0, 0))
    world.react(nothing)
    assert len(world.value(nothing)) == 0
    assert len(world.best(world.requests(world.start, world.start))) == 0
    del decided["row"]
    with pytest.raises(BadInput, match="the column 'row' is missing"):
        world.value(decided)


def test_requests_a_day_beyond_what_can_be_numbered_are_refused():
    with pytest.raises(BadInput, match="requests a day"):
        small(requests_per_day=0)
