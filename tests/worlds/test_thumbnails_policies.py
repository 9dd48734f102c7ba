"""What policies can reach in the thumbnail world: the figures that make it worth learning in."""

import numpy as np
import pytest

from millrace.types import DAY, HOUR, size, take
from millrace.worlds.thumbnails import ThumbnailsWorld
from tests.worlds.thumbnails import SMALL, cards


def artworks(world, until):
    """Return the artworks that each video has, as numbers, and their columns."""
    rows = world.happenings(world.start, until)["Artwork"]
    return rows, {name: np.flatnonzero(rows["video"] == name) for name in set(rows["video"])}


def at_random(world, asked, seed=0):
    """Return an artwork of the beginning for each card, drawn evenly."""
    g, (_, of) = np.random.default_rng(seed), artworks(world, world.start + 1)
    return cards(asked, [g.choice(of[video]) for video in asked["video"]])


def one_for_all(world, asked):
    """Return, for each card, the artwork of the beginning that is clicked most over all cards of its video."""
    _, of = artworks(world, world.start + 1)
    best = {}
    for video, own in of.items():
        mine = take(asked, asked["video"] == video)
        best[video] = max(own.tolist(), key=lambda number, mine=mine: world.value(cards(mine, np.full(size(mine), number))).sum())
    return cards(asked, [best[video] for video in asked["video"]])


def test_knowing_the_viewer_pays_beside_knowing_the_artwork():
    world = ThumbnailsWorld(artworks_per_day=0)
    asked = world.requests(world.start, world.start + DAY)
    reached = {
        "random": world.value(at_random(world, asked)).mean(),
        "one for all": world.value(one_for_all(world, asked)).mean(),
        "ideal": world.best(asked).mean(),
    }
    print("clicks a card:", {name: round(float(value), 4) for name, value in reached.items()})
    assert 0.04 < reached["random"] < 0.2
    assert reached["one for all"] > 1.15 * reached["random"]
    assert reached["ideal"] > 1.25 * reached["one for all"]


def test_best_is_what_trying_every_artwork_finds():
    world = ThumbnailsWorld(3, **SMALL)
    asked = take(world.requests(world.start, world.start + 4 * DAY), slice(None, None, 7))
    rows, of = artworks(world, world.start + 4 * DAY)
    best = world.best(asked)
    for k in range(size(asked)):
        request = take(asked, slice(k, k + 1))
        known = [number for number in of[request["video"][0]] if rows["known"][number] <= request["at"][0]]
        assert best[k] == max(world.value(cards(request, [number]))[0] for number in known)


def test_new_artworks_make_the_best_better():
    made, none = (ThumbnailsWorld(artworks_per_day=each) for each in (20, 0))
    asked = made.requests(made.start + 13 * DAY, made.start + 14 * DAY)
    assert made.best(asked).mean() > 1.1 * none.best(asked).mean()


def test_at_the_change_old_tastes_lose_and_without_one_only_fashion_moves():
    start = ThumbnailsWorld().start
    changed, calm = ThumbnailsWorld(change_at=start + 3 * DAY), ThumbnailsWorld()
    lost = {}
    for name, world in (("changed", changed), ("calm", calm)):
        for day in (2, 3):
            asked = world.requests(start + day * DAY, start + (day + 1) * DAY)
            frozen = world.value(world.ideal(asked, tastes_at=start + 2 * DAY))
            lost[name, day] = 1 - frozen.mean() / world.best(asked).mean()
    print("lost by the tastes of day 2:", {name: round(float(value), 3) for name, value in lost.items()})
    assert lost["changed", 3] > 0.15
    assert lost["calm", 3] < 0.02
    assert lost["changed", 2] < 0.01


def test_tastes_drift_with_fashion():
    world = ThumbnailsWorld(artworks_per_day=0)
    asked = world.requests(world.start + 20 * DAY, world.start + 21 * DAY)
    frozen = world.value(world.ideal(asked, tastes_at=world.start))
    lost = 1 - frozen.mean() / world.best(asked).mean()
    print("lost by the tastes of twenty days ago:", round(float(lost), 3))
    assert 0.02 < lost < 0.3


def test_what_is_clicked_most_is_not_what_is_watched_most():
    world = ThumbnailsWorld(artworks_per_day=0)
    asked = world.requests(world.start, world.start + 12 * HOUR)
    _, of = artworks(world, world.start + 1)
    tries = np.stack([world.seconds(cards(asked, [of[video][k] for video in asked["video"]])) for k in range(5)])
    clicked = world.seconds(world.ideal(asked))
    print("seconds a card: most clicks", round(float(clicked.mean()), 1), "most watching", round(float(tries.max(axis=0).mean()), 1))
    assert tries.max(axis=0).mean() > 1.1 * clicked.mean()


@pytest.mark.slow
def test_counting_clicks_by_country_and_mood_beats_uniform_by_a_tenth():
    """The least a learner can do: odds of mood by country from a week of uniform choices."""
    world = ThumbnailsWorld(requests_per_day=8_000)
    rows, _ = artworks(world, world.start + 1)
    country = dict(zip(*(world.happenings(world.start, world.start + 1)["Viewer"][c] for c in ("id", "country")), strict=True))
    asked = world.requests(world.start, world.start + 7 * DAY)
    shown = at_random(world, asked)
    world.react(shown)
    clicked = {name[1:] for name in world.happenings(world.start, world.start + 7 * DAY)["Click"]["id"]}
    mood = dict(zip(rows["id"], rows["mood"], strict=True))
    tried, hit = {}, {}
    for request, viewer, artwork in zip(shown["request"], shown["viewer"], shown["candidate"], strict=True):
        for key in ((country[viewer], mood[artwork]), artwork):
            tried[key] = tried.get(key, 0) + 1
            hit[key] = hit.get(key, 0) + (request[1:] in clicked)
    of = {video: [a for a, v in zip(rows["id"], rows["video"], strict=True) if v == video] for video in set(rows["video"])}
    then = world.requests(world.start + 7 * DAY, world.start + 8 * DAY)

    def expected(viewer, artwork):
        return (hit[artwork] + 2) / (tried[artwork] + 20) * hit[country[viewer], mood[artwork]] / tried[country[viewer], mood[artwork]]

    pick = [
        int(max(of[video], key=lambda a, v=viewer: expected(v, a))[1:]) for viewer, video in zip(then["viewer"], then["video"], strict=True)
    ]
    learned, uniform = world.value(cards(then, pick)).mean(), world.value(at_random(world, then)).mean()
    print(
        "clicks a card: uniform",
        round(float(uniform), 4),
        "counted",
        round(float(learned), 4),
        "best",
        round(float(world.best(then).mean()), 4),
    )
    assert learned > 1.1 * uniform
