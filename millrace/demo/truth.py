"""What only the world knows: how good decisions really were, how good other policies would have been, and the best there was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace.decision import Policy
from millrace.errors import MillraceError
from millrace.operate.simulation import taken_rows
from millrace.serve.engine import Engine
from millrace.serve.records import records
from millrace.types import Columns, size, take


@dataclass(frozen=True)
class Sample:
    """The requests of one slice of time that were looked at, in expected reward per place shown.

    Attributes:
        at: When, microseconds.
        served: What was served.
        best: The best reachable.
        policies: What each policy would have earned, by name; policies without a model yet are left out.
    """

    at: int
    served: float
    best: float
    policies: Mapping[str, float]


class Truth:
    """Keeps the true worth of what a system does in a world.

    Args:
        engine: The system.
        world: Its world.
        policies: Policies to value on the same requests, by name; they are asked, and nothing of it is logged.
        sample: How many requests of each slice are looked at.
        places: How many places a slate has.
    """

    def __init__(self, engine: Engine, world: Any, policies: Mapping[str, Policy], sample: int = 6, places: int = 10) -> None:
        self.samples: list[Sample] = []
        self.decisions = 0
        self._engine = engine
        self._world = world
        self._policies = policies
        self._sample = sample
        self._places = places

    def see(self, requests: Columns, rows: Columns) -> None:
        """Value what was just decided, and what the policies would have done."""
        self.decisions += size(requests)
        asked = take(requests, np.arange(min(self._sample, size(requests))))
        mine = take(rows, np.isin(rows["request"].astype(str), asked["id"].astype(str)))
        would = {name: self._would_take(policy, asked) for name, policy in self._policies.items()}
        best = float(np.mean(self._world.best(asked, self._places))) / self._places
        policies = {name: self._per_place(taken, asked) for name, taken in would.items() if taken is not None}
        self.samples.append(Sample(int(asked["at"][-1]), self._per_place(mine, asked), best, policies))

    def lift(self, policy: str, over: str, since: int) -> float:
        """Return how much more one policy earns than another on the same requests since an instant, as a fraction."""
        both = [one.policies for one in self.samples if one.at >= since and policy in one.policies and over in one.policies]
        return sum(one[policy] for one in both) / sum(one[over] for one in both) - 1 if both else float("nan")

    def regret(self, since: int, until: int) -> float:
        """Return what each place lost against the best there was, on average over a time."""
        there = [one.best - one.served for one in self.samples if since < one.at <= until]
        return float(np.mean(there)) if there else float("nan")

    def _per_place(self, rows: Columns, asked: Columns) -> float:
        value = self._world.value(rows) if size(rows) else np.zeros(0)
        return float(value.sum()) / (self._places * size(asked))

    def _would_take(self, policy: Policy, asked: Columns) -> Columns | None:
        """Return the rows a policy would take now, or None while it has no model."""
        facts = self._engine.facts(self._engine.clock.watermark())
        try:
            decided = policy.decide(asked, facts)
        except MillraceError:
            return None
        made = records(decided, system="", release="", watermark=facts.watermark, missed=[], kept={})
        return taken_rows(made, asked)
