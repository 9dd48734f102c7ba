"""Why a decision is as it is: the record, the request, and what each feature added to the score."""

from __future__ import annotations

from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.errors import MillraceError, NotFound
from millrace.loaded import Loaded
from millrace.models.declare import POSITION, Model
from millrace.policy.pipeline import Pipeline
from millrace.policy.stages import Score
from millrace.serve.answers import Explanation, Reason, Taken
from millrace.serve.bodies import plain
from millrace.serve.deciding import Records
from millrace.serve.naming import feature_names
from millrace.serve.release import Versions
from millrace.stores.releases import Releases
from millrace.types import Array, objects

_REASONS = 5
"""How many reasons are given for a score."""

_ROWS = {"candidate", "source", "score", "propensity", "features", "heads"}
"""What an explanation says per row, not per decision."""


def found(loaded: Loaded, log: Records, decision: str) -> tuple[Decision, Any]:
    """Return a decision and the request it answers.

    Raises:
        NotFound: There is no such decision.
    """
    record = log.decision(decision)
    if record is None or record.system != loaded.name:
        raise NotFound(f"there is no decision {decision!r} in the log of {loaded.name}")
    return record, log.find(loaded.system.request, decision)


def explain(loaded: Loaded, log: Records, releases: Releases, versions: Versions, decision: str) -> Explanation:
    """Return a decision with, for each row taken, what was known of it and the strongest reasons behind its score.

    A reason is a feature's own share of the first outcome's raw score (log-odds for a probability, before calibration); with all others
    and the base they add up to it. Where no model scored, its version is gone, or it gives no shares, `unexplained` says so. Of a decision
    that repeats another one, all that is said of its rows is what was true of that one's.

    Raises:
        NotFound: There is no such decision.
    """
    record, asked = found(loaded, log, decision)
    model = _scored_by(loaded, record.policy)
    about = {name: value for name, value in plain(record).items() if name not in _ROWS}
    made = (log.decision(record.repeats) or record) if record.repeats else record
    answer = Explanation(decision=about, request=plain(asked), considered=len(made.candidate), taken=_taken(loaded, made, model))
    try:
        for row, reasons in zip(answer.taken, _reasons(loaded, releases, versions, made, model), strict=False):
            row.reasons = reasons
    except MillraceError as error:
        answer.unexplained = str(error)
    return answer


def _taken(loaded: Loaded, record: Decision, model: Model | None) -> list[Taken]:
    names = feature_names(loaded)
    heads = {one.column: loaded.names.get(id(one), one.column) for one in model.outcomes} if model is not None else {}
    return [
        Taken(
            candidate=record.candidate[row],
            source=record.source[row] if record.source else "",
            score=record.score[row] if record.score else None,
            propensity=record.propensity[row] if record.propensity else None,
            predictions={heads[name]: values[row] for name, values in record.features.items() if name in heads},
            values={names.get(name, name): values[row] for name, values in record.features.items() if name not in heads},
        )
        for row in range(record.taken)
    ]


def _reasons(loaded: Loaded, releases: Releases, versions: Versions, record: Decision, model: Model | None) -> list[list[Reason]]:
    if record.repeats:
        raise NotFound(f"it repeats {record.repeats}, which is no longer in the log")
    if model is None or not record.release:
        raise NotFound(f"{record.policy} has no model: it scores by rule, or not at all")
    version: Any = versions.load(releases.get(record.release).versions[loaded.name_of(model)])
    while hasattr(version, "inner"):  # a calibrated or distilled version keeps the order of the one it holds, which has the reasons
        version = version.inner
    if not hasattr(version, "contributions"):
        raise NotFound(f"{type(model.learner).__name__} does not say what each feature adds")
    rows = {one.column: _column(record.features[one.column]) for one in model.features if one.column in record.features}
    if model.position:
        rows[POSITION] = np.zeros(record.taken)  # every row is scored as if it stood in the best place
    names = feature_names(loaded)
    called = [str(names.get(column, column)) for column in version.features]
    return [_strongest(called, shares[:-1]) for shares in np.asarray(version.contributions(rows)[model.heads[0]])]


def _strongest(names: list[str], shares: Array) -> list[Reason]:
    order = np.argsort(-np.abs(shares), kind="stable")
    told = [place for place in order.tolist() if shares[place] != 0 and names[place] != POSITION]  # the place is the same for all rows
    return [Reason(feature=names[place], adds=float(shares[place])) for place in told[:_REASONS]]


def _column(values: list[Any]) -> Array:
    if any(isinstance(value, str) for value in values):
        return objects(values)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _scored_by(loaded: Loaded, policy: str) -> Model | None:
    for pipeline in loaded.of(Pipeline):
        if loaded.name_of(pipeline) == policy:
            return next((stage.model for stage in reversed(pipeline.stages) if isinstance(stage, Score)), None)
    return None
