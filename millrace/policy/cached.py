"""Repeat a decision made a moment ago. Whatever wraps a policy is a policy too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import Decision, Decisions, Facts, merge
from millrace.errors import DeclarationError, brief
from millrace.policy.pipeline import Pipeline
from millrace.schema import Field
from millrace.types import Columns, micros, objects, size, take


@dataclass(frozen=True, eq=False, init=False)
class Cached:
    """Answers by a pipeline, or again as it answered a request with the same key a moment ago.

    What is repeated is a decision of its own, which names the one that it repeats: it was shown, and certain. Models learn from the first
    alone, and outcomes that follow are the first one's. Nothing is repeated that missed something, that another release decided, or that
    is not in the log yet. A server that starts anew has nothing to repeat.

    Args:
        policy: The pipeline. Others wrap around this: `Fallback(Cached(ranked, ...), to=popular, after="150ms")`.
        key: The request's fields that must be equal, one or several: `Refresh.viewer`. All that the answer depends on belongs here.
        life: How old the answer may be, such as "30s".
    """

    policy: Pipeline
    key: tuple[Any, ...]
    life: str

    def __init__(self, policy: Pipeline, *, key: Any, life: str) -> None:
        if not isinstance(policy, Pipeline):
            raise DeclarationError(f"Cached({brief(policy)}): not a Pipeline; put it around a pipeline, and what wraps that around it")
        fields = tuple(key) if isinstance(key, tuple | list) else (key,)
        for one in fields:
            if not isinstance(one, Field):
                raise DeclarationError(f"Cached(key={brief(one)}): not a field; name what must be equal, such as Refresh.viewer")
        if not fields:
            raise DeclarationError("Cached(key=()): everybody would get the same answer; name what must be equal, such as Refresh.viewer")
        micros(life)
        for name, value in {"policy": policy, "key": fields, "life": life}.items():
            object.__setattr__(self, name, value)

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return what was decided before where that may be repeated, else the pipeline's decisions."""
        found = facts.recalled(self.policy, [one.name for one in self.key], requests, micros(self.life))
        known = np.array([one is not None for one in found], dtype=bool)
        old, new = np.flatnonzero(known), np.flatnonzero(~known)
        if not len(old):
            return self._anew(requests, facts)
        again = _again(take(requests, old), [one for one in found if one is not None])
        return merge([(old, again), (new, self._anew(take(requests, new), facts))], size(requests)) if len(new) else again

    def _anew(self, requests: Columns, facts: Facts) -> Decisions:
        own = facts.apart()  # what misses here is no miss of what is repeated
        decided = self.policy.decide(requests, own)
        return decided.with_requests(missed=objects([list(own.missed)] * size(requests)))


def _again(requests: Columns, decisions: Sequence[Decision]) -> Decisions:
    """Return decisions on other requests: what was taken then, in the same order."""
    counts = [one.taken for one in decisions]
    rows: Columns = {
        "request": np.repeat(np.arange(len(counts)), counts),
        "candidate": objects(name for one in decisions for name in one.candidate[: one.taken]),
        "source": objects(name for one in decisions for name in one.source[: one.taken]),
        "score": np.array([np.nan if value is None else value for one in decisions for value in one.score[: one.taken]], dtype=np.float64),
        "rank": np.concatenate([np.arange(n) for n in counts]),
        "propensity": np.ones(sum(counts)),
    }
    names = {"policy": objects(one.policy for one in decisions), "repeats": objects(one.id for one in decisions)}
    return Decisions({**requests, **names, "missed": objects([[] for _ in decisions])}, rows)
