"""A system tried on a data set: its figure beside those of the simple answers, on the same questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from millrace.datasets.floors import Taken, popularity, recall, together
from millrace.datasets.trial import Ranking, Scoring, Trial
from millrace.decision import Decision
from millrace.evaluation.bootstrap import Statistic, interval, resampled, statistic
from millrace.evaluation.metrics import metric
from millrace.loaded import Loaded
from millrace.policy.pipeline import Pipeline
from millrace.policy.stages import Score
from millrace.serve.engine import Engine
from millrace.types import Array, Columns, objects, size, take

_BATCH = 500
_CONFIDENCE = 0.95
Progress = Callable[[str, float], object]


class Contender(msgspec.Struct, frozen=True):
    """One who was tried, by one metric.

    Attributes:
        name: The system, or a simple answer.
        value: The metric.
        low: The lower end of its 95 % interval.
        high: The upper end.
        ahead: By how much the system is better on the same questions; None for the system itself.
        ahead_low: The lower end of that difference's 95 % interval.
        ahead_high: The upper end.
    """

    name: str
    value: float
    low: float
    high: float
    ahead: float | None = None
    ahead_low: float | None = None
    ahead_high: float | None = None


class Figures(msgspec.Struct, frozen=True):
    """All who were tried, by one metric; the system comes first.

    Attributes:
        metric: Its name.
        larger_is_better: Whether more of it is better.
        cases: On how many questions.
        contenders: Who was tried.
    """

    metric: str
    larger_is_better: bool
    cases: int
    contenders: list[Contender]


def tried(engine: Engine, trial: Trial, seed: int = 0, progress: Progress = lambda *_: None) -> list[Figures]:
    """Ask a system everything a trial asks, and measure its answers beside those of the simple answers.

    Nothing is logged. Intervals are bootstrapped: the questions are drawn anew, the same ones for all.

    Args:
        engine: The system, trained; it must answer as of `trial.at`.
        trial: The questions.
        seed: Of the draws.
        progress: Told how far it is.
    """
    name = f"{engine.loaded.name}: {_learners(next(engine.loaded.of(Pipeline)), engine.loaded)}"
    decisions = _answers(engine, trial.requests, progress)
    if isinstance(trial.answers, Scoring):
        return _scored(engine, name, decisions, trial, trial.answers, seed)
    return [_ranked(name, decisions, trial, trial.answers, seed, progress)]


def _answers(engine: Engine, requests: Columns, progress: Progress) -> list[Decision]:
    decisions: list[Decision] = []
    while len(decisions) < size(requests):
        progress(f"asking {engine.loaded.name}", len(decisions) / size(requests))
        decisions += engine.answer(take(requests, slice(len(decisions), len(decisions) + _BATCH)))
    return decisions


def _learners(pipeline: Pipeline, loaded: Loaded) -> str:
    """Return what learns for a pipeline: the models it scores by, or those its sources recall from where it scores by none."""
    scoring = [stage.model for stage in pipeline.stages if isinstance(stage, Score)]
    return ", ".join(dict.fromkeys(type(model.learner).__name__ for model in scoring or loaded.models.values()))


def _ranked(name: str, decisions: list[Decision], trial: Trial, asked: Ranking, seed: int, progress: Progress) -> Figures:
    progress("asking the simple answers", 0.0)
    events, n = trial.streams[asked.taken], len(decisions)
    taken = Taken.of(events[asked.query], events[asked.candidate], trial.requests[asked.query])
    proposed = {
        name: _shown(decisions),
        "popularity": popularity(taken, asked.k),
        "item–item co-occurrence": together(taken, asked.k),
    }
    each = {one: recall(rows, asked.held, n, asked.k) for one, rows in proposed.items()}
    return _figures(asked.metric, True, {one: _mean(values) for one, values in each.items()}, seed)


def _shown(decisions: list[Decision]) -> Columns:
    counts = [decision.taken for decision in decisions]
    candidates = objects(one for decision in decisions for one in decision.candidate[: decision.taken])
    return {"request": np.repeat(np.arange(len(decisions)), counts), "candidate": candidates}


def _mean(each: Array) -> Statistic:
    return Statistic(float(each.mean()), len(each), lambda times: float(times @ each / len(each)))


def _scored(engine: Engine, name: str, decisions: list[Decision], trial: Trial, asked: Scoring, seed: int) -> list[Figures]:
    scores = {name: np.array([decision.score[0] for decision in decisions], dtype=np.float64)}
    for pipeline in list(engine.loaded.of(Pipeline))[1:]:  # the first is the one that answered
        decided = pipeline.decide(trial.requests, engine.facts(engine.clock.watermark()))
        scores[f"{engine.loaded.name_of(pipeline)}: {_learners(pipeline, engine.loaded)}"] = decided.rows["score"]
    figures = []
    for one in map(metric, asked.metrics):
        found = {who: statistic(one, score, asked.label) for who, score in scores.items()}
        figures.append(_figures(one.name, one.larger_is_better, found, seed))
    return figures


def _figures(name: str, larger_is_better: bool, found: Mapping[str, Statistic], seed: int) -> Figures:
    draws = resampled(list(found.values()), seed)
    sign = 1.0 if larger_is_better else -1.0
    contenders: list[Contender] = []
    ours = next(iter(found.values()))
    for place, (who, one) in enumerate(found.items()):
        low, high = _ends(draws[:, place])
        ahead = (sign * (ours.value - one.value), *_ends(sign * (draws[:, 0] - draws[:, place]))) if place else (None, None, None)
        contenders.append(Contender(who, one.value, low, high, *ahead))
    return Figures(name, larger_is_better, ours.units, contenders)


def _ends(draws: Array) -> tuple[float, float]:
    return interval(draws, _CONFIDENCE) or (float("nan"), float("nan"))
