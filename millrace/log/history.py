"""History: requests of the past and what was taken on each, as decisions of the policy `history`."""

from __future__ import annotations

import numpy as np

from millrace.decision import Decision
from millrace.log.appending import HISTORY
from millrace.log.bulk import Loaded, load
from millrace.log.codec import Codec
from millrace.log.decisions import DECISION
from millrace.log.store import Store
from millrace.types import Array, Columns, objects, take


def load_history(store: Store, codec: Codec, system: str, requests: Columns, taken: Columns) -> Loaded:
    """Add requests to the lake and, to each that is not refused, the decision that answers it; its watermark is the request's `at`.

    Args:
        store: The log's store.
        codec: Of the request class.
        system: The name of the system whose history it is.
        requests: All their columns but `position`, and perhaps others. Shape (n,) each.
        taken: What was done on each: `action`, and lists by place of `candidate` and, where there are any, `score` and `propensity`, NaN
            where unknown. Shape (n,) each.

    Returns:
        What became of the decisions; where the request is in the log with other content, nothing was added.

    Raises:
        BadInput: As `bulk.load`, as are the others.
        Conflict: A row would become known before a decision that was made without it.
        Unavailable: The disk is full or fails.
    """
    asked = load(store, codec, {name: requests[name] for name in codec.kinds if name != "position"}, whole=False)
    right = asked.conflicts == ""
    rows = _decided(store.streams[DECISION], system, take(requests, right), take(taken, right))
    made = load(store, store.streams[DECISION], rows, whole=False)
    conflicts, added, duplicates = asked.conflicts.copy(), np.zeros(len(right), dtype=bool), np.zeros(len(right), dtype=bool)
    conflicts[right], added[right], duplicates[right] = made.conflicts, made.added, made.duplicates
    return Loaded(added, duplicates, conflicts)


def _decided(codec: Codec, system: str, requests: Columns, taken: Columns) -> dict[str, Array]:
    """Return the decisions as rows of their stream."""
    unknown = objects([np.nan] * len(candidates) for candidates in taken["candidate"])
    columns = [requests["id"], requests["at"], taken["action"], taken["candidate"]]
    columns += [taken.get(name, unknown) for name in ("score", "propensity")]
    decisions = [
        Decision(
            id=id_,
            at=at,
            system=system,
            watermark=at,
            policy=HISTORY,
            action=action,
            taken=len(candidates),
            candidate=candidates,
            source=[HISTORY] * len(candidates),
            score=_numbers(score),
            propensity=_numbers(propensity),
        )
        for id_, at, action, candidates, score, propensity in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return {**codec.columns(decisions), "known": requests["known"]}


def _numbers(values: list[float]) -> list[float | None]:
    return [None if value != value else value for value in values]
