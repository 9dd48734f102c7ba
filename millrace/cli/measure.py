"""`millrace evaluate`: how good the serving models were on the latest decisions whose outcomes are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, table
from millrace.errors import BadInput, NotFound
from millrace.evaluation.bootstrap import Estimate, estimate
from millrace.models.declare import Model, Outcome
from millrace.operate.watch import recent, scoring
from millrace.training.declare import Retrain
from millrace.types import Array, micros

_YES_OR_NO = ("auc", "pr_auc", "log_loss", "calibration_error")
_AMOUNT = ("mae", "rmse")
_RESAMPLES = 200


def evaluate(system: str, folder: Path) -> None:
    """Print, for every outcome that a serving model predicts, its metrics with their 95 % intervals, beside what the gate saw.

    Raises:
        NotFound: Nothing serves, or no decision of a model has a known outcome yet.
    """
    with reading(system, folder) as desk:
        champion = desk.standing.champion
        if champion is None:
            raise NotFound(f"no release of {desk.loaded.name} serves yet: train it first")
        columns = ("model", "outcome", "metric", "value", "95 % interval", "at the gate", "decisions")
        rows = table(f"{champion} on the latest decisions whose outcomes are known", *columns, numbers=("value", "decisions"))
        for model in scoring(desk.loaded):
            for outcome in model.outcomes:
                for one in _measured(desk, model, outcome):
                    interval = f"{number(one.low)} to {number(one.high)}" if one.low is not None else "too few"
                    gate = number(_at_gate(desk, model, f"{one.metric} of {outcome.column}"))
                    names = desk.loaded.name_of(model), desk.loaded.name_of(outcome)
                    rows.add_row(*names, one.metric, number(one.value), interval, gate, number(one.n))
        if not rows.row_count:
            raise NotFound("no decision that a model scored has a known outcome yet: wait until the outcomes' windows have closed")
        console().print(rows)


def _measured(desk: Desk, model: Model, outcome: Outcome) -> list[Estimate]:
    """Return the metrics of one outcome, as of the last record; none where nothing is known of it."""
    over = (desk.loaded.system.retrain or Retrain()).history
    found = recent(desk, desk.history, model, outcome, micros(over), desk.home.log.last_known + 1)
    if found is None:
        return []
    predicted, observed, decision = found
    ranks = len(np.unique(decision)) < len(decision)
    yes_or_no = bool(np.isin(observed, (0.0, 1.0)).all())
    names = (*_YES_OR_NO, *(("ndcg@10",) if ranks else ())) if yes_or_no else _AMOUNT
    return [one for name in names if (one := _estimate(name, predicted, observed, decision)) is not None]


def _estimate(name: str, predicted: Array, observed: Array, decision: Array) -> Estimate | None:
    try:
        return estimate(name, predicted, observed, decision, seed=0, resamples=_RESAMPLES)
    except BadInput:  # the metric says nothing of such rows: a log loss of scores that are no probabilities
        return None


def _at_gate(desk: Desk, model: Model, metric: str) -> Any:
    """Return what a metric was when the serving version was let through."""
    champion = desk.standing.champion
    version = desk.home.releases.get(champion).versions.get(desk.loaded.name_of(model)) if champion else None
    return desk.home.registry.get(version).metrics.get(metric) if version else None
