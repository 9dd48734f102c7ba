"""A gallery whose visitors take by whim: who takes what says nothing of what is taken next, so a model that knows it was told later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from millrace import (
    ALS,
    Entity,
    Event,
    Fallback,
    Fresh,
    Model,
    NoRepeats,
    Pairs,
    Pipeline,
    Ref,
    Request,
    Rules,
    System,
    Top,
    affinity,
    count,
    outcome,
)
from millrace.decision import Decision
from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.operate.published import Published
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout
from millrace.stores.versions import Lineage
from millrace.testing.scorers import Untrained
from millrace.training.examples import gather
from millrace.types import EVER, HOUR, MINUTE, SECOND, moment, size
from millrace.walk import digest

START = 1_767_268_800_000_000
PEOPLE, PICTURES = 20, 90


class Person(Entity):
    """Who asks."""

    town: str


class Picture(Entity):
    """What is asked for."""

    hung: datetime


class Take(Event):
    """Someone took a picture home."""

    person: Ref[Person]
    picture: Ref[Picture]


class Ask(Request):
    """Someone asks for something to see."""

    person: Ref[Person]


wanted = outcome(Take, within="1h")
taken = count(Take, per=Picture, over="1d")
nearby = Model(wanted, learner=ALS(embedding_size=20, epochs=8), examples=Pairs(Take))
near = affinity(nearby, by=Ask.person)
ranker = Model(wanted, features=[taken, near], learner=Untrained())

fresh = Fresh(Picture.hung, take=PICTURES)
unseen = NoRepeats(Ask.person, Picture, over="30d")
ranked, plain = Pipeline(fresh, unseen, ranker, Top(4, explore=1)), Pipeline(fresh, unseen, Rules(taken), Top(4, explore=1))
gallery = System(Ask, candidate=Picture, policy=Fallback(ranked, to=plain, after="10s"))


@dataclass
class Life:
    """The gallery, open: `hours` pass, versions come and go."""

    engine: Engine
    now: list[int]
    g: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def history(self) -> LogHistory:
        """Its log, as training reads it."""
        return LogHistory(self.engine.home.log, self.engine.loaded, published=self.published)

    @property
    def published(self) -> Published:
        """Its versions, as they served."""
        return Published(self.engine.loaded, self.engine.home.releases, self.engine.versions)

    def hours(self, n: int) -> list[Decision]:
        """Let everybody ask once an hour, and take half of what is shown."""
        decided: list[Decision] = []
        streams = self.engine.loaded.streams
        for _ in range(n):
            self.now[0] += HOUR
            asks = [streams["Ask"](id=f"{self.now[0]}-{one}", at=moment(self.now[0]), person=f"p{one}") for one in range(PEOPLE)]
            made = self.engine.decide(asks)
            self.now[0] += MINUTE
            shown = [(ask.person, one) for ask, decision in zip(asks, made, strict=True) for one in decision.candidate[: decision.taken]]
            took = [pair for pair in shown if self.g.random() < 0.5]
            self.engine.ingest([streams["Take"](at=moment(self.now[0]), person=person, picture=one) for person, one in took])
            decided += made
        self.now[0] += SECOND
        return decided

    def publish(self, model: str) -> str:
        """Fit a model on all that is known and register the version."""
        declared = self.engine.loaded.models[model]
        seed = len(self.engine.home.registry.versions(model))
        material = gather(declared, Ask, Picture, self.history, EVER, self.now[0])
        version = declared.learner.fit(material.examples(np.ones(size(material.rows), dtype=bool), self.now[0]), seed)
        known = {
            "log_position": 0,
            "known_from": 0,
            "known_until": self.now[0],
            "code": "",
            "rows": 0,
            "labels": {},
            "created": self.now[0],
        }
        lineage = Lineage(declaration=digest(declared), seed=seed, **known)
        return self.engine.home.registry.publish(model, version.save, lineage, {}, {}).version

    def release(self, versions: Mapping[str, str], share: float = 1.0) -> None:
        """Let versions serve a share of all."""
        releases, change = self.engine.home.releases, Change(self.now[0], "test", "to be served")
        made = releases.create("gallery", versions, self.engine.loaded.hash, {}, change)
        seen = self.engine.standing
        if share < 1:
            releases.roll_out(seen, Rollout(release=made.id, step=0, share=share, started=self.now[0]), change)
        else:
            releases.promote(seen, made.id, change)
        self.engine.reload()

    def roll_back(self) -> None:
        """Let the champion before serve again."""
        self.engine.home.releases.roll_back(self.engine.standing, Change(self.now[0], "test", "it was better"))
        self.engine.reload()


@contextmanager
def opened(folder: Path) -> Iterator[Life]:
    """Open the gallery in a folder, with everybody and everything there."""
    loaded = load("tests.operate.gallery")
    home = Home(folder, loaded)
    now = [START]
    engine = Engine(loaded, home, now=lambda: now[0], patient=True)
    streams: dict[str, Any] = loaded.streams
    engine.ingest([streams["Person"](id=f"p{n}", town="here") for n in range(PEOPLE)])
    engine.ingest([streams["Picture"](id=f"i{n:02}", hung=moment(START - n * HOUR)) for n in range(PICTURES)])
    try:
        yield Life(engine, now)
    finally:
        engine.close()
        home.close()
