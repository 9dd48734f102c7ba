"""Faults planted on purpose: each must be caught by the law that is there for it, and its honest twin by none."""

import random
import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from uuid import uuid4

import numpy as np
import pytest

from millrace import Experiment, Fallback, Itself, Pipeline, Rules, Top
from millrace.decision import Decisions, Facts, merge
from millrace.policy.act import Act
from millrace.policy.sources import Source, Union
from millrace.testing.disturbance import disturbed
from millrace.testing.policies import Case, PolicyLaws
from millrace.testing.slow import SlowView
from millrace.types import Array, Columns, size, stack, take
from tests.laws.shop import Look, Payment, bought, case, fresh, missing, nearby, paid, ranker, trending

LAWS = tuple(name for name in vars(PolicyLaws) if name.startswith("test_"))


def broken(made: Case) -> set[str]:
    """Return which laws a case breaks, by the first word of their names."""

    class Planted(PolicyLaws):
        def make(self) -> Case:
            return made

    found = set()
    for law in LAWS:
        try:
            getattr(Planted(), law)()
        except AssertionError:
            found.add(law.split("_")[1])
    return found


class Stage:
    """A stage that reads nothing and does not draw."""

    draws = False

    def features(self) -> tuple[Any, ...]:
        return ()


def ranking(*stages: Any, top: Any = None) -> Pipeline:
    return Pipeline(fresh | trending, Rules(bought["7d"]), *stages, top if top is not None else Top(2))


def shop(*stages: Any, top: Any = None) -> Case:
    return case(ranking(*stages, top=top))


@dataclass(frozen=True, eq=False)
class Nudge(Stage):
    """Adds something to every score."""

    amount: Any

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        return d.with_rows(score=d.rows["score"] + self.amount(d, facts))


def by_shared_numpy(d: Decisions, _facts: Facts) -> Array:
    return np.random.random(size(d.rows))


def by_shared_random(d: Decisions, _facts: Facts) -> Array:
    return np.array([random.random() for _ in range(size(d.rows))])


def by_new_ids(d: Decisions, _facts: Facts) -> Array:
    return np.array([uuid4().int % 1000 for _ in range(size(d.rows))])


def by_the_second(d: Decisions, _facts: Facts) -> Array:
    return (np.arange(size(d.rows)) * 7 + int(time.time())) % 5


def by_the_uptime(d: Decisions, _facts: Facts) -> Array:
    return (np.arange(size(d.rows)) * 7 + time.monotonic_ns() // 1_000_000_000) % 5


def by_seeded_chance(d: Decisions, facts: Facts) -> Array:
    return facts.chance("nudge", d.requests["id"])[d.rows["request"]]


def by_place_in_the_batch(d: Decisions, _facts: Facts) -> Array:
    return (np.arange(size(d.rows)) * 7) % 5


def by_rank_in_the_batch(d: Decisions, _facts: Facts) -> Array:
    is_average = d.rows["score"] < d.rows["score"].mean() if size(d.rows) else np.zeros(0, dtype=bool)
    return np.where(is_average, 100.0, 0.0)


@dataclass(frozen=True, eq=False)
class Crystal(Stage):
    """Scores by how often a candidate will have been bought in the end."""

    def apply(self, d: Decisions, facts: Any) -> Decisions:
        view = SlowView(facts.view._view._plan, facts.view._view._events)
        later = view.lookup([bought["7d"]], d, facts.watermark + 10**11)
        return d.with_rows(score=later[bought["7d"].column].astype(np.float64))


@dataclass(frozen=True, eq=False)
class Counting(Stage):
    """Lets every third batch it meets have it the other way round."""

    met: list[int] = field(default_factory=list)

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        self.met.append(0)
        return d.with_rows(score=-d.rows["score"]) if len(self.met) % 3 == 0 else d


class JoinsOnAt(SlowView):
    """What a feature store answers that joins on when things happened, not on when they were known."""

    def history(self, stream: type, until: int) -> Columns:
        rows = self._events[stream.__name__]
        there = take(rows, rows["at"] < until)
        return {**there, "known": np.minimum(there["known"], until - 1)}


class SureTop(Top):
    """States 1 for whatever it took, explored or not."""

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        done = super().apply(d, facts)
        return done.with_rows(propensity=np.where(done.taken, 1.0, done.rows["propensity"]))


class UniformTop(Top):
    """States for every row the chance it would have if all were equally likely."""

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        done = super().apply(d, facts)
        counts = np.diff(done.starts)[done.rows["request"]]
        return done.with_rows(propensity=np.minimum(2 / counts, 1.0))


class GappedTop(Top):
    """Counts places by twos."""

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        done = super().apply(d, facts)
        return done.with_rows(rank=np.where(done.taken, done.rows["rank"] * 2, -1))


class SilentAct(Act):
    """States that the natural action was always taken."""

    def apply(self, d: Decisions, facts: Facts) -> Decisions:
        return super().apply(d, facts).with_rows(propensity=np.ones(size(d.rows)))


class RepeatingUnion(Union):
    """Proposes what several sources propose as often as they do."""

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        rows = stack([one.propose(requests, facts) for one in self.sources])
        return take(rows, np.argsort(rows["request"], kind="stable"))


class TiltedExperiment(Experiment):
    """Gives its first arm all units, whatever its shares say."""

    def assign(self, requests: Columns, facts: Facts) -> Array:
        return np.zeros(size(requests), dtype=np.int64)


class SharingExperiment(Experiment):
    """Lets every arm know what another missed."""

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        assigned = self.assign(requests, facts)
        parts = []
        for position, (_, policy) in enumerate(self.arms):
            mine = np.flatnonzero(assigned == position)
            if mine.size or not assigned.size:
                parts.append((mine, policy.decide(take(requests, mine), facts)))
        return merge(parts, size(requests))


class ParrotingExperiment(Experiment):
    """Says again what it said last when it is asked nothing."""

    said: ClassVar[list[Decisions]] = []

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        if size(requests) or not self.said:
            self.said.append(super().decide(requests, facts))
        return self.said[-1]


@dataclass(frozen=True, eq=False)
class Moody(Source):
    """Proposes the newest, but only in a batch where nobody asks for tools."""

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        if "tool" in requests["kind"].tolist():
            raise ValueError("tools are out of stock")
        return fresh.propose(requests, facts)

    def features(self) -> tuple[Any, ...]:
        return fresh.features()


def on_at() -> Case:
    return replace(shop(), view=JoinsOnAt)


def acting(act: Act) -> Case:
    return case(Pipeline(Itself(), Rules(paid), act), Payment)


def arms(kind: type[Experiment]) -> Case:
    half = Pipeline(fresh | missing, Top(2))
    whole = Pipeline(fresh | Moody(), Top(3))
    return case(kind({"half": half, "whole": whole}, unit=Look.id, shares=(0.4, 0.6)))


FAULTS = [
    pytest.param(lambda: shop(Nudge(by_shared_numpy)), "replay", id="exploration drawn from NumPy's shared generator"),
    pytest.param(lambda: shop(Nudge(by_shared_random)), "replay", id="exploration drawn from the shared random module"),
    pytest.param(lambda: shop(Nudge(by_new_ids)), "replay", id="ties broken by fresh ids"),
    pytest.param(lambda: shop(Nudge(by_the_second)), "replay", id="a stage that reads the wall clock"),
    pytest.param(lambda: shop(Nudge(by_the_uptime)), "replay", id="a stage that reads the uptime"),
    pytest.param(lambda: shop(Counting()), "replay", id="a stage that remembers"),
    pytest.param(lambda: arms(SharingExperiment), "replay", id="arms that share their misses"),
    pytest.param(lambda: shop(Crystal()), "past", id="a policy that reads later events"),
    pytest.param(on_at, "past", id="a feature joined on at instead of known"),
    pytest.param(lambda: shop(Nudge(by_place_in_the_batch)), "batch", id="a score that depends on the place in the batch"),
    pytest.param(
        lambda: case(Pipeline(fresh | trending, ranker, Nudge(by_rank_in_the_batch), Top(2))),
        "batch",
        id="a score relative to the rest of the batch",
    ),
    pytest.param(lambda: arms(ParrotingExperiment), "nothing", id="arms that answer though nobody asks"),
    pytest.param(lambda: case(Pipeline(Moody() | trending, Top(2))), "batch", id="a source that fails for another's sake"),
    pytest.param(lambda: shop(top=SureTop(2, explore=0.4)), "truth", id="propensity 1 for what was explored"),
    pytest.param(lambda: shop(top=UniformTop(2, explore=0.4)), "truth", id="propensities as if all were equally likely"),
    pytest.param(
        lambda: acting(SilentAct({"review": 300}, otherwise="approve", audit=0.2, to="review")), "truth", id="an audit not stated"
    ),
    pytest.param(lambda: arms(TiltedExperiment), "truth", id="shares that are not kept"),
    pytest.param(lambda: shop(top=GappedTop(3)), "form", id="places with gaps"),
    pytest.param(lambda: case(Pipeline(RepeatingUnion((fresh, nearby)), ranker, Top(3))), "form", id="a candidate twice"),
]

HONEST = [
    pytest.param(lambda: shop(Nudge(by_seeded_chance)), id="a nudge by seeded chance"),
    pytest.param(lambda: shop(top=Top(2, explore=0.4)), id="exploration that is stated"),
    pytest.param(lambda: acting(Act({"review": 300}, otherwise="approve", audit=0.2, to="review")), id="an audit that is stated"),
    pytest.param(lambda: case(Fallback(ranking(), to=Pipeline(nearby, Top(1)), after="1s")), id="a fallback"),
]


@pytest.mark.parametrize(("make", "law"), FAULTS)
def test_a_planted_fault_breaks_the_law_that_is_there_for_it(make: Any, law: str) -> None:
    assert law in broken(make())


@pytest.mark.parametrize("make", HONEST)
def test_the_honest_twin_breaks_no_law(make: Any) -> None:
    assert broken(make()) == set()


def test_a_disturbance_moves_what_is_shared_and_puts_it_back() -> None:
    before = (random.getstate(), np.random.get_state()[1].tolist(), time.time)
    told = time.time()
    seen = []
    for number in (1, 2):
        with disturbed(number):
            seen.append(
                (random.random(), np.random.random(), round((time.time() - told) / 1e6), round((time.time_ns() / 1e9 - told) / 1e6))
            )
    assert all(len(set(column)) == 2 for column in zip(*seen, strict=True))
    assert (random.getstate(), np.random.get_state()[1].tolist(), time.time) == before


def test_a_case_without_a_future_proves_nothing_and_is_refused() -> None:
    made = shop()
    past = {name: take(rows, rows["known"] < made.watermark) for name, rows in made.events.items()}
    assert "past" in broken(replace(made, events=past))
    known = {name: take(rows, (rows["known"] < made.watermark) | (rows["at"] >= made.watermark)) for name, rows in made.events.items()}
    assert "past" in broken(replace(made, events=known))
