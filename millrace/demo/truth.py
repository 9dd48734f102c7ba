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
from millrace.types import Array, Columns, size, take


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


class Worth:
    """Keeps what every row taken was truly worth, by arm.

    Args:
        world: The world that knows.
    """

    def __init__(self, world: Any) -> None:
        self.requests = 0
        self._world = world
        self._seen: list[tuple[Array, Array, Array]] = []

    def see(self, requests: Columns, rows: Columns) -> None:
        """Value the rows that were just taken."""
        self.requests += size(requests)
        ranked = np.array([str(arm).split("/")[-1] == "ranked" for arm in rows["arm"].tolist()], dtype=bool)
        self._seen.append((rows["at"], ranked, self._world.value(rows)))

    def mean(self, since: int, arm: str | None = None) -> float:
        """Return the mean expected reward of a row taken since an instant, in one arm or in all."""
        at, ranked, value = (np.concatenate(parts) for parts in zip(*self._seen, strict=True))
        kept = at >= since
        if arm is not None:
            kept &= ranked == (arm == "ranked")
        return float(value[kept].mean()) if kept.any() else float("nan")

    def course(self) -> list[tuple[int, float]]:
        """Return (instant, mean expected reward of a row) for every slice of time, in order."""
        return [(int(at[-1]), float(value.mean())) for at, _, value in self._seen if len(at)]


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
        self.worth = Worth(world)
        self._engine = engine
        self._world = world
        self._policies = policies
        self._sample = sample
        self._places = places
        self._would: dict[str, Columns | None] = {}

    def ask(self, requests: Columns) -> None:
        """Ask every policy about some of the requests that are about to be decided: afterwards the view knows what was shown."""
        asked = self._sampled(requests)
        self._would = {name: self._would_take(policy, asked) for name, policy in self._policies.items()}

    def see(self, requests: Columns, rows: Columns) -> None:
        """Value what was decided, and what the policies would have done."""
        self.worth.see(requests, rows)
        asked = self._sampled(requests)
        mine = take(rows, np.isin(rows["request"].astype(str), asked["id"].astype(str)))
        best = float(np.mean(self._world.best(asked, self._places))) / self._places
        policies = {name: self._per_place(taken, asked) for name, taken in self._would.items() if taken is not None}
        self.samples.append(Sample(int(asked["at"][-1]), self._per_place(mine, asked), best, policies))

    def _sampled(self, requests: Columns) -> Columns:
        return take(requests, np.arange(min(self._sample, size(requests))))

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
