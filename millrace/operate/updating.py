"""Beliefs that follow the log between trainings: each is fitted anew on what is known by then, and serves at once."""

from __future__ import annotations

import numpy as np

from millrace.about import VERSION
from millrace.errors import TrainingError
from millrace.models.belief import reach
from millrace.models.declare import Model
from millrace.operate.outlived import let_go
from millrace.serve.engine import Engine
from millrace.stores.audit import Change
from millrace.stores.versions import Lineage
from millrace.training.examples import gather
from millrace.training.history import History
from millrace.types import DAY, EVER, micros, size
from millrace.walk import digest


class Updating:
    """Keeps up the models of a system that are declared with `updates`.

    A version holds what is believed as of a whole multiple of `updates`: all that was known before, and nothing else. It is a function of
    the log, the declaration and that instant, whoever computes it and whenever, and outcomes count the same in whatever order they came.
    The release that each decision names holds the version that it was made with; those that were replaced long ago go once a day, see
    `let_go`. Each time all rows that still count are read: how many those are is bounded by the learner's `decay` or `window`, else by
    `Retrain(history=...)`.

    Args:
        engine: The system.
        history: Its log.
    """

    def __init__(self, engine: Engine, history: History) -> None:
        self._engine = engine
        self._history = history
        self._models = {name: model for name, model in engine.loaded.models.items() if model.updates is not None}
        self._until = dict.fromkeys(self._models, EVER)
        self._tidied = EVER

    @property
    def models(self) -> frozenset[str]:
        """The names of the models it keeps up."""
        return frozenset(self._models)

    def step(self, now: int) -> list[str]:
        """Bring what is due up to date, and let it serve; return what was done. Nothing is due while a release is rolled out.

        Raises:
            Conflict: The standing was changed meanwhile, or the same belief was rejected before.
        """
        due = {name: until for name, model in self._models.items() if (until := _until(model, now)) > self._until[name]}
        seen, home = self._engine.standing, self._engine.home
        if not due or seen.rollout is not None:
            return []
        made = {name: version for name, until in due.items() if (version := self._made(name, until, now)) is not None}
        self._until |= due
        champion = home.releases.get(seen.champion) if seen.champion is not None else None
        serving, thresholds = (champion.versions, champion.thresholds) if champion is not None else ({}, {})
        if not made or {**serving, **made} == serving:
            return []
        change = Change(at=now, who="operate", why=f"what is known of {' and '.join(made)} by now")
        release = home.releases.create(self._engine.loaded.name, {**serving, **made}, self._engine.loaded.hash, thresholds, change)
        home.releases.update(seen, release.id, change)
        self._engine.reload()
        return [f"{release.id} serves: {', '.join(made.values())}", *self._tidy(now)]

    def _tidy(self, now: int) -> list[str]:
        """Delete beliefs that were replaced long ago, once a day; return what was done."""
        if now // DAY <= self._tidied:
            return []
        self._tidied = now // DAY
        gone = let_go(self._engine.home, self._engine.loaded.name, list(self._models), now)
        return [f"the files of {len(gone):,} beliefs replaced long ago are deleted"] if gone else []

    def _made(self, name: str, until: int, now: int) -> str | None:
        """Return the version of a model as of an instant, registered; None as long as nothing is known of it."""
        loaded, home, model = self._engine.loaded, self._engine.home, self._models[name]
        since = self._since(model, until)
        material = gather(model, loaded.system.request, loaded.system.candidate, self._history, since, until)
        try:
            examples = material.examples(np.ones(size(material.rows), dtype=bool), until)
            version = model.learner.fit(examples, 0)
        except TrainingError:
            return None
        lineage = Lineage(
            log_position=home.log.position,
            known_from=since,
            known_until=until,
            declaration=digest(model),
            code=VERSION,
            seed=0,
            rows=len(examples),
            labels={head: int(np.nansum(column)) for head, column in examples.labels.items()},
            created=now,
        )
        return home.registry.publish(name, version.save, lineage, {}, {"learner": repr(model.learner)}, who="operate").version

    def _since(self, model: Model, until: int) -> int:
        """Return from when on decisions may still count."""
        far = reach(model.learner)
        retrain = self._engine.loaded.system.retrain
        if far is None and retrain is not None:
            far = micros(retrain.history)
        return until - far - max(one.window for one in model.outcomes) if far is not None else EVER


def _until(model: Model, now: int) -> int:
    every = micros(str(model.updates))
    return now - now % every
