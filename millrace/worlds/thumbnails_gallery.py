"""The videos of the thumbnail world and the artworks that may stand for each; more artworks come every day."""

from __future__ import annotations

import numpy as np

from millrace.types import DAY, Array, Columns, objects, stack, take
from millrace.worlds.chance import Chance
from millrace.worlds.naming import names
from millrace.worlds.rhythm import SHOPS, instants
from millrace.worlds.thumbnails_images import images
from millrace.worlds.thumbnails_viewers import LOOKS, MOODS

TOPICS = ("crime", "documentary", "family", "sport")

_QUALITY = 0.35
"""How far artworks differ in what everybody makes of them, in log-odds (a standard deviation)."""
_FITS = 0.4
"""Share of artworks that have their video's mood; the others have any."""


class Gallery:
    """Videos, which are there from the start, and every artwork ever made, in order of making.

    The days to come are drawn one by one when first needed. Columns of `artworks` by number: `video`, `mood`, `looks` (n, 3), `quality`
    (log-odds), `made_at`, `image` (n, bytes). What exists at an instant is a prefix.

    Attributes:
        mood: The mood that each video truly has. Shape (videos,).
        topic: Number of its topic. Shape (videos,).
        popularity: Share of all cards that are of it. Shape (videos,).
        artworks: The artworks made so far.
    """

    def __init__(self, chance: Chance, start: int, videos: int, each: int, per_day: int) -> None:
        self._chance, self._start, self._per_day, self._days = chance, start, per_day, 0
        rng = chance.generator("videos")
        self.mood = rng.integers(0, len(MOODS), size=videos)
        self.topic = rng.integers(0, len(TOPICS), size=videos)
        share = rng.lognormal(0.0, 0.7, size=videos)
        self.popularity = share / share.sum()
        self.artworks = self._made(chance.generator("gallery"), np.repeat(np.arange(videos), each), np.full(videos * each, start))

    def until(self, instant: int) -> int:
        """Return how many artworks were made up to an instant, drawing the days up to it where they were not yet."""
        while self._start + self._days * DAY <= instant:
            rng = self._chance.generator("artworks", self._days)
            made_at = np.sort(self._start + self._days * DAY + instants(rng, self._per_day, SHOPS))
            video = rng.integers(0, len(self.mood), size=self._per_day)
            self.artworks = stack([self.artworks, self._made(rng, video, made_at)])
            self._days += 1
        return int(np.searchsorted(self.artworks["made_at"], instant, side="right"))

    def of(self, video: Array, at: Array) -> tuple[Array, Array]:
        """Return (row, artwork): every artwork that each request may show, by the request's place, in order. Shape (pairs,) each.

        Args:
            video: Of each request. Shape (requests,).
            at: When it is made. Shape (requests,).
        """
        self.until(int(at.max()) if len(at) else self._start)
        order = np.argsort(self.artworks["video"], kind="stable")
        first = np.searchsorted(self.artworks["video"][order], np.arange(len(self.mood) + 1))
        many = first[video + 1] - first[video]
        row = np.repeat(np.arange(len(video)), many)
        place = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
        artwork = order[first[video][row] + place]
        made = self.artworks["made_at"][artwork] <= at[row]
        return row[made], artwork[made]

    def videos(self) -> Columns:
        """Return the videos as rows of the stream Video, without instants."""
        return {"id": names("x", np.arange(len(self.topic))), "topic": objects(TOPICS[topic] for topic in self.topic)}

    def rows(self, first: int, last: int) -> Columns:
        """Return the artworks numbered [first, last) as rows of the stream Artwork, without instants."""
        part = take(self.artworks, slice(first, last))
        return {
            "id": names("a", np.arange(first, last)),
            "video": names("x", part["video"]),
            "mood": objects(MOODS[mood] for mood in part["mood"]),
            "image": objects(image.tobytes() for image in part["image"]),
        }

    def _made(self, rng: np.random.Generator, video: Array, made_at: Array) -> dict[str, Array]:
        """Draw one artwork for each video given, in order of making."""
        n = len(video)
        fits = rng.random(n) < _FITS
        mood = np.where(fits, self.mood[video], rng.integers(0, len(MOODS), size=n))
        looks, quality = rng.normal(0.0, 1.0, size=(n, len(LOOKS))), rng.normal(0.0, _QUALITY, size=n)
        image = images(mood, looks, rng)
        return {"video": video, "mood": mood, "looks": looks, "quality": quality, "made_at": made_at, "image": image}
