"""Every card that was decided, as the log has it, beside what only the world knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.training.attribution import join_keys, label
from millrace.types import Array, Columns, objects, size, take
from millrace.worlds.thumbnails import ThumbnailsWorld


@dataclass(frozen=True)
class Cards:
    """Cards in order of `at`, one artwork shown on each. Worth is the true chance of a click, whenever it comes. Shape (n,) each.

    Attributes:
        at: When, microseconds.
        viewer: To whom.
        is_bandit: Whether the bandit chose, and not chance.
        clicked: 1 where a click came in time, 0 where none did, NaN where that is not known yet.
        propensity: The chance that the artwork shown had of being shown, in (0, 1].
        favourite: The greatest chance that any artwork of the card had.
        many: How many artworks could be shown.
        shown: What the one shown was worth.
        best: What the best of them was worth.
        uniform: What any of them is worth on average.
        greedy: What the one was worth of which the most was expected; NaN outside the bandit's arm.
        outdated: What the one was worth that was best by the tastes before the change.
        would_greedy: The chance that the greedy choice is the one shown: 0 or 1, a share among equals.
    """

    at: Array
    viewer: Array
    is_bandit: Array
    clicked: Array
    propensity: Array
    favourite: Array
    many: Array
    shown: Array
    best: Array
    uniform: Array
    greedy: Array
    outdated: Array
    would_greedy: Array

    @property
    def is_best(self) -> Array:
        """Whether nothing better could be shown. Boolean, shape (n,)."""
        return self.shown >= self.best - 1e-12

    @property
    def lost(self) -> Array:
        """The regret: by how much the best was likelier to be clicked than what was shown. Shape (n,)."""
        return self.best - self.shown

    def between(self, since: int, until: int) -> Array:
        """Return which cards were shown in [since, until). Boolean, shape (n,)."""
        return (self.at >= since) & (self.at < until)


def look_back(loaded: Loaded, history: Any, log: Log, world: ThumbnailsWorld, change: int) -> Cards:
    """Return every card that was decided.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        log: Its log.
        world: What knows the truth.
        change: When tastes turned, microseconds.
    """
    end = log.last_known + 1
    rows = history.decided(world.start, end)
    made = {one.id: one for _, one in log.decisions()}
    decisions = [made[name] for name in rows["id"].tolist()]
    many = np.array([len(one.candidate) for one in decisions])
    first = np.cumsum(many) - many
    index = np.repeat(np.arange(len(many)), many)
    worth = _worth(world, rows, index, [name for one in decisions for name in one.candidate])
    chance, score = (np.array([x for one in decisions for x in getattr(one, name)], dtype=float) for name in ("propensity", "score"))
    expected = score == np.maximum.reduceat(score, first)[index]  # never of NaN: chance expects nothing
    with np.errstate(invalid="ignore"):
        would = expected / np.add.reduceat(expected.astype(float), first)[index]
    return Cards(
        at=rows["at"],
        viewer=rows["viewer"],
        is_bandit=rows["arm"] == "bandit",
        clicked=_clicked(loaded, history, rows, end),
        propensity=rows["propensity"],
        favourite=np.maximum.reduceat(chance, first),
        many=many,
        shown=worth[first],  # what is taken stands first
        best=np.maximum.reduceat(worth, first),
        uniform=np.add.reduceat(worth, first) / many,
        greedy=np.add.reduceat(worth * would, first),
        outdated=_outdated(world, rows, change),
        would_greedy=would[first],
    )


def _worth(world: ThumbnailsWorld, rows: Columns, index: Array, candidates: list[str]) -> Array:
    return world.value({**take({**rows, "request": rows["id"]}, index), "candidate": objects(candidates)})


def _outdated(world: ThumbnailsWorld, rows: Columns, change: int) -> Array:
    """Return what is worth showing to those who know all tastes as they are, and after the change as they were then."""
    at = rows["at"]
    parts = [(take(rows, at < change), None), (take(rows, at >= change), change - 1)]
    return np.concatenate([world.value(world.ideal(part, tastes)) for part, tastes in parts if size(part)])


def _clicked(loaded: Loaded, history: Any, rows: Columns, now: int) -> Array:
    (outcome,) = loaded.models["belief"].outcomes
    keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
    return label(outcome, rows, history.events(outcome.stream, now), keys, now)
