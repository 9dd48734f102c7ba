"""The viewers of the feed world: what they like, before and after the shock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.types import Array, Columns, objects
from millrace.worlds.chance import Chance
from millrace.worlds.naming import names

COUNTRIES = ("br", "de", "in", "jp", "ng", "us")
COUNTRY_SHARES = (0.15, 0.15, 0.25, 0.1, 0.1, 0.25)
TASTES = 6
"""Dimensions of taste that no field shows (pace, humour, length of the joke)."""

_LOVE = 0.75
"""How strongly the share of a topic in a viewer's interests moves the log-odds of finishing a video on it."""
_CHARACTER = 0.6
"""Standard deviation, in log-odds, of the match between a viewer's hidden taste and a video's."""
_MOVED = 0.75
"""Share of viewers whom the shock moves to other topics."""


@dataclass(frozen=True)
class Viewers:
    """Everyone who watches, by number.

    Attributes:
        country: Number of the viewer's country. Shape (viewers,).
        activity: Share of all visits that are this viewer's; heavy-tailed. Shape (viewers,).
        love: What a topic adds to the log-odds, before [0] and after [1] the shock. Shape (2, viewers, topics).
        character: Hidden taste, before and after the shock. Shape (2, viewers, TASTES).
    """

    country: Array
    activity: Array
    love: Array
    character: Array

    def __len__(self) -> int:
        return len(self.country)

    def rows(self) -> Columns:
        """Return the viewers as rows of the stream Viewer, without instants."""
        return {"id": names("v", np.arange(len(self))), "country": objects(COUNTRIES[c] for c in self.country)}


def viewers(chance: Chance, n: int, topics: int) -> Viewers:
    """Draw `n` viewers with sparse interests: two or three topics matter to each.

    The shock gives the interests of those it moves to other topics and a new hidden taste; the others stay as they were.
    """
    rng = chance.generator("viewers")
    activity = rng.lognormal(0.0, 1.0, size=n)
    interest = np.log(rng.dirichlet(np.full(topics, 0.25), size=n) + 0.02)
    before = _LOVE * (interest - interest.mean(axis=1, keepdims=True))
    character = rng.normal(size=(n, TASTES)) * _CHARACTER
    moved = rng.random(n) < _MOVED
    shift = np.where(moved, rng.integers(2, topics - 1, size=n), 0)
    after = np.take_along_axis(before, (np.arange(topics) - shift[:, None]) % topics, axis=1)
    renewed = np.where(moved[:, None], rng.normal(size=(n, TASTES)) * _CHARACTER, character)
    return Viewers(
        country=rng.choice(len(COUNTRIES), size=n, p=COUNTRY_SHARES),
        activity=activity / activity.sum(),
        love=np.stack([before, after]),
        character=np.stack([character, renewed]),
    )
