"""Examples from the log: rows with features as known then, and labels as known now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace.errors import TrainingError
from millrace.features.plan import plan
from millrace.models.declare import POSITION, Judged, Model, Outcome, Pairs
from millrace.models.learner import Examples
from millrace.schema import Field, references, stream_of
from millrace.training.attribution import after, join_keys, label
from millrace.training.history import History
from millrace.training.logged import as_served, back_filled
from millrace.types import Array, Columns, size, take

_OPEN = 2**62
"""When a label is known that is not known yet."""


@dataclass(frozen=True)
class Material:
    """Everything a model may learn from, before it is decided which labels are already known.

    Attributes:
        model: The model.
        rows: A row per example: `id`, `at`, `watermark`, the request's fields, and for decided rows `action`, `candidate`, `rank`.
        features: The model's features on those rows, by column, as known at each row's watermark.
        events: By outcome column, the events that can label them.
        keys: By outcome column, how they join.
        starts: By outcome column, when each row's time begins; None for the row's own instant.
        fixed: Labels that do not depend on a horizon (pairs and judgements); None for decided rows.
        logged: By feature column, on which rows the value is the one that was served; the others are back-filled. Boolean, shape (n,).
    """

    model: Model
    rows: Columns
    features: Columns
    events: dict[str, Columns]
    keys: dict[str, list[tuple[str, str]]]
    starts: dict[str, Array | None]
    fixed: Columns | None = None
    logged: Mapping[str, Array] = field(default_factory=dict)

    def labels(self, horizon: int) -> dict[str, Array]:
        """Return the labels known at a horizon, NaN elsewhere, by outcome column. Shape (n,) each."""
        if self.fixed is not None:
            return {name: np.where(self.rows["known"] < horizon, column, np.nan) for name, column in self.fixed.items()}
        return {
            one.column: label(one, self.rows, self.events[one.column], self.keys[one.column], horizon, self.starts[one.column])
            for one in self.model.outcomes
        }

    def closed(self, horizon: int) -> Array:
        """Return when the first label of each row's decision was known, microseconds; after every instant where none is. Shape (n,)."""
        first = np.full(size(self.rows), _OPEN)
        for name, column in self.labels(horizon).items():
            known = self.rows["known"] if self.fixed is not None else self._ends(name)
            first = np.where(np.isnan(column), first, np.minimum(first, known))
        group = _groups(self.rows["id"])
        earliest = np.full(size(self.rows), _OPEN)
        np.minimum.at(earliest, group, first)
        return earliest[group]

    def _ends(self, outcome: str) -> Array:
        """Return when the time of an outcome is over for each row. Microseconds, shape (n,)."""
        begins = self.starts[outcome]
        window = next(one.window for one in self.model.outcomes if one.column == outcome)
        return (self.rows["at"] if begins is None else begins) + window

    def stands_for(self) -> Array:
        """Return how many rows like it each row stands for, if all had been let be seen. Shape (n,).

        Where one action only lets the first outcome be seen, a row that got it with probability p stands for 1 / p: what a policy would
        hide, but for an audit, counts as often as it happens. Where several do, or the chance is unknown, a row stands for itself.
        """
        seen_if = self.model.outcomes[0].seen_if
        chance = self.rows.get("propensity")
        if chance is None or seen_if is None or len(seen_if) != 1:
            return np.ones(size(self.rows))
        return np.where(chance > 0, 1.0 / np.where(chance > 0, chance, 1.0), 1.0)

    def examples(self, mask: Array, horizon: int, weight: Array | None = None) -> Examples:
        """Return the rows that `mask` marks and that have a label at the horizon, as examples that count by `weight`, or all once."""
        labels = self.labels(horizon)
        labelled = np.zeros(size(self.rows), dtype=bool)
        for column in labels.values():
            labelled |= ~np.isnan(column)
        index = np.flatnonzero(mask & labelled)
        return Examples(
            rows=take(self.features, index),
            labels=take(labels, index),
            weight=np.ones(len(index)) if weight is None else weight[index],
            group=_groups(self.rows["id"][index]),
            at=self.rows["at"][index],
        )


def gather(model: Model, request: type, candidate: type | None, history: History, since: int, until: int) -> Material:
    """Return a model's material from the log.

    Args:
        model: The model; its `examples` say where rows come from.
        request: The system's Request class.
        candidate: Its candidate class, or None.
        history: The log.
        since: Rows from this instant on, microseconds.
        until: Rows before this instant; also the horizon up to which events are read, microseconds.
    """
    if isinstance(model.examples, Pairs):
        return _pairs(model, request, candidate, history, since, until)
    if isinstance(model.examples, Judged):
        return _judged(model, request, candidate, history, since, until)
    return _decided(model, request, candidate, history, since, until)


def _decided(model: Model, request: type, candidate: type | None, history: History, since: int, until: int) -> Material:
    rows = history.decided(since, until)
    starts = [one.after for one in model.outcomes if one.after is not None]
    wanted = plan(request, candidate, [*model.features, *starts])
    known = as_served(wanted, model.features, rows, history)
    begun = back_filled(wanted, starts, rows, history).values if starts else {}
    return Material(
        model,
        rows,
        {**known.values, **place_of(model, rows)},
        {one.column: history.events(one.stream, until) for one in model.outcomes},
        {one.column: join_keys(one, request, candidate) for one in model.outcomes},
        {one.column: after(one, begun) for one in model.outcomes},
        logged=known.logged,
    )


def place_of(model: Model, rows: Columns) -> dict[str, Array]:
    """Return the column of the places that rows were shown at, if the model learns it."""
    return {POSITION: rows["rank"].astype(np.float64)} if model.position else {}


def _pairs(model: Model, request: type, candidate: Any, history: History, since: int, until: int) -> Material:
    pairs: Any = model.examples
    stream = stream_of(pairs.positive)
    events = history.events(stream, until)
    positive = events["at"] >= since
    if not isinstance(pairs.positive, type):
        positive &= np.asarray(pairs.positive.evaluate(lambda field: events[field.name]), dtype=bool)
    query, item = pair_fields(pairs, request, candidate)
    rows = take({**events, "query": events[query.name], "candidate": events[item.name], "watermark": events["known"]}, positive)
    fixed = {one.column: np.ones(size(rows)) for one in model.outcomes}
    features: dict[str, Array] = {"query": rows["query"], "candidate": rows["candidate"]}
    if not model.features:
        return Material(model, rows, features, {}, {}, {}, fixed)
    known = back_filled(plan(request, candidate, model.features), model.features, rows, history)
    return Material(model, rows, features | known.values, {}, {}, {}, fixed, known.logged)


def pair_fields(pairs: Pairs, request: type, candidate: type) -> tuple[Field, Field]:
    """Return the event's references to who asks and to the candidate.

    Raises:
        TrainingError: They are not given and the event leaves a choice.
    """
    stream = stream_of(pairs.positive)
    items = [pairs.candidate] if pairs.candidate is not None else references(stream, candidate)
    askers = {field.refers_to for field in references(request)} - {candidate}
    queries = [pairs.query] if pairs.query is not None else [field for field in references(stream) if field.refers_to in askers]
    if len(items) != 1 or len(queries) != 1:
        raise TrainingError(
            f"Pairs({stream.__name__}): it has {len(queries)} references to who asks and {len(items)} to {candidate.__name__}: "
            f"name them, Pairs(..., query={stream.__name__}.<field>, candidate={stream.__name__}.<field>)"
        )
    return queries[0], items[0]


def _judged(model: Model, request: type, candidate: type | None, history: History, since: int, until: int) -> Material:
    judged: Any = model.examples
    stream = judged.of
    judgements = history.events(stream, until)
    way = references(stream, request)
    if len(way) != 1:
        raise TrainingError(
            f"Judged({stream.__name__}): give it one field of type Ref[{request.__name__}], to say which request was judged"
        )
    requests = history.events(request, until)
    at = dict(zip(requests["id"].tolist(), range(size(requests)), strict=True))
    found = np.array([at.get(one, -1) for one in judgements[way[0].name].tolist()], dtype=np.int64)
    kept = (found >= 0) & (judgements["at"] >= since)
    judgements, asked = take(judgements, kept), take(requests, found[kept])
    rows: dict[str, Array] = {**asked, "watermark": asked["known"], "known": judgements["known"]}
    for named in references(stream, candidate) if candidate is not None else []:
        rows["candidate"] = judgements[named.name]
    fixed = {one.column: _judgement(one, stream, judgements) for one in model.outcomes}
    known = back_filled(plan(request, candidate, model.features), model.features, rows, history)
    return Material(model, rows, known.values, {}, {}, {}, fixed, known.logged)


def _judgement(outcome: Outcome, stream: type, judgements: Columns) -> Array:
    if outcome.stream is not stream:
        return np.full(size(judgements), np.nan)
    if outcome.value is None:
        return np.ones(size(judgements))
    return np.asarray(outcome.value.evaluate(lambda field: judgements[field.name]), dtype=np.float64)


def _groups(ids: Array) -> Array:
    """Return a number per row that changes when the request does; rows of a request stand together."""
    if len(ids) == 0:
        return np.zeros(0, dtype=np.int64)
    changes = np.concatenate([[False], ids[1:] != ids[:-1]])
    return np.cumsum(changes)
