"""Engines of the busy system on a folder, a clock for them that passes quickly, and a version published by hand."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from millrace.decision import Decision, Decisions
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.models.learner import Examples
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.versions import Lineage
from millrace.types import SECOND, instant, moment, objects
from millrace.walk import digest

START = instant(datetime(2026, 3, 1, 12, tzinfo=UTC))
PEOPLE = tuple(f"p{n}" for n in range(4))
ITEMS = tuple(f"i{n}" for n in range(9))
GENRES = ("song", "film", "book")
PATIENCE = 60.0
"""Seconds after which a test gives up, rather than hang."""


class Hurrying:
    """A clock that many threads may read: every look costs some milliseconds of simulated time."""

    def __init__(self, start: int = START, step: int = SECOND // 300) -> None:
        self.now = start
        self._step = step
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.now += self._step
            return self.now


def loaded() -> Loaded:
    return load("tests.serve.busy")


@contextmanager
def running(folder: Path, *, now: Any = None, patient: bool = True, of: Loaded | None = None) -> Iterator[Engine]:
    """Open the busy system on a folder; closed as a server would close it."""
    system = of or loaded()
    home = Home(folder, system)
    try:
        engine = Engine(system, home, now=now or Hurrying(), patient=patient)
        yield engine
        engine.close()
    finally:
        home.close()


def install(engine: Engine, seed: int = 0) -> str:
    """Publish a version of the ranker and let it serve; return the release."""
    model = engine.loaded.models["ranker"]
    nothing = Examples({}, {model.heads[0]: np.zeros(0)}, np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    now = engine.clock.now()
    lineage = Lineage(
        log_position=0, known_from=0, known_until=now, declaration=digest(model), code="", seed=seed, rows=0, labels={}, created=now
    )
    record = engine.home.registry.publish("ranker", model.learner.fit(nothing, seed).save, lineage, {}, {})
    change = Change(now, "test", "to be served")
    release = engine.home.releases.create(engine.loaded.name, {"ranker": record.version}, engine.loaded.hash, {}, change)
    engine.home.releases.promote(engine.standing, release.id, change)
    engine.reload()
    return release.id


def stock(engine: Engine) -> list[Any]:
    """Return everybody and everything there is at the start."""
    streams, at = engine.loaded.streams, engine.clock.now()
    people = [streams["Person"](id=one, city=("here", "there")[n % 2]) for n, one in enumerate(PEOPLE)]
    items = [streams["Item"](id=one, genre=GENRES[n % 3], price=0.1 * (n + 1), born=moment(at - n * SECOND)) for n, one in enumerate(ITEMS)]
    return [*people, *items]


def use(engine: Engine, g: np.random.Generator, name: str) -> Any:
    """Return something that happened a moment ago, now and then long ago or a little ahead."""
    late = int(g.choice([0, 0, 1, 3, 20])) * SECOND // 2 - (SECOND if g.random() < 0.1 else 0)
    return engine.loaded.streams["Use"](
        id=name,
        at=moment(engine.clock.now() - late),
        person=str(g.choice(PEOPLE)),
        item=str(g.choice(ITEMS)),
        seconds=None if g.random() < 0.2 else float(g.normal(10, 5)),
        liked=bool(g.random() < 0.5),
    )


def told_again(engine: Engine, g: np.random.Generator) -> Any:
    """Return an item that changes its genre and its price."""
    name = str(g.choice(ITEMS))
    born = moment(engine.clock.now() - int(g.integers(0, 9)) * SECOND)
    return engine.loaded.streams["Item"](id=name, genre=str(g.choice(GENRES)), price=float(g.random()), born=born)


def ask(engine: Engine, name: str, person: str = PEOPLE[0], **fields: Any) -> Any:
    return engine.loaded.system.request(id=name, at=moment(engine.clock.now()), person=person, **fields)


def everything(engine: Engine, watermark: int) -> dict[str, Any]:
    """Return every feature of every item for everybody, as of an instant that is not before anything known."""
    people = objects([*PEOPLE, "nobody"])
    items = objects([*ITEMS, "nothing"])
    asked = {"id": objects(f"q{n}" for n in range(len(people))), "at": np.full(len(people), watermark), "person": people}
    asked["limit"] = np.full(len(people), 3)
    rows = {"request": np.repeat(np.arange(len(people)), len(items)), "candidate": np.tile(items, len(people))}
    return engine.view.lookup(list(engine.loaded.plan.features.values()), Decisions(asked, rows), watermark)


def use_named(engine: Engine, name: str) -> Any:
    return engine.loaded.streams["Use"](id=name, at=moment(START), person="p0", item=f"i{int(name[1:]) % 2}")


def lived(engine: Engine, threads: int = 3, turns: int = 30, asking: int = 40) -> list[Decision]:
    """Let threads tell and ask all at once; return what was decided."""
    engine.ingest(stock(engine))
    install(engine)
    decided: list[Decision] = []

    def tell(number: int) -> None:
        g = np.random.default_rng(number)
        for turn in range(turns):
            batch = [use(engine, g, f"u{number}-{turn}-{n}") for n in range(int(g.integers(1, 6)))]
            engine.ingest([*batch, told_again(engine, g)] if turn % 5 == 0 else batch)

    def decide(number: int) -> None:
        g = np.random.default_rng(100 + number)
        for turn in range(asking):
            batch = [
                ask(engine, f"a{number}-{turn}-{n}", str(g.choice([*PEOPLE, "nobody"])), limit=int(g.integers(1, 5)))
                for n in range(turn % 3 + 1)
            ]
            decided.extend(engine.decide(batch))

    with ThreadPoolExecutor(2 * threads) as pool:
        for done in [pool.submit(work, n) for n in range(threads) for work in (tell, decide)]:
            done.result(PATIENCE)
    return decided
