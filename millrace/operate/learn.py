"""One training of a system: every model in turn, each gated, and a release of those that passed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import numpy as np

from millrace.about import VERSION
from millrace.errors import TrainingError
from millrace.evaluation.thresholds import break_even, threshold_for_cost, threshold_for_precision
from millrace.loaded import Loaded
from millrace.models.declare import Model
from millrace.policy.act import Cost, Precision
from millrace.serve.home import Home
from millrace.serve.release import Versions
from millrace.stores.audit import Change
from millrace.stores.release import Release
from millrace.stores.standing import Standing
from millrace.stores.versions import Lineage
from millrace.training.declare import Retrain
from millrace.training.examples import gather
from millrace.training.history import History
from millrace.training.logged import counts
from millrace.training.train import Challenger, Champion, train
from millrace.types import Array, micros
from millrace.walk import digest

Progress = Callable[[str], None]


class Bench(Protocol):
    """What training needs of a system: an engine has it, and so has a folder that is only looked at."""

    @property
    def loaded(self) -> Loaded:
        """The system."""
        ...

    @property
    def home(self) -> Home:
        """Its log, to be read; its registry and releases, to be added to."""
        ...

    @property
    def versions(self) -> Versions:
        """Loads its versions."""
        ...

    @property
    def standing(self) -> Standing:
        """What serves."""
        ...


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What came of training one model.

    Attributes:
        model: Its name.
        version: The version that will serve: the challenger if it passed, else the champion; "" when there is none.
        passed: Whether the challenger passed.
        reason: Why, or what the log lacks.
        metrics: The challenger's, on the later rows.
        gate: The metric the gate compared, "" when there was nothing to compare.
        champion: The champion's value of it on those rows, None without a champion; `challenger` the challenger's.
        logged: How many feature values it learned from are those that were served; `back_filled` how many were computed from the log.
    """

    model: str
    version: str
    passed: bool
    reason: str
    metrics: dict[str, float] = {}
    gate: str = ""
    champion: float | None = None
    challenger: float | None = None
    logged: int = 0
    back_filled: int = 0


def learn(
    bench: Bench,
    history: History,
    now: int,
    seed: int,
    why: str,
    progress: Progress = lambda _: None,
    *,
    at: int | None = None,
    who: str = "operate",
) -> tuple[Release | None, list[Lesson]]:
    """Train every model of a system, gate each against its champion, and make a release of those that passed.

    Models that are declared with `updates` are left as they are: they follow the log by themselves.

    Args:
        bench: The system.
        history: Its log.
        now: The horizon: what is known before it is learned from, microseconds.
        seed: Of the learners.
        why: The reason, for the record.
        progress: Told what is being done.
        at: When this is done, for the record, microseconds; at the horizon if not given.
        who: Who does this, for the record.

    Returns:
        The release, None when no model passed; and a lesson per model.
    """
    loaded = bench.loaded
    retrain = loaded.system.retrain or Retrain()
    standing, at = bench.standing, now if at is None else at
    serving = dict(bench.home.releases.get(standing.champion).versions) if standing.champion else {}
    thresholds: dict[str, float] = {}
    lessons = []
    for name, model in loaded.models.items():
        if model.updates is not None:
            continue
        progress(f"training {name}")
        champion = serving.get(name) if name in serving and bench.versions.fits(serving[name]) else None
        lesson, learned = _learn_one(bench, history, name, model, champion, now, at, seed, retrain)
        lessons.append(lesson)
        thresholds |= learned
        if lesson.passed:
            serving[name] = lesson.version
    if not any(lesson.passed for lesson in lessons):
        return None, lessons
    kept = dict(bench.home.releases.get(standing.champion).thresholds) if standing.champion else {}
    change = Change(at=at, who=who, why=why)
    release = bench.home.releases.create(loaded.name, serving, loaded.hash, {**kept, **thresholds}, change)
    return release, lessons


def _learn_one(
    bench: Bench, history: History, name: str, model: Model, champion: str | None, now: int, at: int, seed: int, retrain: Retrain
) -> tuple[Lesson, dict[str, float]]:
    since = now - micros(retrain.history)
    loaded = bench.loaded
    try:
        material = gather(model, loaded.system.request, loaded.system.candidate, history, since, now)
        found = train(material, now, retrain.gate, seed, _champion(bench, champion))
        thresholds = _thresholds(bench, name, found) if found.verdict.passed else {}
    except TrainingError as error:
        return Lesson(model=name, version=champion or "", passed=False, reason=str(error)), {}
    values = counts(material.logged)
    lineage = Lineage(
        log_position=bench.home.log.position,
        known_from=since,
        known_until=now,
        declaration=digest(model),
        code=VERSION,
        seed=seed,
        rows=found.rows,
        labels={head: int(count) for head, count in found.positives.items()},
        logged={feature: logged for feature, (logged, _) in values.items()},
        back_filled={feature: back_filled for feature, (_, back_filled) in values.items()},
        parents=(champion,) if champion else (),
        created=at,
    )
    metrics = {**found.metrics, f"gate {found.verdict.metric}": found.verdict.challenger}
    record = bench.home.registry.publish(name, found.version.save, lineage, _plain(metrics), {"learner": repr(model.learner)})
    passed, reason = found.verdict.passed, found.verdict.reason
    if passed and record.stage == "rejected":
        # The same files were rolled back or refused before: what was seen then still stands.
        passed, reason = False, f"{record.version} was rejected before"
    elif not passed and record.stage == "candidate":
        bench.home.registry.stage(record.version, "rejected", Change(at=at, who="gate", why=reason))
    lesson = Lesson(
        model=name,
        version=record.version if passed else champion or "",
        passed=passed,
        reason=reason,
        metrics=_plain(metrics),
        gate=found.verdict.metric,
        champion=_number(found.verdict.champion),
        challenger=_number(found.verdict.challenger),
        logged=sum(lineage.logged.values()),
        back_filled=sum(lineage.back_filled.values()),
    )
    return lesson, thresholds if passed else {}


def _champion(bench: Bench, version: str | None) -> Champion | None:
    return Champion(bench.versions.load(version), bench.home.registry.get(version).lineage.known_until) if version is not None else None


def _plain(metrics: dict[str, float]) -> dict[str, Any]:
    return {name: _number(value) for name, value in metrics.items()}


def _number(value: float) -> float | None:
    return None if value != value else value


def _thresholds(bench: Bench, name: str, found: Challenger) -> dict[str, float]:
    """Return the thresholds that this model's score is cut at; infinity where a precision is out of reach on the later rows."""
    learned: dict[str, float] = {}
    later, scores = found.later
    for key, (_, rule, model) in bench.loaded.thresholds.items():
        if bench.loaded.name_of(model) != name:
            continue
        head = model.heads[0]
        kept = ~np.isnan(later.labels[head])
        learned[key] = threshold_of(rule, scores[head][kept], later.labels[head][kept], later.weight[kept])
    return learned


def threshold_of(rule: Precision | Cost, score: Array, label: Array, weight: Array) -> float:
    """Return the score to act from.

    The version that was judged on the rows is fitted again with them before it serves. What a probability means does not change with
    that; where other scores lie may, a little.

    Args:
        rule: What is asked for.
        score: The judged version's, on rows it has not learned from. Shape (n,).
        label: 0 or 1. Shape (n,).
        weight: How many rows like it each stands for. Shape (n,).
    """
    if isinstance(rule, Cost):
        if score.min() >= 0 and score.max() <= 1:
            return break_even(rule.false_positive, rule.false_negative)
        return threshold_for_cost(score, label, rule.false_positive, rule.false_negative, weight=weight).score
    try:
        return threshold_for_precision(score, label, rule.at_least, weight=weight).score
    except TrainingError:
        # No score is sure enough to act on: the action is not taken at all, rather than at a precision that was not asked for.
        return math.inf
