"""What policies can reach in the feed world: the figures that make it worth learning in."""

import numpy as np
import pytest

from millrace.types import DAY, size, take
from millrace.worlds.feed import FeedWorld
from tests.worlds.feeds import SMALL, completions, rows


def at_random(world, audience, asked):
    """Slates drawn from all videos."""
    rng = np.random.default_rng(int(asked["at"][0] % 2**32))
    return rows(asked, rng.integers(0, len(audience.plays), (size(asked), 10)))


def test_ideal_slates_bring_about_twice_what_popular_ones_do():
    figures = {
        "random": completions(at_random, days=2.5, warm=1.5),
        "popular": completions(lambda world, audience, asked: audience.popular(asked), days=2.5, warm=1.5),
        "ideal": completions(lambda world, audience, asked: world.ideal(asked, 10), days=2.5, warm=1.5),
    }
    print("completions a place:", {name: round(value, 3) for name, value in figures.items()})
    assert figures["popular"] > 1.4 * figures["random"]
    assert 1.8 < figures["ideal"] / figures["popular"] < 3.0


@pytest.mark.slow
def test_counting_tastes_beats_popularity_by_a_quarter_or_more():
    popular = completions(lambda world, audience, asked: audience.popular(asked), days=6, warm=4)
    ranked = completions(lambda world, audience, asked: audience.ranked(asked), days=6, warm=4)
    print("completions a place: popular", round(popular, 3), "ranked", round(ranked, 3), "lift", round(ranked / popular - 1, 2))
    assert ranked > 1.25 * popular


def test_best_is_what_the_ideal_slates_are_worth_and_beats_any_other():
    world = FeedWorld(3, **SMALL)
    asked = world.requests(world.start, world.start + DAY)
    best = world.best(asked, 5)
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = world.value(rows(asked, rng.integers(0, SMALL["videos"], (size(asked), 5)))).reshape(-1, 5).sum(axis=1)
        assert (other <= best + 1e-9).all()
    np.testing.assert_allclose(best, world.value(world.ideal(asked, 5)).reshape(-1, 5).sum(axis=1))


def test_ideal_is_what_trying_every_video_for_each_place_finds():
    """The obvious greedy search, a place and a video at a time, after the viewers have got tired of some."""
    world = FeedWorld(4, **{**SMALL, "videos": 60, "uploads_per_day": 0, "requests_per_day": 60})
    asked = world.requests(world.start, world.start + DAY)
    half = size(asked) // 2
    world.react(world.ideal(take(asked, slice(0, half)), 6))
    request = take(asked, slice(half + 3, half + 4))
    slate = []
    for place in range(4):
        tries = [world.value(rows(request, np.array([[*slate, video]])))[place] for video in range(60)]
        slate.append(int(np.argmax(tries)))
    assert world.ideal(request, 4)["candidate"].tolist() == [f"x{video}" for video in slate]


def test_fresh_uploads_take_a_good_share_of_ideal_slates():
    world = FeedWorld()
    asked = take(world.requests(world.start + 5 * DAY, world.start + 6 * DAY), slice(0, 600))
    shown = world.ideal(asked, 10)
    uploaded_at = world.happenings(world.start, world.start + 6 * DAY)["Video"]["uploaded_at"]
    age = shown["at"] - uploaded_at[[int(name[1:]) for name in shown["candidate"]]]
    exist = (uploaded_at > world.start + 2 * DAY).mean()
    print("share of ideal places with uploads of the last three days:", (age < 3 * DAY).mean().round(2), "of all videos:", exist.round(2))
    assert (age < 3 * DAY).mean() > 0.25 > 2 * exist


def test_shock_moves_the_best_slates_and_frozen_tastes_lose_half():
    world = FeedWorld(shock_at=FeedWorld().start + 2 * DAY)
    day = [take(world.requests(world.start + k * DAY, world.start + (k + 1) * DAY), slice(0, 600)) for k in (1, 2)]
    reached = []
    for asked in day:
        frozen = world.value(world.ideal(asked, 10, tastes_at=world.start)).sum() / size(asked)
        reached.append(frozen / world.best(asked, 10).mean())
    print("share of the best reached with the tastes of the first day, before and after the shock:", np.round(reached, 2))
    assert reached[0] == 1.0
    assert reached[1] < 0.5
    now, then = world.ideal(day[1], 10)["candidate"], world.ideal(day[1], 10, tastes_at=world.start)["candidate"]
    pairs = [set(zip(np.repeat(day[1]["id"], 10), slate, strict=True)) for slate in (now, then)]
    assert len(pairs[0] & pairs[1]) < 0.1 * len(pairs[0])


def test_without_a_shock_tastes_stay():
    world = FeedWorld(**SMALL)
    asked = world.requests(world.start + 60 * DAY, world.start + 61 * DAY)
    assert (world.ideal(asked, 5)["candidate"] == world.ideal(asked, 5, tastes_at=world.start)["candidate"]).all()
