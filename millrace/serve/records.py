"""From decisions in columns to the records that the log keeps and the caller gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from millrace.decision import NOT_TAKEN, Decision, Decisions
from millrace.loaded import Loaded
from millrace.policy.pipeline import Pipeline
from millrace.policy.stages import Score
from millrace.types import Array, size

SHOWN = "shown"
"""The action of a decision that ranks."""


def recorded(loaded: Loaded) -> dict[str, tuple[str, ...]]:
    """Return what each pipeline's records keep of its rows: the features its scores are made of, and its models' heads."""
    kept: dict[str, tuple[str, ...]] = {}
    for pipeline in loaded.of(Pipeline):
        models = [stage.model for stage in pipeline.stages if isinstance(stage, Score)]
        heads = [head for model in models for head in model.heads]
        kept[loaded.name_of(pipeline)] = tuple(dict.fromkeys([*(one.column for one in pipeline.scored_on), *heads]))
    return kept


def records(
    d: Decisions, *, system: str, release: str, watermark: int, missed: Sequence[str], kept: Mapping[str, tuple[str, ...]], took_us: int = 0
) -> list[Decision]:
    """Return one record per request, in their order.

    Args:
        d: The decisions.
        system: The system's name.
        release: The release in service; a pinned policy has named its own in the requests' `release`.
        watermark: What they were decided as of.
        missed: What did not answer in time for any of them; an experiment has noted in the requests' `missed` what its arms went without.
        kept: By policy name, the columns of features and heads that it read: those are recorded, as served.
        took_us: How long it took, where one was decided alone; 0 where nobody looked.
    """
    n = size(d.requests)
    order, starts, taken = _order(d)
    lists = {name: _plain(d.rows[name][order]) for name in ("candidate", "source", "score", "propensity") if name in d.rows}
    per_request = {
        name: _plain(d.requests[name])
        for name in ("id", "at", "policy", "arm", "arm_share", "action", "answer", "missed", "shadow", "release", "repeats", "interleaved")
        if name in d.requests
    }
    out = []
    for position in range(n):
        first, end = int(starts[position]), int(starts[position + 1])
        last = first + int(taken[position])
        own = {name: values[position] for name, values in per_request.items() if values[position] is not None}
        policy = str(own.get("policy", ""))
        computed = kept.get(policy, ()) if "repeats" not in own else ()
        shown = {name: _plain(d.rows[name][order[first:last]]) for name in computed if name in d.rows}
        out.append(
            Decision(
                id=own["id"],
                at=int(own["at"]),
                system=system,
                watermark=watermark,
                release=own.get("release") or release,
                policy=policy,
                arm=own.get("arm", ""),
                arm_share=own.get("arm_share", 1.0),
                action=own.get("action", SHOWN),
                answer=own.get("answer", ""),
                missed=[*missed, *own.get("missed", ())],
                shadow=own.get("shadow", []),
                repeats=own.get("repeats", ""),
                interleaved=own.get("interleaved"),
                took_us=took_us,
                taken=last - first,
                candidate=lists["candidate"][first:end],
                source=lists["source"][first:end] if "source" in lists else [],
                score=lists["score"][first:end] if "score" in lists else [],
                propensity=lists["propensity"][first:end] if "propensity" in lists else [],
                features=shown,
            )
        )
    return out


def _order(d: Decisions) -> tuple[Array, Array, Array]:
    """Return the rows by request with those taken first, best first; where each request starts; and how many it took."""
    rank = d.rows["rank"] if "rank" in d.rows else np.full(size(d.rows), NOT_TAKEN)
    place = np.where(rank == NOT_TAKEN, np.iinfo(np.int64).max, rank)
    order = np.lexsort((place, d.rows["request"])) if size(d.requests) > 1 else np.argsort(place, kind="stable")
    counts = np.bincount(d.rows["request"][rank != NOT_TAKEN], minlength=size(d.requests))
    return order, d.starts, counts


def _plain(column: Array) -> list[Any]:
    """Return a column as Python values; a number that is missing or infinite is None, which is what JSON can say."""
    values = column.tolist()
    if column.dtype.kind != "f" or isfinite(sum(values)):  # quicker than to look at each; finite ones may have no finite sum
        return values
    return [value if isfinite(value) else None for value in values]
