"""Ask the monitors of a system what they see."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.evaluation.bootstrap import estimate
from millrace.evaluation.metrics import metric
from millrace.loaded import Loaded
from millrace.models.declare import Model, Outcome
from millrace.monitors.calibration import calibration
from millrace.monitors.declare import Calibration, Drift, Drop, Freshness
from millrace.monitors.drift import drift, profile
from millrace.monitors.freshness import freshness
from millrace.monitors.performance import performance
from millrace.monitors.reading import Reading
from millrace.operate.learn import Bench
from millrace.policy.pipeline import Pipeline
from millrace.policy.stages import Score
from millrace.serve.engine import Engine
from millrace.training.attribution import join_keys, label
from millrace.training.examples import place_of
from millrace.training.history import History
from millrace.types import EVER, Array, Columns, micros, size, take
from millrace.walk import reachable

_LEAST_LABELLED = 500
_MOST_LABELLED = 5_000
_SIGMAS = 1.96


def watched(loaded: Loaded) -> list[Any]:
    """Return what is watched: the monitors declared, and each metric whose drop triggers a training."""
    retrain = loaded.system.retrain
    return [*loaded.system.monitors, *(one for one in (retrain.on if retrain else ()) if isinstance(one, Drop))]


def look(engine: Engine, history: History, monitor: Any, now: int) -> Reading | None:
    """Return what a monitor sees now; None where there is nothing to look at yet."""
    if isinstance(monitor, Freshness):
        return freshness(_last_known(engine), now, monitor.age)
    if not engine.standing.champion:
        return None
    if isinstance(monitor, Drift):
        return _drift(engine, history, monitor, now)
    if isinstance(monitor, Calibration):
        return _calibration(engine, history, monitor, now)
    return _drop(engine, history, monitor, now)


def _last_known(engine: Engine) -> int | None:
    return engine.home.log.last_known if engine.home.log.position else None


def _drift(engine: Engine, history: History, monitor: Drift, now: int) -> Reading | None:
    """Compare a version's latest traffic with its first: what it was trained on was chosen by another, so it looks otherwise anyhow."""
    over = micros(monitor.over)
    rows = served(_own(engine, monitor.of, history.decided(EVER, now)), monitor.of)
    if not size(rows) or now - rows["at"][0] < 2 * over:
        return None
    columns = [name for name in rows if name != "at"]
    first = take(rows, rows["at"] < rows["at"][0] + over)
    latest = take(rows, rows["at"] >= now - over)
    called = {one.column: str(engine.loaded.names.get(id(one), one.column)) for one in monitor.of.features}
    reference = profile({called.get(column, column): first[column] for column in columns})
    recent = {called.get(column, column): latest[column] for column in columns}
    return drift(engine.loaded.name_of(monitor.of), reference, recent, monitor.of.heads, monitor.limit)


def _alike(engine: Engine, model: Model, releases: Array) -> list[str]:
    """Return those releases that have the version of a model that serves now: a release that only renews others is no new beginning."""
    if model.updates is not None:  # each of its releases believes a little more than the last
        return [one for one in np.unique(releases.astype(str)).tolist() if one]
    name, get = engine.loaded.name_of(model), engine.home.releases.get
    serving = get(str(engine.standing.champion)).versions.get(name)
    return [one for one in np.unique(releases.astype(str)).tolist() if one and get(one).versions.get(name) == serving]


def _calibration(engine: Engine, history: History, monitor: Calibration, now: int) -> Reading | None:
    model = next((one for one in scoring(engine.loaded) if monitor.of.column in one.heads), None)
    if model is None:
        return None
    labelled = recent(engine, history, model, monitor.of, micros(monitor.over), now)
    if labelled is None:
        return None
    predicted, observed, _ = labelled
    return calibration(engine.loaded.name_of(monitor.of), predicted, observed, monitor.limit)


def _drop(engine: Engine, history: History, monitor: Drop, now: int) -> Reading | None:
    """Compare a version's latest decisions with its first: the gate saw slates that another had chosen."""
    model = primary(engine.loaded)
    if model is None:
        return None
    outcome = model.outcomes[0]
    over, end = micros(monitor.over), now - outcome.window
    rows = _own(engine, model, history.decided(EVER, end))
    if not size(rows):
        return None
    # Of a release that begins with few of the requests, the first day is as long as takes some hundreds of rows.
    begun = min(max(int(np.searchsorted(rows["at"], rows["at"][0] + over)), 2 * _LEAST_LABELLED), _MOST_LABELLED)
    if size(rows) <= begun or rows["at"][begun - 1] >= end - over:
        return None
    latest = take(rows, rows["at"] >= end - over)
    first = _measured(engine, history, monitor.metric, outcome, take(rows, slice(0, begun)), now)
    last = _measured(engine, history, monitor.metric, outcome, take(latest, slice(-_MOST_LABELLED, None)), now)
    if first is None or last is None:
        return None
    return performance(monitor.metric, first, last, monitor.by, metric(monitor.metric).larger_is_better)


def _own(engine: Engine, model: Model, rows: Columns) -> Columns:
    """Return the rows that the version of a model which serves now was asked about."""
    head = f"served {model.heads[0]}"
    if head not in rows:
        return {}
    return take(rows, np.isin(rows["release"].astype(str), _alike(engine, model, rows["release"])) & ~np.isnan(rows[head]))


def _measured(engine: Engine, history: History, name: str, outcome: Outcome, rows: Columns, now: int) -> tuple[float, float] | None:
    """Return (a metric of an outcome's scores as they were served, its standard error); None where too little is known."""
    observed = _observed(engine, history, outcome, rows, now)
    known = ~np.isnan(observed)
    if known.sum() < _LEAST_LABELLED or observed[known].min() == observed[known].max():
        return None
    _, decision = np.unique(rows["id"][known].astype(str), return_inverse=True)
    found = estimate(name, rows[f"served {outcome.column}"][known], observed[known], decision, seed=0, resamples=200)
    if found.value is None or found.low is None or found.high is None:
        return None
    return found.value, (found.high - found.low) / (2 * _SIGMAS)


def learning(loaded: Loaded) -> list[str]:
    """Return the names of the pipelines that a model takes part in, as a source or in scoring."""
    return [loaded.name_of(one) for one in loaded.of(Pipeline) if any(isinstance(part, Model) for part in reachable(one))]


def scoring(loaded: Loaded) -> list[Model]:
    """Return the models whose scores decide, each once."""
    return list(dict.fromkeys(stage.model for stage in loaded.of(Score)))


def primary(loaded: Loaded) -> Model | None:
    """Return the model whose score has the last word; None when rules decide alone."""
    models = scoring(loaded)
    return models[-1] if models else None


def recent(bench: Bench, history: History, model: Model, outcome: Any, over: int, now: int) -> tuple[Array, Array, Array] | None:
    """Return (predicted, observed, decision) of the latest rows a model was asked about whose outcome is known; None when there are none.

    Rows are those whose outcome's time ended within the last `over` microseconds, the latest few thousand of them. The prediction is the
    serving version's for the place where the row stood, on the features as they were served.
    """
    version = _serving(bench, bench.loaded.name_of(model))
    found = answered(bench, history, outcome, over, now) if version is not None else None
    if version is None or found is None:
        return None
    rows, observed = found
    features = {one.column: rows[f"served {one.column}"] for one in model.features}
    predicted = bench.versions.load(version).score({**features, **place_of(model, rows)})[outcome.column]
    _, decision = np.unique(rows["id"].astype(str), return_inverse=True)
    return predicted, observed, decision


def answered(bench: Bench, history: History, outcome: Any, over: int, now: int) -> tuple[Columns, Array] | None:
    """Return the latest rows that some model was asked about for an outcome that is known by now, and what came of each.

    Rows are those whose outcome's time ended within the last `over` microseconds, the latest few thousand of them; None when there are
    none.
    """
    end = now - outcome.window
    rows = history.decided(end - over, end)
    if f"served {outcome.column}" not in rows:
        return None
    rows = take(rows, ~np.isnan(rows[f"served {outcome.column}"]))
    rows = take(rows, slice(max(size(rows) - _MOST_LABELLED, 0), None))
    observed = _observed(bench, history, outcome, rows, now)
    rows, observed = take(rows, ~np.isnan(observed)), observed[~np.isnan(observed)]
    return (rows, observed) if len(observed) else None


def _observed(bench: Bench, history: History, outcome: Outcome, rows: Columns, now: int) -> Array:
    """Return what came of each row; NaN where that is not known by now."""
    keys = join_keys(outcome, bench.loaded.system.request, bench.loaded.system.candidate)
    return label(outcome, rows, history.events(outcome.stream, now), keys, now)


def served(rows: Columns, model: Model) -> dict[str, Array]:
    """Return a model's features and heads as they were served, and `at`, for the rows it served."""
    if f"served {model.heads[0]}" not in rows:
        return {}
    kept = take(rows, ~np.isnan(rows[f"served {model.heads[0]}"]))
    columns = [*(one.column for one in model.features), *model.heads]
    return {"at": kept["at"], **{name: kept[f"served {name}"] for name in columns if f"served {name}" in kept}}


def _serving(bench: Bench, model: str) -> str | None:
    champion = bench.standing.champion
    version = bench.home.releases.get(champion).versions.get(model) if champion else None
    return version if version is not None and bench.versions.fits(version) else None
