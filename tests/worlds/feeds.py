"""Slates and loops for the tests of the feed world."""

import numpy as np

from millrace.types import HOUR, MINUTE, objects, size, stack
from millrace.worlds.feed import FeedWorld

SMALL = {"viewers": 80, "videos": 300, "creators": 30, "uploads_per_day": 10, "requests_per_day": 300, "searches_per_day": 100}


def rows(requests, videos):
    """Return slates as decided rows: `videos` holds video numbers, a row a request."""
    n = videos.shape[1]
    asked = {name: np.repeat(column, n) for name, column in requests.items() if name != "id"}
    rank = np.tile(np.arange(n), len(videos))
    shown = objects([f"x{video}" for video in videos.ravel().tolist()])
    return {"request": np.repeat(requests["id"], n), **asked, "candidate": shown, "rank": rank}


def by_request(requests, n=10, videos=300):
    """Return slates that depend on the request's id alone, so that a loop may be cut anywhere; no video twice."""
    draws = [np.random.default_rng(int(name[1:])).permutation(videos)[:n] for name in requests["id"]]
    return rows(requests, np.array(draws).reshape(-1, n))


def drive(world, since, until, step, decide):
    """Run a loop from `since` to `until` in steps; `decide` maps requests to decided rows."""
    for now in range(since, until, step):
        asked = world.requests(now, min(now + step, until))
        if size(asked):
            world.react(decide(asked))
        yield world.happenings(now, min(now + step, until))


class Audience:
    """What a feed system could count from the events it was told of, and the simple policies that follow from it."""

    def __init__(self, viewers):
        self.topic, self.uploaded_at, self.of = np.zeros(0, object), np.zeros(0, np.int64), {}
        self.plays, self.finished = np.zeros(0), np.zeros(0)
        self.seen = [{} for _ in range(viewers)]
        self.tastes = {}

    def hear(self, told):
        """Count what happened."""
        if "Video" in told:
            self.topic = np.concatenate([self.topic, told["Video"]["topic"]])
            self.uploaded_at = np.concatenate([self.uploaded_at, told["Video"]["uploaded_at"]])
            self.plays, self.finished = (np.concatenate([c, np.zeros(size(told["Video"]))]) for c in (self.plays, self.finished))
        for viewer, video, completed in zip(*(told.get("Watch", {}).get(c, ()) for c in ("viewer", "video", "completed")), strict=True):
            number = int(video[1:])
            self.plays[number] += 1
            self.finished[number] += completed
            self.seen[int(viewer[1:])][number] = True
            tried, liked = self.tastes.get((viewer, self.topic[number]), (0, 0))
            self.tastes[viewer, self.topic[number]] = (tried + 1, liked + completed)

    def fade(self, share):
        """Let old plays count less."""
        self.plays *= share
        self.finished *= share

    def popular(self, requests, n=10):
        """Return the videos played most that a viewer has not yet seen."""
        order = np.argsort(-self.plays, kind="stable")[:400].tolist()
        return rows(requests, np.array([self._unseen(viewer, order, n) for viewer in requests["viewer"]]))

    def ranked(self, requests, n=10):
        """Return the unseen videos with the best product of odds: the viewer's for the topic and the audience's for the video."""
        prior, topics = 0.2, sorted(set(self.topic))
        rate = (self.finished + 3 * prior) / (self.plays + 3)
        topic = np.searchsorted(np.array(topics, dtype=object), self.topic)
        slates = []
        for viewer, at in zip(requests["viewer"], requests["at"], strict=True):
            counts = np.array([self.tastes.get((viewer, name), (0, 0)) for name in topics])
            taste = (counts[:, 1] + 4 * prior) / (counts[:, 0] + 4)
            fresh = np.exp(-(at - self.uploaded_at) / (48 * HOUR))
            odds = np.log(rate / (1 - rate)) + np.log(taste / (1 - taste))[topic] + fresh
            slates.append(self._unseen(viewer, np.argsort(-odds)[:400].tolist(), n))
        return rows(requests, np.array(slates))

    def _unseen(self, viewer, order, n):
        seen = self.seen[int(viewer[1:])]
        fresh = [video for video in order if video not in seen][:n]
        return (fresh + order)[:n]


def completions(policy, days, warm=1.0, step=30 * MINUTE, **arguments):
    """Return the true expected completions a place of a policy in a world of its own, after a warm-up of some days of it.

    `policy` maps (world, audience, requests) to decided rows.
    """
    world, audience = FeedWorld(**arguments), Audience(arguments.get("viewers", 600))
    audience.hear(world.happenings(world.start, world.start + 1))
    total, places, begin = 0.0, 0, world.start + 1
    for now in range(world.start, world.start + int(days * 24 * HOUR), step):
        asked = world.requests(now, now + step)
        if size(asked):
            shown = policy(world, audience, asked)
            if now >= world.start + warm * 24 * HOUR:
                total, places = total + world.value(shown).sum(), places + size(shown)
            world.react(shown)
        audience.hear(world.happenings(max(now, begin), now + step))
        audience.fade(0.98)
    return total / places


def merged(slices):
    """Return the happenings of many slices as one."""
    slices = list(slices)
    streams = {name for told in slices for name in told}
    return {name: stack([told[name] for told in slices if name in told]) for name in streams}


def assert_same(one, other):
    """Fail unless two answers of `happenings` are equal."""
    assert one.keys() == other.keys()
    for stream in one:
        assert one[stream].keys() == other[stream].keys()
        for name in one[stream]:
            np.testing.assert_array_equal(one[stream][name], other[stream][name], err_msg=f"{stream}.{name}")
