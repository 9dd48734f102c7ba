"""The videos of the feed world: who makes them, what they are about, how good they are, and the uploads of each day."""

from __future__ import annotations

import numpy as np

from millrace.types import DAY, Array, Columns, objects, stack, take
from millrace.worlds.chance import Chance
from millrace.worlds.feed_viewers import COUNTRIES, COUNTRY_SHARES, TASTES
from millrace.worlds.naming import names
from millrace.worlds.rhythm import instants

TOPICS = ("animals", "cars", "comedy", "cooking", "crafts", "fashion", "football", "gaming", "music", "news", "science", "travel")

_WORDS = {
    "animals": ("puppy", "parrot", "otter", "kitten"),
    "cars": ("engine", "rally", "roadster", "pit stop"),
    "comedy": ("prank", "sketch", "parody", "stand-up"),
    "cooking": ("noodles", "sourdough", "curry", "dumplings"),
    "crafts": ("pottery", "knitting", "woodwork", "origami"),
    "fashion": ("sneakers", "runway", "denim", "make-up"),
    "football": ("free kick", "derby", "goalkeeper", "dribble"),
    "gaming": ("speedrun", "boss fight", "sandbox", "duel"),
    "music": ("guitar", "chorus", "remix", "drum solo"),
    "news": ("election", "storm", "budget", "summit"),
    "science": ("volcano", "comet", "enzyme", "robot"),
    "travel": ("beach", "night train", "market", "glacier"),
}
_FRAMES = ("{} in one minute", "the best {} today", "{}, part two", "why this {} matters", "my first {}", "{} gone wrong")
_BACKLOG = 30 * DAY
"""How far back the uploads of the beginning reach."""


class Catalogue:
    """Every video ever uploaded, in order of upload, so that what exists at an instant is a prefix.

    The days to come are drawn one by one when first needed, each by a generator of its own. Columns by video number: `creator`, `topic`,
    `quality` (log-odds, with the creator's reputation in it), `character` (hidden taste), `seconds` (length), `uploaded_at`.
    """

    def __init__(self, chance: Chance, start: int, videos: int, uploads_per_day: int, creators: int) -> None:
        self._chance = chance
        self._start = start
        self._uploads_per_day = uploads_per_day
        self._days = 0
        rng = chance.generator("creators")
        self.creator_country = rng.choice(len(COUNTRIES), size=creators, p=COUNTRY_SHARES)
        self.reputation = rng.normal(0.0, 0.4, size=creators)
        self._focus = rng.dirichlet(np.full(len(TOPICS), 0.1), size=creators).cumsum(axis=1)
        self._output = rng.dirichlet(np.full(creators, 1.0))
        rng = chance.generator("backlog")
        self.videos = self._made(rng, start - rng.integers(0, _BACKLOG, size=videos))

    def until(self, instant: int) -> int:
        """Return how many videos were uploaded before an instant, drawing the days up to it where they were not yet."""
        while self._start + self._days * DAY < instant:
            rng = self._chance.generator("uploads", self._days)
            uploaded = self._start + self._days * DAY + instants(rng, self._uploads_per_day)
            self.videos = stack([self.videos, self._made(rng, uploaded)])
            self._days += 1
        return int(np.searchsorted(self.videos["uploaded_at"], instant))

    def creators(self) -> Columns:
        """Return the creators as rows of the stream Creator, without instants."""
        countries = objects(COUNTRIES[country] for country in self.creator_country)
        return {"id": names("c", np.arange(len(countries))), "country": countries}

    def rows(self, first: int, last: int) -> Columns:
        """Return the videos numbered [first, last) as rows of the stream Video, without instants."""
        part = take(self.videos, slice(first, last))
        return {
            "id": names("x", np.arange(first, last)),
            "creator": names("c", part["creator"]),
            "topic": objects(TOPICS[topic] for topic in part["topic"]),
            "title": objects(_title(topic, word) for topic, word in zip(part["topic"].tolist(), part["title"].tolist(), strict=True)),
            "uploaded_at": part["uploaded_at"],
        }

    def _made(self, rng: np.random.Generator, uploaded_at: Array) -> dict[str, Array]:
        """Draw one video for each upload instant, in order of upload."""
        n = len(uploaded_at)
        creator = rng.choice(len(self._output), size=n, p=self._output)
        topic = (rng.random(n)[:, None] > self._focus[creator]).sum(axis=1)
        return {
            "creator": creator,
            "topic": np.minimum(topic, len(TOPICS) - 1),
            "quality": rng.normal(0.0, 0.7, size=n) + self.reputation[creator],
            "character": rng.normal(size=(n, TASTES)) / np.sqrt(TASTES),
            "seconds": np.clip(rng.lognormal(3.0, 0.5, size=n), 6.0, 90.0),
            "title": rng.integers(0, 1 << 20, size=n),
            "uploaded_at": np.sort(uploaded_at),
        }


def _title(topic: int, draw: int) -> str:
    """Return a title that names something of the topic."""
    frame, word = divmod(draw, len(_FRAMES))
    words = _WORDS[TOPICS[topic]]
    return _FRAMES[word].format(words[frame % len(words)])
