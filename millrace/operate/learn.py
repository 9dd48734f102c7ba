"""One training of a system: every model in turn, each gated, and a release of those that passed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from millrace.about import VERSION
from millrace.errors import TrainingError
from millrace.evaluation.thresholds import threshold_for_cost, threshold_for_precision
from millrace.models.declare import Model
from millrace.policy.act import Cost, Precision
from millrace.serve.engine import Engine
from millrace.stores.audit import Change
from millrace.stores.release import Release
from millrace.stores.versions import Lineage
from millrace.training.declare import Retrain
from millrace.training.examples import gather
from millrace.training.history import History
from millrace.training.train import Challenger, Champion, train
from millrace.types import Array, micros
from millrace.walk import digest

Progress = Callable[[str], None]


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What came of training one model.

    Attributes:
        model: Its name.
        version: The version that will serve: the challenger if it passed, else the champion; "" when there is none.
        passed: Whether the challenger passed.
        reason: Why, or what the log lacks.
        metrics: The challenger's, on the later rows.
    """

    model: str
    version: str
    passed: bool
    reason: str
    metrics: dict[str, float] = {}


def learn(engine: Engine, history: History, now: int, seed: int, why: str, progress: Progress = lambda _: None) -> tuple[Release | None, list[Lesson]]:
    """Train every model of a system, gate each against its champion, and make a release of those that passed.

    Args:
        engine: The system.
        history: Its log.
        now: The horizon: what is known before it is learned from, microseconds.
        seed: Of the learners.
        why: The reason, for the record.
        progress: Told what is being done.

    Returns:
        The release, None when no model passed; and a lesson per model.
    """
    loaded = engine.loaded
    retrain = loaded.system.retrain or Retrain()
    standing = engine.standing
    serving = dict(engine.home.releases.get(standing.champion).versions) if standing.champion else {}
    thresholds: dict[str, float] = {}
    lessons = []
    for name, model in loaded.models.items():
        progress(f"training {name}")
        champion = serving.get(name) if name in serving and engine.versions.fits(serving[name]) else None
        lesson, learned = _learn_one(engine, history, name, model, champion, now, seed, retrain)
        lessons.append(lesson)
        thresholds |= learned
        if lesson.passed:
            serving[name] = lesson.version
    if not any(lesson.passed for lesson in lessons):
        return None, lessons
    kept = dict(engine.home.releases.get(standing.champion).thresholds) if standing.champion else {}
    change = Change(at=now, who="operate", why=why)
    release = engine.home.releases.create(loaded.name, serving, loaded.hash, {**kept, **thresholds}, change)
    return release, lessons


def _learn_one(
    engine: Engine, history: History, name: str, model: Model, champion: str | None, now: int, seed: int, retrain: Retrain
) -> tuple[Lesson, dict[str, float]]:
    since = now - micros(retrain.history)
    loaded = engine.loaded
    try:
        material = gather(model, loaded.system.request, loaded.system.candidate, history, since, now)
        found = train(material, now, retrain.gate, seed, _champion(engine, champion))
        thresholds = _thresholds(engine, name, found) if found.verdict.passed else {}
    except TrainingError as error:
        return Lesson(model=name, version=champion or "", passed=False, reason=str(error)), {}
    lineage = Lineage(
        log_position=engine.home.log.position,
        known_from=since,
        known_until=now,
        declaration=digest(model),
        code=VERSION,
        seed=seed,
        rows=found.rows,
        labels={head: int(count) for head, count in found.positives.items()},
        parents=(champion,) if champion else (),
        created=now,
    )
    metrics = {**found.metrics, f"gate {found.verdict.metric}": found.verdict.challenger}
    record = engine.home.registry.publish(name, found.version.save, lineage, _plain(metrics), {"learner": repr(model.learner)})
    passed, reason = found.verdict.passed, found.verdict.reason
    if passed and record.stage == "rejected":
        # The same files were rolled back or refused before: what was seen then still stands.
        passed, reason = False, f"{record.version} was rejected before"
    elif not passed and record.stage == "candidate":
        engine.home.registry.stage(record.version, "rejected", Change(at=now, who="gate", why=reason))
    version = record.version if passed else champion or ""
    return Lesson(model=name, version=version, passed=passed, reason=reason, metrics=_plain(metrics)), thresholds if passed else {}


def _champion(engine: Engine, version: str | None) -> Champion | None:
    return Champion(engine.load(version), engine.home.registry.get(version).lineage.known_until) if version is not None else None


def _plain(metrics: dict[str, float]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in metrics.items()}


def _thresholds(engine: Engine, name: str, found: Challenger) -> dict[str, float]:
    """Return the thresholds that this model's score is cut at, learned on the later rows; infinity where a precision is out of reach."""
    learned: dict[str, float] = {}
    later, scores = found.later
    for key, (_, rule, model) in engine.loaded.thresholds.items():
        if engine.loaded.name_of(model) != name:
            continue
        head = model.heads[0]
        kept = ~np.isnan(later.labels[head])
        score, label = scores[head][kept], later.labels[head][kept]
        learned[key] = _threshold(rule, score, label)
    return learned


def _threshold(rule: Precision | Cost, score: Array, label: Array) -> float:
    if isinstance(rule, Cost):
        return threshold_for_cost(score, label, rule.false_positive, rule.false_negative).score
    try:
        return threshold_for_precision(score, label, rule.at_least).score
    except TrainingError:
        # No score is sure enough to act on: the action is not taken at all, rather than at a precision that was not asked for.
        return math.inf
