"""The reference systems, lived in their worlds for a while: what the laws of whole systems are tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.loading import load
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.serve.engine import Engine
from millrace.serve.facts import Installed
from millrace.serve.home import Home
from millrace.testing.scorers import Weighted
from millrace.types import DAY, HOUR, moment
from millrace.worlds.feed import FeedWorld
from millrace.worlds.fraud import FraudWorld


@dataclass(frozen=True)
class Life:
    """A system, how it lived, and what is installed when it is asked."""

    system: str
    world: Any
    slice_length: int
    looks: int
    every: int
    installed: Installed
    versions: dict[str, Weighted]
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
