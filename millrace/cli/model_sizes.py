"""What each version of a system's models is worth on the latest decisions, and what it costs: bytes and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from millrace.cli.opening import Desk
from millrace.cli.printing import number
from millrace.cli.written import spelt
from millrace.errors import BadInput, NotFound
from millrace.evaluation.bootstrap import Estimate, estimate
from millrace.models.declare import Model
from millrace.operate.watch import answered, scoring
from millrace.stores.versions import VersionRecord
from millrace.training.declare import Retrain
from millrace.training.examples import place_of
from millrace.training.logged import as_served
from millrace.types import Array, Columns, micros, size, take

_NEWEST = 5
"""How many versions of a model are looked at, the newest; its champion in any case."""
_RESAMPLES = 200
_LATEST = 200
"""How many decisions say how many candidates a decision considers and how long it takes: the latest."""
MANY = 500
_REPEATS = {1: 101, MANY: 21}


@dataclass(frozen=True)
class Sized:
    """A version, what it is worth and what it costs.

    Attributes:
        model: The model's name.
        version: The version's id.
        learner: The learner, as one would write it.
        stage: champion, candidate, retired or rejected.
        outcome: The name of the model's first outcome, of which the accuracy is.
        accuracy: The metric with its interval.
        seen: The share of the rows it was measured on that it had learned from: it looks better on those than it is.
        bytes: Of its files.
        one_ms: How long it takes to score one row, milliseconds of one thread.
        many_ms: The same for 500.
        decision_ms: The same for as many as a decision considers, at the median; None where none was made with the model.
        share: That as a part of what a decision took, at the median; None where none was timed.
    """

    model: str
    version: str
    learner: str
    stage: str
    outcome: str
    accuracy: Estimate
    seen: float
    bytes: int
    one_ms: float
    many_ms: float
    decision_ms: float | None
    share: float | None


class _Made(NamedTuple):
    """How many candidates a decision considered, at the median, and how many milliseconds it took; NaN where it is not known."""

    considered: float
    took_ms: float


def sized(desk: Desk) -> list[Sized]:
    """Return the versions of every model whose scores decide, models of one outcome together, all measured on the same rows.

    Raises:
        NotFound: No version is registered, or no decision of a model has a known outcome yet.
    """
    models = {model: versions for model in scoring(desk.loaded) if (versions := _versions(desk, model))}
    if not models:
        raise NotFound(f"no version of a model of {desk.loaded.name} fits its declaration: train it first")
    heads = sorted(models, key=lambda model: model.heads[0])
    found = [one for _, alike in groupby(heads, key=lambda model: model.heads[0]) for one in _measured(desk, list(alike), models)]
    if not found:
        raise NotFound("no decision that a model scored has a known outcome yet: wait until the outcomes' windows have closed")
    return found


def _versions(desk: Desk, model: Model) -> list[VersionRecord]:
    """Return the versions that fit the model's declaration, the newest few and the champion, newest first."""
    fitting = [one for one in desk.home.registry.versions(desk.loaded.name_of(model)) if desk.versions.fits(one.version)]
    newest = fitting[-_NEWEST:]
    return [one for one in reversed(fitting) if one in newest or one.stage == "champion"]


def _measured(desk: Desk, models: list[Model], versions: dict[Model, list[VersionRecord]]) -> Iterator[Sized]:
    """Yield the versions of models that predict one outcome first, measured on the same rows; none where nothing is known of it."""
    retrain, outcome = desk.loaded.system.retrain or Retrain(), models[0].outcomes[0]
    found = answered(desk, desk.history, outcome, micros(retrain.history), desk.home.log.last_known + 1)
    if found is None:
        return
    rows, observed = found
    _, decision = np.unique(rows["id"].astype(str), return_inverse=True)
    metric = retrain.gate.metric if np.isin(observed, (0.0, 1.0)).all() else "rmse"
    for model in models:
        features = {**as_served(desk.loaded.plan, model.features, rows, desk.history).values, **place_of(model, rows)}
        made = _made(desk, model, rows)
        for record in versions[model]:
            predicted = desk.versions.load(record.version).score(features)[outcome.column]
            seen = float((rows["at"] + outcome.window < record.lineage.known_until).mean())
            yield _sized(desk, model, record, _estimate(metric, predicted, observed, decision), seen, features, made)


def _sized(desk: Desk, model: Model, record: VersionRecord, accuracy: Estimate, seen: float, features: Columns, made: _Made) -> Sized:
    score = desk.versions.load(record.version).score
    times = {n: _milliseconds(score, features, n, repeats) for n, repeats in _REPEATS.items()}
    decides = _milliseconds(score, features, round(made.considered), _REPEATS[MANY]) if made.considered > 0 else None
    return Sized(
        model=desk.loaded.name_of(model),
        version=record.version,
        learner=spelt(desk.loaded, model.learner),
        stage=record.stage,
        outcome=desk.loaded.name_of(model.outcomes[0]),
        accuracy=accuracy,
        seen=seen,
        bytes=sum(path.stat().st_size for path in desk.home.registry.folder(record.version).rglob("*") if path.is_file()),
        one_ms=times[1],
        many_ms=times[MANY],
        decision_ms=decides,
        share=decides / made.took_ms if decides is not None and made.took_ms > 0 else None,
    )


def _estimate(metric: str, predicted: Array, observed: Array, decision: Array) -> Estimate:
    try:
        return estimate(metric, predicted, observed, decision, seed=0, resamples=_RESAMPLES)
    except BadInput:  # the metric says nothing of such rows
        return Estimate(metric, None, None, None, len(np.unique(decision)))


def _milliseconds(score: Callable[[Columns], Any], features: Columns, n: int, repeats: int) -> float:
    """Return how long scoring `n` rows takes on this thread, at the median; rows are repeated where there are fewer."""
    rows = take(features, np.arange(n) % size(features))
    score(rows)  # what is made when something is first scored is not counted
    took = []
    for _ in range(repeats):
        began = time.thread_time_ns()
        score(rows)
        took.append(time.thread_time_ns() - began)
    return float(np.median(took)) / 1e6


def _made(desk: Desk, model: Model, rows: Columns) -> _Made:
    """Return what the latest decisions among the rows came to that the model took part in."""
    since = np.sort(np.unique(rows["known"]))[-_LATEST:][0]
    decisions = [one for _, one in desk.home.log.decisions(system=desk.loaded.name, known_from=int(since))]
    mine = [one for one in decisions if all(feature.column in one.features for feature in model.features)]
    took = [one.took_us / 1000 for one in mine if one.took_us]
    return _Made(
        float(np.median([len(one.candidate) for one in mine])) if mine else float("nan"), float(np.median(took)) if took else float("nan")
    )


def interval(accuracy: Estimate) -> str:
    """Return an interval as people read it."""
    return "too few" if accuracy.low is None else f"{number(accuracy.low)} to {number(accuracy.high)}"
