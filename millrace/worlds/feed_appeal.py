"""The hidden truth of the feed world: how much a viewer wants a video, and whether they look at where it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import DAY, Array
from millrace.worlds.chance import Chance
from millrace.worlds.feed_catalogue import TOPICS, Catalogue
from millrace.worlds.feed_viewers import COUNTRIES, Viewers

DEVICES = ("phone", "tablet", "tv")
_STAYS = np.array([0.90, 0.92, 0.86])
"""Chance that whoever looked at a place also looks at the next, by device."""

_USUAL = -2.0
"""Log-odds of an ordinary viewer finishing an ordinary video of middling age."""
_AT_HOME = 0.4
_FRESH = np.array([1.6, 0.2])
"""What everybody makes of a video uploaded just now, before and after the shock."""
_FRESH_FADES = 1.5 * DAY
_STALE_PER_DAY = 0.02
_STALE_AT_MOST = 1.5
_TIRED_OF_TOPIC = 0.3
_TIRED_OF_VIDEO = 2.2
_SHOCKED_TOPICS = 3
_COLLAPSES = -2.5
_EMERGES = 2.5


def moods(chance: Chance) -> Array:
    """Draw what everybody makes of each topic, in log-odds, before [0] and after [1] the shock. Shape (2, topics).

    The shock makes the three topics most in favour collapse, and the three least in favour the fashion.
    """
    before = chance.generator("moods").normal(0.0, 0.7, size=len(TOPICS))
    after = before.copy()
    order = np.argsort(before)
    after[order[-_SHOCKED_TOPICS:]] += _COLLAPSES
    after[order[:_SHOCKED_TOPICS]] += _EMERGES
    return np.stack([before, after])


@dataclass(frozen=True)
class Appeal:
    """The log-odds that a viewer finishes a video they look at, when nothing has tired them yet.

    The sum of what the viewer makes of the topic, how hidden taste and hidden character match, the video's quality (its creator's
    reputation in it), what everybody makes of the topic, a country in common, and how fresh the upload is.
    """

    viewers: Viewers
    catalogue: Catalogue
    moods: Array
    shock_at: int | None

    def era(self, at: Array) -> Array:
        """Return 0 for instants before the shock and 1 for those from it on."""
        return np.zeros(np.shape(at), np.int64) if self.shock_at is None else (at >= self.shock_at).astype(np.int64)

    def of(self, viewer: Array, video: Array, at: Array) -> Array:
        """Return the log-odds for slates of videos. Viewers and instants of shape (n,), videos and the answer of shape (n, places)."""
        videos, era = self.catalogue.videos, self.era(at)[:, None]
        who, topic = viewer[:, None], videos["topic"][video]
        match = (self.viewers.character[era, who] * videos["character"][video]).sum(axis=2)
        home = self.viewers.country[who] == self.catalogue.creator_country[videos["creator"][video]]
        topical = self.viewers.love[era, who, topic] + self.moods[era, topic]
        intrinsic = videos["quality"][video] + freshness(at[:, None] - videos["uploaded_at"][video], era)
        return _USUAL + topical + match + _AT_HOME * home + intrinsic

    def of_all(self, viewer: Array, at: Array, era: Array, count: int) -> Array:
        """Return the log-odds for the first `count` videos of the catalogue, −inf where not yet uploaded. Shape (n, count).

        Args:
            viewer: Viewer numbers. Shape (n,).
            at: Instants, for what exists and how fresh it is. Shape (n,).
            era: Whose tastes to judge by: 0 before the shock, 1 after. Shape (n,).
            count: How many videos, in order of upload.
        """
        videos = {name: column[:count] for name, column in self.catalogue.videos.items()}
        topics, countries = np.eye(len(TOPICS)), np.eye(len(COUNTRIES))
        country = self.catalogue.creator_country[videos["creator"]]
        topical = self.viewers.love[era, viewer] + self.moods[era]
        likes = np.hstack([topical, self.viewers.character[era, viewer], _AT_HOME * countries[self.viewers.country[viewer]]])
        offers = np.hstack([topics[videos["topic"]], videos["character"], countries[country]])
        age = at[:, None] - videos["uploaded_at"]
        wanted = _USUAL + likes @ offers.T + videos["quality"] + freshness(age, era[:, None])
        return np.where(age > 0, wanted, -np.inf)


def freshness(age: Array, era: Array) -> Array:
    """Return what a video's age, in microseconds, adds to the log-odds: a bonus that fades in days, then a slow decline.

    Args:
        age: Time since the upload, in microseconds.
        era: 0 before the shock, when the new is loved, 1 after it, when it hardly is. Broadcasts with `age`.
    """
    return _FRESH[era] * np.exp(-age / _FRESH_FADES) - np.minimum(_STALE_PER_DAY * age / DAY, _STALE_AT_MOST)


def tiredness(topic_load: Array, video_load: Array) -> Array:
    """Return the log-odds lost to having looked at much of the same topic and at the same video before."""
    return _TIRED_OF_TOPIC * np.log1p(topic_load) + _TIRED_OF_VIDEO * -np.expm1(-video_load)


def looking(device: Array, rank: Array) -> Array:
    """Return the chance that a viewer looks at a place: it falls with each place, and fastest on a television."""
    return _STAYS[device] ** rank


def likelihood(log_odds: Array) -> Array:
    """Return the probability with these log-odds."""
    return 1.0 / (1.0 + np.exp(-log_odds))
