"""The laws of every policy, as a suite: `class TestMine(PolicyLaws): def make(self): return Case(...)`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace.decision import Decisions, Policy, Scorer
from millrace.features.plan import Plan
from millrace.serve.facts import Installed, LiveFacts
from millrace.testing.slow import SlowView
from millrace.types import Columns, size, take

_DRAWS = 400
_SIGMAS = 5.0


@dataclass(frozen=True)
class Case:
    """A policy with requests and what is known when they are decided.

    Attributes:
        policy: The policy.
        plan: What its features need.
        names: The name of every declaration in it, by identity.
        events: By stream name, in order of (known, position); those known from the watermark on are the future.
        watermark: When the requests are decided.
        requests: `id`, `at` and the fields.
        installed: The release.
        versions: The version behind each id.
    """

    policy: Policy
    plan: Plan
    names: Mapping[int, str]
    events: Mapping[str, Columns]
    watermark: int
    requests: Columns
    installed: Installed = field(default_factory=Installed)
    versions: Mapping[str, Scorer] = field(default_factory=dict)

    def facts(self, *, future: bool = True, seed: int = 0, replayed: frozenset[str] | None = None) -> LiveFacts:
        """Return slow, obvious facts; with or without the events that lie in the future of the watermark."""
        events = self.events if future else {name: take(rows, rows["known"] < self.watermark) for name, rows in self.events.items()}
        view = SlowView(self.plan, events)
        return LiveFacts(view, self.watermark, self.names, self.installed, self.versions.__getitem__, seed, replayed=replayed)


class PolicyLaws:
    """What must hold of whatever answers requests. Subclass it and say what to test in `make`."""

    def make(self) -> Case:
        """Return the policy and its circumstances."""
        raise NotImplementedError

    def test_past_later_events_never_change_a_decision(self) -> None:
        """Decisions with and without the future in the log are equal."""
        case = self.make()
        assert any((rows["known"] >= case.watermark).any() for rows in case.events.values()), "the case must hold a future to be blind to"
        assert_same(case.policy.decide(case.requests, case.facts()), case.policy.decide(case.requests, case.facts(future=False)))

    def test_replay_equal_facts_give_equal_decisions(self) -> None:
        """Deciding again under the recorded misses gives the same, whatever the global generators are up to."""
        case = self.make()
        facts = case.facts()
        random.seed(1)
        np.random.seed(1)
        first = case.policy.decide(case.requests, facts)
        random.seed(2)
        np.random.seed(2)
        assert_same(first, case.policy.decide(case.requests, case.facts(replayed=frozenset(facts.missed))))

    def test_batch_together_is_one_at_a_time(self) -> None:
        """A request's decision does not depend on what it is decided with."""
        case = self.make()
        n = size(case.requests)
        assert n > 1, "the case must hold several requests"
        together = case.policy.decide(case.requests, case.facts())
        for position in range(n):
            alone = case.policy.decide(take(case.requests, np.array([position])), case.facts())
            mine = take(together.rows, together.rows["request"] == position)
            assert_same(
                alone, Decisions(take(together.requests, np.array([position])), {**mine, "request": np.zeros(size(mine), dtype=np.int64)})
            )

    def test_truth_stated_propensities_match_frequencies(self) -> None:
        """Over many seeds each candidate is taken, and each action done, as often as was stated."""
        case = self.make()
        tally: dict[Any, Tally] = {}
        for seed in range(_DRAWS):
            d = case.policy.decide(case.requests, case.facts(seed=seed))
            for key, taken, stated in _stated(d):
                tally.setdefault(key, Tally()).add(taken, stated)
        assert tally, "the policy took nothing in any draw"
        draws = _draws(tally)
        for key, one in tally.items():
            expected, variance = (one.stated, one.variance) if "action" not in key[0] else one.expected_of(draws[key[:3]])
            assert abs(one.taken - expected) <= _SIGMAS * max(variance, 0.25) ** 0.5, (
                f"{key}: taken {one.taken:.0f} times, stated {expected:.1f}"
            )


@dataclass
class Tally:
    """How often something was taken, how often it should have been, and how much chance may blur that."""

    taken: float = 0.0
    stated: float = 0.0
    variance: float = 0.0
    chance: float = 0.0

    def add(self, taken: float, stated: float) -> None:
        """Count one draw."""
        self.taken += taken
        self.stated += stated
        self.variance += stated * (1 - stated)
        self.chance = stated

    def expected_of(self, draws: float) -> tuple[float, float]:
        """Return the mean and variance of how often something of this chance happens in so many draws."""
        return draws * self.chance, draws * self.chance * (1 - self.chance)


def _draws(tally: Mapping[Any, Tally]) -> dict[Any, float]:
    """Return how many draws each (kind, request, arm) was decided in."""
    found: dict[Any, float] = {}
    for key, one in tally.items():
        found[key[:3]] = found.get(key[:3], 0.0) + one.taken
    return found


def _stated(d: Decisions) -> list[tuple[Any, float, float]]:
    """Return (what, was it taken, its stated chance): for every row, or for the action done where the policy acts."""
    n = size(d.requests)
    arms = d.requests["arm"].tolist() if "arm" in d.requests else [""] * n
    where, ids = d.rows["request"].tolist(), d.requests["id"].tolist()
    chance = d.rows["propensity"].tolist()
    if "action" in d.requests:
        done = d.requests["action"].tolist()
        return [(("action", ids[i], arms[i], done[i]), 1.0, stated) for i, stated in zip(where, chance, strict=True)]
    rows = zip(where, d.rows["candidate"].tolist(), (d.rows["rank"] >= 0).tolist(), chance, strict=True)
    return [(("row", ids[i], arms[i], candidate), float(taken), stated) for i, candidate, taken, stated in rows]


def assert_same(one: Decisions, other: Decisions) -> None:
    """Raise AssertionError where two decisions differ, naming the column."""
    for said, a, b in (("requests", one.requests, other.requests), ("rows", one.rows, other.rows)):
        assert size(a) == size(b), f"{said}: {size(a)} against {size(b)}"
        for name in a.keys() & b.keys():
            left, right = a[name], b[name]
            if left.dtype.kind == "f" and right.dtype.kind == "f":
                assert np.allclose(left, right, rtol=1e-9, atol=0, equal_nan=True), f"{said}: {name} differs"
            else:
                assert left.tolist() == right.tolist(), f"{said}: {name} differs"
