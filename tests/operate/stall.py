"""A market stall and its street: a tiny system that lives in a hand-made world, with a learner whose faults can be planted by seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from millrace import (
    Array,
    Canary,
    Entity,
    Event,
    Experiment,
    Fallback,
    Fresh,
    Model,
    NotWorse,
    Pipeline,
    Ref,
    Request,
    Retrain,
    Rules,
    System,
    Top,
    count,
    outcome,
)
from millrace.errors import TrainingError
from millrace.loaded import Loaded
from millrace.models.folder import read_json, write_json
from millrace.models.learner import Examples
from millrace.module.names import names
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import HOUR, MINUTE, SECOND, Columns, objects, size, take

START = 1_767_268_800_000_000
"""Noon of the first of January 2026, microseconds since 1970 UTC."""

SLICE = 10 * MINUTE
PASSERS, GOODS = 60, 9


class Passer(Entity):
    """Who passes by."""

    town: str


class Good(Entity):
    """What lies on the stall."""

    quality: float
    laid_at: datetime


class Take(Event):
    """Someone took a good."""

    passer: Ref[Passer]
    good: Ref[Good]


class Glance(Request):
    """Someone looks at the stall."""

    passer: Ref[Passer]


taken = count(Take, per=Good, over="1h")
wanted = outcome(Take, within="5m")


@dataclass(frozen=True)
class Sorted:
    """A version that scores by quality: forwards (1), backwards (-1), or not at all (0: it raises)."""

    heads: tuple[str, ...]
    way: int
    seed: int

    def score(self, rows: Columns) -> dict[str, Array]:
        if self.way == 0:
            raise ValueError("this version cannot score")
        return dict.fromkeys(self.heads, 1 / (1 + np.exp(-self.way * np.nan_to_num(rows[Good.quality.column]))))

    def save(self, folder: Path) -> None:
        write_json(folder, "sorted.json", self)


@dataclass(frozen=True)
class Sorting:
    """Learns nothing: the seed says whether its version is good. The files of every seed are its own.

    Attributes:
        backwards: The seeds whose versions score the best last.
        broken: The seeds whose versions score while they are judged, and cannot once they serve.
        refused: The seeds for which the log holds too little.
        raising: The seeds with which training fails.
    """

    backwards: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    raising: tuple[int, ...] = ()

    def fit(self, examples: Examples, seed: int) -> Sorted:
        if seed in self.refused:
            raise TrainingError("the log holds too little: wait for more")
        if seed in self.raising:
            raise ZeroDivisionError("a fault in a learner")
        return Sorted(tuple(examples.labels), -1 if seed in self.backwards else 1, seed)

    def load(self, folder: Path) -> Sorted:
        found = read_json(folder, "sorted.json", Sorted)
        return Sorted(found.heads, 0, found.seed) if found.seed in self.broken else found


ALL_PASS = NotWorse("auc", margin=1.0)
"""A gate that lets anything through: what is bad is to be caught by the guard."""


class _Bound(msgspec.Struct):
    name: str
    value: Any


def stall(learner: Any = Sorting(), *, monitors: Any = lambda _model: (), beside: float = 0.0, **retrain: Any) -> Loaded:
    """Return the system, loaded.

    Args:
        learner: What its one model learns with.
        monitors: What watches, given the model.
        beside: The share of passers whom no model ever serves.
        retrain: Settings of `Retrain` other than the usual ones here; `on` is given the model as well if it is a function.
    """
    model = Model(wanted, features=[Good.quality, taken], learner=learner)
    fresh = Fresh(Good.laid_at, take=GOODS)
    ranked, plain = Pipeline(fresh, model, Top(3, explore=0.2)), Pipeline(fresh, Rules(taken), Top(3, explore=1))
    rollout = Canary("40%", "70%", "100%", watch="1h")
    usual = {"every": "4h", "rest": "1h", "warmup": "30m", "gate": ALL_PASS, "rollout": rollout, "history": "1d"}
    policy: Any = Fallback(ranked, to=plain, after="1s")
    if beside:
        policy = Experiment({"ranked": policy, "plain": plain}, unit=Glance.passer, shares=(1 - beside, beside))
    system = System(
        Glance,
        candidate=Good,
        policy=policy,
        monitors=monitors(model),
        retrain=Retrain(**(usual | retrain)),
    )
    own = {"wanted": wanted, "ranker": model, "fresh": fresh, "ranked": ranked, "plain": plain}
    return Loaded("", "stall", system, names("stall", system, [_Bound(*one) for one in own.items()]), {}, ())  # type: ignore[arg-type]


class Street:
    """Passers who glance at the stall and take what is good, most of all what lies first.

    Args:
        seed: Of all that is drawn.
        glances: How many look in ten minutes.
        shift: From `shift_at` on, how much better everything is.
        shift_at: When that happens, microseconds; None: never.
        flip_at: From when on what is bad is wanted, and what is good is not; None: never.
    """

    def __init__(
        self, seed: int = 0, *, glances: int = 40, shift: float = 0.0, shift_at: int | None = None, flip_at: int | None = None
    ) -> None:
        self.start = START
        self._seed = seed
        self._glances = glances
        self._shift, self._shift_at, self._flip_at = shift, shift_at, flip_at
        self._quality = np.linspace(-2, 2, GOODS)
        self._takes: list[dict[str, Any]] = []

    def requests(self, since: int, until: int) -> Columns:
        g = np.random.default_rng((self._seed, since - START))
        n = self._glances
        at = np.sort(g.integers(since, until, n))
        passer = objects(f"p{number}" for number in g.integers(0, PASSERS, n))
        return {"id": objects(f"q{since - START}-{number}" for number in range(n)), "at": at, "passer": passer}

    def react(self, decided: Columns) -> None:
        if not size(decided):
            return
        g = np.random.default_rng((self._seed, 1, int(decided["at"][0]) - START))
        quality = self._quality[[int(one[1:]) for one in decided["candidate"].tolist()]]
        if self._flip_at is not None and decided["at"][0] >= self._flip_at:
            quality = -quality
        likes = g.random(size(decided)) < 1 / (1 + np.exp(-(1.5 * quality - 0.5 * decided["rank"])))
        for row in np.flatnonzero(likes).tolist():
            at = int(decided["at"][row] + g.integers(SECOND, MINUTE))
            name = f"t{decided['request'][row]}-{decided['rank'][row]}"
            self._takes.append(
                {"id": name, "at": at, "known": at + SECOND, "passer": decided["passer"][row], "good": decided["candidate"][row]}
            )

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        told: dict[str, Columns] = {}
        if since <= START < until:
            told["Passer"] = _entities(START, {"id": objects(f"p{n}" for n in range(PASSERS)), "town": objects(["here"] * PASSERS)})
            told["Good"] = self._goods(START, 0.0)
        if self._shift_at is not None and since <= self._shift_at < until:
            told["Good"] = self._goods(self._shift_at, self._shift)
        now = sorted((one for one in self._takes if one["known"] < until), key=lambda one: one["known"])
        self._takes = [one for one in self._takes if one["known"] >= until]
        if now:
            told["Take"] = {name: _column([one[name] for one in now]) for name in now[0]}
        return told

    def _goods(self, at: int, shift: float) -> Columns:
        laid = np.array([START - n * HOUR for n in range(GOODS)])
        return _entities(at, {"id": objects(f"g{n}" for n in range(GOODS)), "quality": self._quality + shift, "laid_at": laid})


def _entities(at: int, columns: dict[str, Array]) -> Columns:
    return {**columns, "at": np.full(len(columns["id"]), at), "known": np.full(len(columns["id"]), at)}


def _column(values: list[Any]) -> Array:
    return objects(values) if isinstance(values[0], str) else np.array(values)


@dataclass
class Life:
    """A stall that is operated: its engine, its operator, its time, and what was done when."""

    engine: Engine
    operator: Operator
    street: Street
    time: SimulatedTime
    done: list[tuple[int, str]]

    def until(self, hours: float) -> list[str]:
        """Live until so many hours after the start, in whole slices; return what was done meanwhile."""
        before = len(self.done)
        simulate(
            self.engine,
            self.operator,
            self.street,
            self.time,
            START + int(hours * HOUR) // SLICE * SLICE,
            slice_length=SLICE,
            seen=lambda one: self.done.extend((one.until, sentence) for sentence in one.done),
        )
        return [sentence for _, sentence in self.done[before:]]

    @property
    def arms(self) -> set[str]:
        """The arms of the latest decisions."""
        rows = self.operator.history.decided(self.time.now - SLICE, self.time.now + MINUTE)
        return set(rows["arm"].tolist())

    def worth(self, since: float) -> float:
        """Return how much of what was shown since an hour was taken."""
        rows = self.operator.history.decided(START + int(since * HOUR), self.time.now)
        takes = self.operator.history.events(Take, self.time.now)
        return size(take(takes, takes["at"] >= START + int(since * HOUR))) / max(size(rows), 1)


@contextmanager
def living(folder: Path, loaded: Loaded, street: Street | None = None, *, now: int = START, seed: int = 0) -> Iterator[Life]:
    """Open a stall on a folder, or open it again."""
    home = Home(folder, loaded)
    time = SimulatedTime(now)
    engine = Engine(loaded, home, now=time, patient=True)
    yield Life(engine, Operator(engine, seed=seed), street or Street(), time, [])
    engine.close()
    home.close()
