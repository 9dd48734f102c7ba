"""Visits to the search-like world: who asks what, what a way of interleaving shows them, where they click, and whose merit it is."""

from collections.abc import Callable, Iterator

import numpy as np

from millrace.decision import DECAY
from millrace.experiments.interleaving import Credits
from millrace.experiments.interleaving_credit import balanced_credit, draft_credit, probabilistic_credit, team_credit
from millrace.policy.interleave_drafts import Balanced, drawn
from millrace.types import Array
from tests.experiments.search_world import CANDIDATES, COINS, KEEN, LOOK, PLACES, QUERIES, World

ARMS = ("old", "new")
WAYS = ("team-draft", "picks of a team-draft", "balanced", "probabilistic")
"""The second earns by who picked in fact, not on average over all drafts of the same slate."""

_AT_ONCE = 100
_WEIGHTS = np.arange(1, PLACES + 1, dtype=float) ** -DECAY

Clicks = Callable[[World, Array, Array, Array], Array]
"""From a world, queries, kinds of viewers and what they are shown to the chances of clicks. Shape (requests, places)."""


def by_grade(world: World, query: Array, kind: Array, shown: Array) -> Array:
    """Return the chances of clicks of viewers who like good answers."""
    return World(world.grades[query], shown, shown).chances(shown)[kind, np.arange(len(shown))]


def by_place(world: World, query: Array, kind: Array, shown: Array) -> Array:
    """Return the chances of clicks of viewers who click by the place alone."""
    return KEEN[kind][:, None] * LOOK * 0.5


def at_random(world: World, query: Array, kind: Array, shown: Array) -> Array:
    """Return the chances of clicks of viewers who click anywhere."""
    return np.broadcast_to(KEEN[kind][:, None] * 0.3, shown.shape)


def experiments(
    by: str, g: np.random.Generator, world: World, clicks: Clicks, viewers: int, times: int
) -> Iterator[tuple[Credits, Array, Array]]:
    """Yield what each arm earned in each of many experiments, whose request each is, and the total of clicks by request."""
    unit = np.repeat(np.arange(viewers), QUERIES)
    for start in range(0, times, _AT_ONCE):
        n = min(_AT_ONCE, times - start)
        kind = np.repeat(g.integers(len(KEEN), size=viewers * n), QUERIES)
        query = g.integers(len(world.grades), size=len(kind))
        shown, team = slates(by, g, world, query)
        clicked = g.random(shown.shape) < clicks(world, query, kind, shown)
        earned = credited(by, world.ranks(query, shown), team, clicked)
        for part, total in zip(np.split(earned, n), np.split(clicked.sum(axis=1), n), strict=True):
            yield Credits(ARMS, by, part), unit, total


def slates(by: str, g: np.random.Generator, world: World, query: Array) -> tuple[Array, Array]:
    """Return what requests are shown, and who picked it (0 is old). Shape (requests, places) each."""
    if by == "probabilistic":
        return _drawn_by_rank(g, world, query)
    tables = led(world) if by == "balanced" else world.drafts
    throw = g.integers(2 if by == "balanced" else len(COINS), size=len(query))
    shown, team = (table[query, throw] for table in tables)
    return shown, team


def credited(by: str, ranks: Array, team: Array, clicked: Array) -> Array:
    """Return what each arm earned. Shape (requests, 2)."""
    drafted = np.full(len(ranks), PLACES)
    if by == "team-draft":
        return draft_credit(ranks, drafted, clicked)
    if by == "picks of a team-draft":
        return team_credit(team, clicked, 2)
    if by == "balanced":
        return balanced_credit(ranks, drafted, clicked)
    return probabilistic_credit(ranks, np.full((len(ranks), 2), PLACES), clicked)


def led(world: World) -> tuple[Array, Array]:
    """Return what balanced interleaving shows of each query, and who added it, by who leads. Shape (queries, 2, places)."""
    made = np.array(
        [[drawn(Balanced(), both, np.full(PLACES, lead)) for lead in (0.0, 0.9)] for both in np.stack([world.old, world.new], 1).tolist()]
    )
    return made[..., 0], made[..., 1]


def _drawn_by_rank(g: np.random.Generator, world: World, query: Array) -> tuple[Array, Array]:
    n = len(query)
    both = np.stack([world.old, world.new])
    picked = np.zeros((n, CANDIDATES), dtype=bool)
    shown, team = np.empty((n, PLACES), dtype=np.int64), g.integers(2, size=(n, PLACES))
    for place in range(PLACES):
        order = both[team[:, place], query]
        reached = np.cumsum(np.where(np.take_along_axis(picked, order, axis=1), 0.0, _WEIGHTS), axis=1)
        at = (reached <= g.random((n, 1)) * reached[:, -1:]).sum(axis=1)
        shown[:, place] = order[np.arange(n), at]
        picked[np.arange(n), shown[:, place]] = True
    return shown, team
