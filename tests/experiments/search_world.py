"""A search-like world: queries with graded answers, two rankings of them, viewers who click by place and grade; all exactly known.

A viewer looks at place i with chance 1 / i and, looking, clicks by the grade and by how keen a viewer it is, or for no reason at all.
Keenness differs between viewers, so what one viewer does goes together. Expectations and variances are sums over queries and kinds of
viewers, without a draw; `Visits` draws from the same world.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from millrace.experiments.interleaving_credit import draft_credit
from millrace.types import Array

PLACES, CANDIDATES = 10, 30
LOOK = 1 / np.arange(1, PLACES + 1)
DISCOUNT = 1 / np.log2(np.arange(2, PLACES + 2))
LIKED = np.array([0.0, 0.15, 0.35, 0.6, 0.9])
"""How likely the keenest viewer clicks by an answer's grade, 0 to 4."""
STRAY = 0.03
"""How likely anybody clicks on whatever is looked at."""
KEEN = np.array([0.2, 0.5, 1.0])
"""The kinds of viewers, a third each."""
QUERIES = 5
"""How many queries a viewer makes."""
COINS = np.array([[coin >> turn & 1 for turn in range(PLACES // 2)] for coin in range(2 ** (PLACES // 2))])


@dataclass(frozen=True)
class World:
    """Queries and two rankings.

    Attributes:
        grades: Of each query's candidates, 0 to 4. Shape (queries, candidates).
        old: The candidates that the old ranker shows, best first. Shape (queries, places).
        new: The new one's.
    """

    grades: Array
    old: Array
    new: Array

    @staticmethod
    def made(apart: float, queries: int = 2000, seed: int = 0) -> "World":
        """Return a world whose old ranker is the new one with noise of a deviation `apart`, in grades, upon its scores."""
        g = np.random.default_rng(seed)
        grades = g.choice(5, size=(queries, CANDIDATES), p=[0.6, 0.2, 0.1, 0.06, 0.04])
        score = grades + g.normal(size=grades.shape)
        worse = score + apart * g.normal(size=grades.shape)
        return World(grades, _best(worse), _best(score))

    def mirrored(self) -> "World":
        """Return a world in which every query comes twice, the second time with both rankings exchanged: neither ranker is better."""
        return World(*(np.concatenate(both) for both in ((self.grades, self.grades), (self.old, self.new), (self.new, self.old))))

    def ndcg(self, shown: Array) -> float:
        """Return the mean NDCG of a ranking of every query."""
        gain = 2.0**self.grades - 1
        best = -np.sort(-gain, axis=1)[:, :PLACES] @ DISCOUNT
        return float(np.mean(np.take_along_axis(gain, shown, axis=1) @ DISCOUNT / np.where(best > 0, best, 1)))

    @property
    def gain(self) -> float:
        """How much more NDCG the new ranker has."""
        return self.ndcg(self.new) - self.ndcg(self.old)

    def chances(self, shown: Array) -> Array:
        """Return the chance of a click per kind of viewer, query and place. Shape (kinds, *shown.shape)."""
        grade = self.grades[np.arange(len(shown)).reshape(-1, *[1] * (shown.ndim - 1)), shown]
        liked = STRAY + (1 - STRAY) * KEEN.reshape(-1, *[1] * grade.ndim) * LIKED[grade]
        return LOOK * liked

    @cached_property
    def drafts(self) -> tuple[Array, Array]:
        """What a team draft shows by each throw of its coins, and who picked it (0 is old). Shape (queries, throws, places)."""
        n = len(self.grades)
        shown, team = np.empty((2, n, len(COINS), PLACES), dtype=np.int64)
        picked = np.zeros((n, len(COINS), CANDIDATES), dtype=bool)
        for place in range(PLACES):
            team[:, :, place] = COINS[:, place // 2] ^ (place % 2)
            both = np.stack([self.old, self.new])[team[:, :, place], np.arange(n)[:, None]]
            left = ~np.take_along_axis(picked, both, axis=2)
            shown[:, :, place] = np.take_along_axis(both, left.argmax(axis=2)[..., None], axis=2)[..., 0]
            np.put_along_axis(picked, shown[:, :, place, None], True, axis=2)
        return shown, team

    def ranks(self, query: Array, shown: Array) -> Array:
        """Return at which place the old and the new ranking have what queries were shown, else -1. Shape (n, 2, places)."""
        found = []
        for ranking in (self.old, self.new):
            at = np.full(self.grades.shape, -1)
            np.put_along_axis(at, ranking, np.arange(PLACES)[None, :].repeat(len(ranking), axis=0), axis=1)
            found.append(at[query[:, None], shown])
        return np.stack(found, axis=1)

    @cached_property
    def averaged(self) -> Array:
        """What a click at each place of each draft is worth: to the new ranker less to the old, averaged. Shape as `drafts`."""
        shown, _ = self.drafts
        flat, query = shown.reshape(-1, PLACES), np.repeat(np.arange(len(shown)), len(COINS))
        ranks, drafted = self.ranks(query, flat), np.full(len(flat), PLACES)
        worth = np.empty(flat.shape)
        for place in range(PLACES):
            credit = draft_credit(ranks, drafted, np.eye(PLACES)[[place]].repeat(len(flat), axis=0))
            worth[:, place] = credit[:, 1] - credit[:, 0]
        return worth.reshape(shown.shape)

    @cached_property
    def thrown(self) -> Array:
        """What a click at each place of each draft is worth: 1 where the new ranker picked, -1 where the old. Shape as `drafts`."""
        return 2 * self.drafts[1] - 1


def _best(score: Array) -> Array:
    return np.argsort(-score, axis=1)[:, :PLACES]


Metric = Callable[[Array], tuple[Array, Array]]
"""From the chances of clicks (..., places) to the mean and the mean square of a figure per query (...)."""


def weighed(worth: Array) -> Metric:
    """Return the sum of clicks, each for what it is worth at its place."""

    def moments(chance: Array) -> tuple[Array, Array]:
        mean = (chance * worth).sum(axis=-1)
        return mean, mean**2 + (chance * (1 - chance) * worth**2).sum(axis=-1)

    return moments


def _any_click(chance: Array) -> tuple[Array, Array]:
    clicked = 1 - np.prod(1 - chance, axis=-1)
    return clicked, clicked


def _first_click(chance: Array) -> tuple[Array, Array]:
    none_above = np.cumprod(np.concatenate([np.ones_like(chance[..., :1]), 1 - chance[..., :-1]], axis=-1), axis=-1)
    first = none_above * chance
    return (first * LOOK).sum(axis=-1), (first * LOOK**2).sum(axis=-1)


METRICS: dict[str, Metric] = {
    "clicks per query": weighed(np.ones(PLACES)),
    "queries with a click": _any_click,
    "clicks on the first place": weighed(np.eye(PLACES)[0]),
    "reciprocal rank of the first click": _first_click,
    "discounted clicks": weighed(DISCOUNT),
}
"""What an A/B test may go by; the most sensitive of them is taken."""


def per_viewer(mean: Array, square: Array, queries: int = QUERIES) -> tuple[float, float]:
    """Return the mean and the variance of a figure's sum over a viewer's queries, of its moments given the kind. Shape (kinds, ...)."""
    kinds = mean.reshape(len(KEEN), -1).mean(axis=1)
    within = square.reshape(len(KEEN), -1).mean(axis=1) - kinds**2
    return float(queries * kinds.mean()), float(queries * within.mean() + queries**2 * kinds.var())


def viewers_by_arms(world: World, metric: Metric, reach: float, queries: int = QUERIES) -> float:
    """Return how many viewers an A/B test by viewer needs in both arms together.

    Args:
        world: The world.
        metric: What it goes by.
        reach: The normal quantiles of the significance and of the power, added up.
        queries: How many queries a viewer makes.
    """
    both = (metric(world.chances(shown)) for shown in (world.old, world.new))
    (old, spread_old), (new, spread_new) = (per_viewer(*moments, queries) for moments in both)
    return reach**2 * 2 * (spread_old + spread_new) / (new - old) ** 2


def viewers_by_draft(world: World, worth: Array, reach: float, queries: int = QUERIES) -> float:
    """Return how many viewers a team draft needs whose clicks are worth so much. Shape of `worth`: (queries, throws, places)."""
    mean, spread = per_viewer(*weighed(worth)(world.chances(world.drafts[0])), queries)
    return reach**2 * spread / mean**2
