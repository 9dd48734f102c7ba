"""The laws of every policy, as a suite: `class TestMine(PolicyLaws): def make(self): return Case(...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from millrace.decision import NOT_TAKEN, Decision, Decisions, Policy, Scorer
from millrace.features.plan import Plan
from millrace.loaded import Loaded
from millrace.serve.facts import Installed, LiveFacts
from millrace.testing.disturbance import disturbed
from millrace.testing.slow import Remembering, SlowMemory, SlowView
from millrace.testing.truth import Ledger
from millrace.types import Array, Columns, blank, size, take

_DRAWS = 400


@dataclass(frozen=True)
class Case:
    """A system with requests and what is known when they are decided.

    Attributes:
        loaded: The system.
        events: By the name of each of the plan's streams, in order of (known, position). Those known from the watermark on are the
            future: some must be there, and one of them must have happened before the watermark.
        watermark: As of when the requests are decided, microseconds.
        requests: Several of them: `id`, `at` and the fields.
        installed: What is installed.
        versions: The version behind each id.
        policy: Another policy than the system's, made of its declarations.
        view: Makes the view that answers, from the plan and the events.
        earlier: What was decided before and may be repeated: when each decision became known, the fields of its request, the decision.
    """

    loaded: Loaded
    events: Mapping[str, Columns]
    watermark: int
    requests: Columns
    installed: Installed = field(default_factory=Installed)
    versions: Mapping[str, Scorer] = field(default_factory=dict)
    policy: Policy | None = None
    view: Callable[[Plan, Mapping[str, Columns]], Any] = SlowView
    earlier: Sequence[tuple[int, Mapping[str, Any], Decision]] = ()

    def facts(self, *, future: bool = True, seed: int = 0, replayed: frozenset[str] | None = None) -> LiveFacts:
        """Return the facts, with or without the events that lie in the future of the watermark."""
        view = self._with_future if future else self._without_future
        memory = SlowMemory([one for one in self.earlier if future or one[0] < self.watermark]).recalled
        load, names = self.versions.__getitem__, self.loaded.names
        return LiveFacts(view, self.watermark, names, self.installed, load, seed, replayed=replayed, memory=memory)

    def decide(self, requests: Columns, facts: LiveFacts) -> Decisions:
        """Return the policy's decisions."""
        return (self.policy or self.loaded.system.policy).decide(requests, facts)

    @cached_property
    def _with_future(self) -> Remembering:
        return self._made(self.events)

    @cached_property
    def _without_future(self) -> Remembering:
        return self._made({name: take(rows, rows["known"] < self.watermark) for name, rows in self.events.items()})

    def _made(self, events: Mapping[str, Columns]) -> Remembering:
        view = self.view(self.loaded.plan, events)
        view.advance(self.watermark)
        return Remembering(self.loaded.plan, view)


class PolicyLaws:
    """What must hold of whatever answers requests. Subclass it and say what to test in `make`."""

    def make(self) -> Case:
        """Return the policy and its circumstances."""
        raise NotImplementedError

    def test_form_every_request_has_a_decision_that_can_be_recorded(self) -> None:
        """Rows are grouped by request, places are counted from the best, chances are chances, and nobody is proposed twice."""
        case = self.make()
        d = case.decide(case.requests, case.facts())
        assert d.requests["id"].tolist() == case.requests["id"].tolist(), "the requests are not those asked, in their order"
        assert (np.diff(d.rows["request"]) >= 0).all(), "the rows are not grouped by request"
        assert ((d.rows["propensity"] >= 0) & (d.rows["propensity"] <= 1)).all(), "a propensity is no chance"
        assert (d.rows["propensity"][d.taken] > 0).all(), "what had no chance was taken"
        assert all(name is not None for name in d.requests["policy"].tolist()), "a decision does not say who made it"
        for first, end in zip(d.starts[:-1], d.starts[1:], strict=True):
            candidates, rank = d.rows["candidate"][first:end].tolist(), d.rows["rank"][first:end]
            assert len(set(candidates)) == len(candidates), f"candidates appear twice: {candidates}"
            assert sorted(rank[rank != NOT_TAKEN]) == list(range(int((rank != NOT_TAKEN).sum()))), f"places are not counted: {rank}"

    def test_past_later_events_never_change_a_decision(self) -> None:
        """Decisions with and without the future in the log are equal."""
        case = self.make()
        _has_a_future(case)
        assert_same(case.decide(case.requests, case.facts()), case.decide(case.requests, case.facts(future=False)))

    def test_replay_equal_facts_give_equal_decisions(self) -> None:
        """Deciding again gives the same: at once, and for each request from its record; whatever clocks and shared generators are up to."""
        case = self.make()
        facts = case.facts()
        with disturbed(1):
            first = case.decide(case.requests, facts)
        again = case.facts()
        with disturbed(2):
            assert_same(first, case.decide(case.requests, again))
        assert facts.missed == again.missed
        for position, missed in enumerate(_missed(first, facts)):
            replayed = case.facts(replayed=frozenset(missed))
            with disturbed(3 + position):
                alone = case.decide(take(case.requests, np.array([position])), replayed)
            assert_same(_part(first, position), alone)
            assert _missed(alone, replayed) == [missed]

    def test_batch_together_is_one_at_a_time(self) -> None:
        """A request's decision does not depend on what it is decided with."""
        case = self.make()
        assert size(case.requests) > 1, "the case must hold several requests"
        together = case.decide(case.requests, case.facts())
        for position in range(size(case.requests)):
            assert_same(_part(together, position), case.decide(take(case.requests, np.array([position])), case.facts()))

    def test_nothing_asked_is_nothing_decided(self) -> None:
        """No requests have no decisions: a server that is not asked yet warms up so."""
        case = self.make()
        none = case.decide(take(case.requests, np.arange(0)), case.facts())
        assert size(none.requests) == size(none.rows) == 0

    def test_truth_stated_propensities_match_frequencies(self) -> None:
        """Over many seeds each candidate is taken, each action done and each arm given as often as was stated."""
        case = self.make()
        ledger = Ledger()
        for seed in range(_DRAWS):
            ledger.add(case.decide(case.requests, case.facts(seed=seed)))
        lies = list(ledger.lies())
        assert not lies, "\n".join(["", *lies])


def _has_a_future(case: Case) -> None:
    """Make sure that there is something to be blind to: what comes later, and what happened before and was known only later."""
    later = {name: rows["known"] >= case.watermark for name, rows in case.events.items()}
    assert not later or any(mask.any() for mask in later.values()), "the case must hold something that was known after its watermark"
    counted = {state.keying.stream.__name__ for state in case.loaded.plan.states.values()}
    late = [later[name] & (case.events[name]["at"] < case.watermark) for name in counted]
    assert not late or any(mask.any() for mask in late), "the case must hold an event from before its watermark that was known only after"


def _missed(d: Decisions, facts: LiveFacts) -> list[list[str]]:
    """Return what each request went without, as its record says it."""
    own: Sequence[Sequence[str]] = d.requests["missed"].tolist() if "missed" in d.requests else [[]] * size(d.requests)
    return [[*facts.missed, *(one or [])] for one in own]


def _part(d: Decisions, position: int) -> Decisions:
    """Return the decision on one of several requests, as if it had been decided alone."""
    rows = take(d.rows, d.rows["request"] == position)
    return Decisions(take(d.requests, np.array([position])), {**rows, "request": np.zeros(size(rows), dtype=np.int64)})


def assert_same(one: Decisions, other: Decisions) -> None:
    """Raise AssertionError where two decisions differ, naming the column.

    A column that one of them lacks must be missing throughout in the other: another request of a batch may have had it filled in.
    """
    for said, a, b in (("requests", one.requests, other.requests), ("rows", one.rows, other.rows)):
        assert size(a) == size(b), f"{said}: {size(a)} against {size(b)}"
        for name in a.keys() | b.keys():
            there = a[name] if name in a else b[name]
            left, right = (side[name] if name in side else blank(there, size(a)) for side in (a, b))
            assert _equal(left, right), f"{said}: {name} differs: {left.tolist()} against {right.tolist()}"


def _equal(left: Array, right: Array) -> bool:
    if left.dtype.kind == "f" and right.dtype.kind == "f":
        return np.allclose(left, right, rtol=1e-9, atol=0, equal_nan=True)
    return left.tolist() == right.tolist()
