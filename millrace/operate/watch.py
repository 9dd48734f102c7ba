"""Ask every monitor of a system what it sees."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from millrace.evaluation.bootstrap import statistic
from millrace.evaluation.metrics import metric
from millrace.loading import Loaded
from millrace.models.declare import Model
from millrace.monitors.calibration import calibration
from millrace.monitors.declare import Calibration, Drift, Drop, Freshness
from millrace.monitors.drift import drift
from millrace.monitors.freshness import freshness
from millrace.monitors.performance import performance
from millrace.monitors.reading import Reading
from millrace.operate.learn import PROFILE
from millrace.schema import stream_of
from millrace.serve.engine import Engine
from millrace.training.attribution import join_keys, label
from millrace.training.history import History
from millrace.types import Array, Columns, micros, size, take

_LEAST_LABELLED = 500


def watch(engine: Engine, history: History, now: int) -> list[tuple[Any, Reading]]:
    """Return what each monitor declared (and each metric whose drop triggers a training) sees now."""
    retrain = engine.loaded.system.retrain
    declared = [*engine.loaded.system.monitors, *(one for one in (retrain.on if retrain else ()) if isinstance(one, Drop))]
    readings = []
    for one in declared:
        if isinstance(one, Freshness):
            readings.append((one, freshness(engine.home.log.last_known, now, one.age)))
        elif engine.standing.champion:
            reading = _look(engine, history, one, now)
            if reading is not None:
                readings.append((one, reading))
    return readings


def _look(engine: Engine, history: History, monitor: Any, now: int) -> Reading | None:
    if isinstance(monitor, Drift):
        return _drift(engine, history, monitor, now)
    if isinstance(monitor, Calibration):
        return _calibration(engine, history, monitor, now)
    return _drop(engine, history, monitor, now)


def _drift(engine: Engine, history: History, monitor: Drift, now: int) -> Reading | None:
    name = engine.loaded.name_of(monitor.of)
    version = _serving(engine, name)
    if version is None:
        return None
    reference = msgspec.json.decode((engine.home.registry.folder(version) / PROFILE).read_bytes())
    rows = served(history.decided(now - micros(monitor.over), now), monitor.of)
    return drift(name, reference, rows, monitor.limit)


def _calibration(engine: Engine, history: History, monitor: Calibration, now: int) -> Reading | None:
    model = next(one for one in engine.loaded.models.values() if monitor.of.column in one.heads)
    labelled = recent(engine.loaded, history, model, monitor.of, micros(monitor.over), now)
    if labelled is None:
        return None
    predicted, observed, _ = labelled
    return calibration(engine.loaded.name_of(monitor.of), predicted, observed, monitor.limit)


def _drop(engine: Engine, history: History, monitor: Drop, now: int) -> Reading | None:
    model = primary(engine.loaded)
    version = _serving(engine, engine.loaded.name_of(model)) if model is not None else None
    if model is None or version is None:
        return None
    at_gate = engine.home.registry.get(version).metrics.get(f"{monitor.metric} of {model.heads[0]}")
    labelled = recent(engine.loaded, history, model, model.outcomes[0], micros(monitor.over), now)
    if at_gate is None or labelled is None or len(labelled[0]) < _LEAST_LABELLED or labelled[1].min() == labelled[1].max():
        return None
    measured = metric(monitor.metric)
    found = statistic(measured, *labelled)
    return performance(monitor.metric, found.value, _error(found.value, labelled[1]), at_gate, monitor.by, measured.larger_is_better)


def _error(value: float, observed: Array) -> float:
    """Return a conservative standard error of a metric between 0 and 1: that of a share measured on the rarer kind of row."""
    rarer = max(min(observed.sum(), len(observed) - observed.sum()), 1.0)
    share = min(max(value, 0.05), 0.95)
    return float(np.sqrt(share * (1 - share) / rarer))


def primary(loaded: Loaded) -> Model | None:
    """Return the model whose score decides: the last one declared that learns from decisions."""
    from millrace.policy.stages import Score

    scores = list(loaded.of(Score))
    return scores[-1].model if scores else None


def recent(loaded: Loaded, history: History, model: Model, outcome: Any, over: int, now: int) -> tuple[Array, Array, Array] | None:
    """Return (predicted, observed, decision) of the latest rows a model served whose outcome is known; None when there are none.

    Rows are those whose outcome's time ended within the last `over` microseconds.
    """
    end = now - outcome.window
    rows = history.decided(end - over, end)
    head = f"served {outcome.column}"
    if size(rows) == 0 or head not in rows:
        return None
    rows = take(rows, ~np.isnan(rows[head]))
    keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
    observed = label(outcome, rows, history.events(stream_of(outcome.of), now), keys, now)
    known = ~np.isnan(observed)
    if not known.any():
        return None
    _, decision = np.unique(rows["id"][known].astype(str), return_inverse=True)
    return rows[head][known], observed[known], decision


def served(rows: Columns, model: Model) -> dict[str, Array]:
    """Return a model's features and heads as they were served, for the rows it served."""
    columns = [*(one.column for one in model.features), *model.heads]
    head = f"served {model.heads[0]}"
    if head not in rows:
        return {}
    kept = take(rows, ~np.isnan(rows[head]))
    return {name: kept[f"served {name}"] for name in columns if f"served {name}" in kept}


def _serving(engine: Engine, model: str) -> str | None:
    champion = engine.standing.champion
    version = engine.home.releases.get(champion).versions.get(model) if champion else None
    return version if version is not None and engine.versions.fits(version) else None
