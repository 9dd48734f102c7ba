"""The hidden truth of the thumbnail world: the chance that an artwork is clicked, and how long the video is watched then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import DAY, Array
from millrace.worlds.thumbnails_gallery import Gallery
from millrace.worlds.thumbnails_viewers import MOODS, Viewers

_USUAL = -2.2
"""Log-odds of an ordinary viewer clicking an ordinary artwork in the first row."""
_LOWER = 0.25
"""Log-odds lost with each row further down."""
_SEEN_FROM_AFAR = 0.12
"""What contrast adds with each row further down: below, an image must shout."""
_FASHION = 0.5
"""How far moods come into and go out of fashion, in log-odds."""
_FASHION_LASTS = 40 * DAY
_LONG, _SHORT = 900.0, 240.0
"""Mean seconds watched after a click on an artwork of the video's own mood, and of another: those promised something else."""


@dataclass(frozen=True)
class Appeal:
    """What draws a viewer to an artwork: the sum of its quality, their taste for its mood and looks, fashion, and the row it stands in.

    Tastes drift with fashion every day, and change at once for most at `change_at`, in microseconds since 1970 UTC; None: never.
    """

    viewers: Viewers
    gallery: Gallery
    start: int
    change_at: int | None

    def clicked(self, viewer: Array, artwork: Array, row: Array, at: Array, tastes_at: Array) -> Array:
        """Return the chance of a click, whenever it comes. Shape (n,).

        Args:
            viewer: Viewer numbers. Shape (n,).
            artwork: Artwork numbers. Shape (n,).
            row: Which row of the page, from 0. Shape (n,).
            at: When it is shown, in microseconds since 1970 UTC. Shape (n,).
            tastes_at: As of when tastes and fashion are; `at` but for who never learns again. Shape (n,).
        """
        works = self.gallery.artworks
        era = np.zeros(len(at), np.int64) if self.change_at is None else (tastes_at >= self.change_at).astype(np.int64)
        mood, looks = works["mood"][artwork], works["looks"][artwork]
        odds = _USUAL + works["quality"][artwork] - _LOWER * row + _SEEN_FROM_AFAR * row * looks[:, 2]
        odds += self.viewers.love[era, viewer, mood] + (self.viewers.eye[viewer] * looks).sum(axis=1) + self._fashion(mood, tastes_at)
        return 1.0 / (1.0 + np.exp(-odds))

    def seconds(self, artwork: Array) -> Array:
        """Return the mean seconds watched after a click on each artwork. Shape (n,)."""
        video = self.gallery.artworks["video"][artwork]
        return np.where(self.gallery.artworks["mood"][artwork] == self.gallery.mood[video], _LONG, _SHORT)

    def _fashion(self, mood: Array, at: Array) -> Array:
        """Return what fashion adds to the log-odds: each mood has its turn."""
        return _FASHION * np.sin(2 * np.pi * ((at - self.start) / _FASHION_LASTS + mood / len(MOODS)))
