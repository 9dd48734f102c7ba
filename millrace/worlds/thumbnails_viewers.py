"""The viewers of the thumbnail world: which moods and looks draw them, before and after the change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import Array, Columns, objects
from millrace.worlds.chance import Chance
from millrace.worlds.naming import names

COUNTRIES = ("br", "de", "in", "us")
MOODS = ("calm", "dark", "funny", "romantic", "tense")
LOOKS = ("warmth", "faces", "contrast")
"""What there is to see in an image, each about 0 and mostly within 2 of it."""

_AT_HOME = 0.55
"""How far countries differ in what a mood adds to the log-odds of a click (a standard deviation)."""
_OWN = 0.75
"""How far viewers of a country differ in it."""
_LOOKS = 0.3
"""How far viewers differ in what a look adds to the log-odds."""
_MOVED = 0.75
"""Share of viewers whom the change moves to other moods."""


@dataclass(frozen=True)
class Viewers:
    """Everyone who is shown cards, by number.

    Attributes:
        country: Number of the viewer's country. Shape (viewers,).
        activity: Share of all cards that are shown to this viewer; heavy-tailed. Shape (viewers,).
        love: What a mood adds to the log-odds, before [0] and after [1] the change. Shape (2, viewers, moods).
        eye: What a look adds to them. Shape (viewers, looks).
    """

    country: Array
    activity: Array
    love: Array
    eye: Array

    def __len__(self) -> int:
        return len(self.country)

    def rows(self) -> Columns:
        """Return the viewers as rows of the stream Viewer, without instants."""
        return {"id": names("v", np.arange(len(self))), "country": objects(COUNTRIES[c] for c in self.country)}


def viewers(chance: Chance, n: int) -> Viewers:
    """Draw `n` viewers. The change turns each country's taste about, and gives three viewers in four another of their own."""
    rng = chance.generator("viewers")
    activity = rng.lognormal(0.0, 0.8, size=n)
    country = rng.choice(len(COUNTRIES), size=n, p=(0.2, 0.2, 0.3, 0.3))
    at_home = rng.normal(0.0, _AT_HOME, size=(len(COUNTRIES), len(MOODS)))
    own = rng.normal(0.0, _OWN, size=(n, len(MOODS)))
    other = np.where(rng.random(n)[:, None] < _MOVED, rng.normal(0.0, _OWN, size=own.shape), own)
    turned = np.roll(at_home, 2, axis=1)
    love = np.stack([at_home[country] + own, turned[country] + other])
    return Viewers(country, activity / activity.sum(), love, rng.normal(0.0, _LOOKS, size=(n, len(LOOKS))))
