"""What the bandit believes of the artworks of one card, asked again and again while it learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millrace.decision import Policy
from millrace.models.belief import SPREAD
from millrace.serve.engine import Engine
from millrace.types import Columns, objects
from millrace.worlds.thumbnails import ThumbnailsWorld


@dataclass(frozen=True)
class Belief:
    """What is believed of an artwork at an instant: the chance of a click in time, its standard deviation, and the truth."""

    at: int
    mean: float
    spread: float
    truth: float


class Mind:
    """Keeps what is believed of the artworks of one card.

    Args:
        engine: The system.
        policy: The bandit; it is asked, and nothing of it is logged.
        world: What knows the truth.
        card: The fields of the card: a viewer, a video, a row. Shape (1,) each.
        in_time: The share of the clicks that come in time to be learned from.
    """

    def __init__(self, engine: Engine, policy: Policy, world: ThumbnailsWorld, card: Columns, in_time: float) -> None:
        self.beliefs: dict[str, list[Belief]] = {}
        self.card = card
        self._engine, self._policy, self._world, self._in_time = engine, policy, world, in_time

    def ask(self, _requests: Columns) -> None:
        """Ask what is believed now."""
        now = self._engine.clock.watermark()
        card = {**self.card, "id": objects(["r0"]), "at": np.array([now])}
        rows = self._policy.decide(card, self._engine.facts(now)).rows
        names = rows["candidate"].tolist()
        if not names:
            return
        shown = {name: np.repeat(column, len(names)) for name, column in card.items()}
        truth = self._in_time * self._world.value({**shown, "request": shown["id"], "candidate": rows["candidate"]})
        for name, *figures in zip(names, rows["score"].tolist(), rows[SPREAD].tolist(), truth.tolist(), strict=True):
            self.beliefs.setdefault(name, []).append(Belief(now, *figures))


def telling_card(world: ThumbnailsWorld, change: int) -> Columns:
    """Return the card of which a change of tastes upset the most: often shown, and what was best there no longer is.

    Args:
        world: What knows the truth.
        change: When tastes turn, microseconds.
    """
    asked = world.requests(world.start, change)
    (viewers, by_viewer), (videos, by_video) = (np.unique(asked[name].astype(str), return_counts=True) for name in ("viewer", "video"))
    viewer, video = (grid.ravel() for grid in np.meshgrid(np.arange(len(viewers)), np.arange(len(videos)), indexing="ij"))
    n = len(viewer)
    cards = {"id": objects(["r0"] * n), "at": np.full(n, change), "row": np.zeros(n, np.int64)}
    cards |= {"viewer": objects(viewers[viewer].tolist()), "video": objects(videos[video].tolist())}
    lost = world.best(cards) - world.value(world.ideal(cards, change - 1))
    most = int(np.argmax(lost * by_viewer[viewer] * by_video[video]))
    return {name: cards[name][most : most + 1] for name in ("viewer", "video", "row")}
