"""The reference systems, lived in their worlds for a while: what the laws of whole systems are tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from millrace.loaded import Loaded
from millrace.loading import load
from millrace.models.learner import Examples
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.serve.engine import Engine
from millrace.serve.facts import Installed
from millrace.serve.home import Home
from millrace.testing.scorers import Weighted
from millrace.types import DAY, HOUR, Array, moment, objects
from millrace.worlds.feed import FeedWorld
from millrace.worlds.fraud import FraudWorld
from millrace.worlds.thumbnails import ThumbnailsWorld


@dataclass(frozen=True)
class Life:
    """A system, how it lived, and what is installed when it is asked."""

    system: str
    world: Any
    slice_length: int
    looks: int
    every: int
    installed: Installed
    versions: Mapping[str, Any]
    tell: Callable[[Engine, int], None] = lambda _engine, _now: None


def feed() -> Life:
    loaded = load("millrace.systems.feed")
    world = FeedWorld(3, viewers=40, videos=120, creators=12, uploads_per_day=20, requests_per_day=150, searches_per_day=150)
    videos = tuple(f"x{n}" for n in range(150))
    versions = {"ranker-1": Weighted("ranker", loaded.models["ranker"].heads), "nearby-1": Weighted("nearby", (), ids=videos)}
    return Life(
        "millrace.systems.feed", world, 2 * HOUR, 5, 7 * HOUR, Installed("r", {"ranker": "ranker-1", "nearby": "nearby-1"}), versions
    )


def fraud() -> Life:
    loaded = load("millrace.systems.fraud")
    world = FraudWorld(3, cards=40, merchants=12, payments_per_day=40, fraud_share=0.3, graph_every=6 * HOUR)
    versions = {"risk-1": Weighted("risk", loaded.models["risk"].heads)}
    installed = Installed("r", {"risk": "risk-1"}, {"scored.Act/decline": 0.272, "scored.Act/review": 0.21})
    return Life("millrace.systems.fraud", world, 12 * HOUR, 5, 7 * DAY, installed, versions, verdicts)


def thumbnails() -> Life:
    loaded = load("millrace.systems.thumbnails")
    world = ThumbnailsWorld(3, viewers=30, videos=6, requests_per_day=200)
    return Life(
        "millrace.systems.thumbnails", world, 2 * HOUR, 5, 7 * HOUR, Installed("r", {"belief": "belief-1"}), {"belief-1": _believed(loaded)}
    )


def _believed(loaded: Loaded) -> Any:
    """Return a belief that was taught by rows of any numbers."""
    model, g, n = loaded.models["belief"], np.random.default_rng(3), 200
    rows: dict[str, Array] = {one.column: g.random(n) for one in model.features}
    rows["Artwork.mood"], rows["Card.row"] = objects(g.choice(["calm", "dark", "funny"], n)), g.integers(0, 5, n)
    label = (g.random(n) < rows[model.features[0].column]).astype(float)
    return model.learner.fit(Examples(rows, {model.heads[0]: label}, np.ones(n), np.arange(n), np.arange(n)), 0)


def verdicts(engine: Engine, now: int) -> None:
    """Let the analysts look at the latest payments: the rules that decide here send them none."""
    payments = engine.home.log.read(engine.loaded.streams["Payment"])["id"][-9:].tolist()
    verdict = engine.loaded.streams["Verdict"]
    engine.ingest([verdict(at=moment(now), payment=one, fraudulent=place % 3 == 0) for place, one in enumerate(payments)])


@contextmanager
def begun(life: Life, folder: Path) -> Iterator[tuple[Engine, Callable[[int], int]]]:
    """Open a life's system; the function lives on until so long after its start, and returns the present."""
    loaded = load(life.system)
    home = Home(folder, loaded)
    time = SimulatedTime(life.world.start)
    engine = Engine(loaded, home, now=time, patient=True)

    def live(until: int) -> int:
        simulate(engine, None, life.world, time, life.world.start + until, slice_length=life.slice_length)
        life.tell(engine, time.now)
        return time.now

    yield engine, live
    engine.close()
    home.close()
