"""Policies made of policies: who answers, what is recorded of it, and that the answer stands whatever a shadow does."""

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from millrace import Canary, Experiment, Fallback, Misses, Pinned, Pipeline, Rules, Shadow, Top
from millrace.errors import DeclarationError, Late
from millrace.testing.policies import assert_same
from millrace.types import objects
from tests.laws.shop import Look, bought, case, fresh, looking, missing, nearby, ranker, trending

RANKED = Pipeline(fresh | nearby, ranker, Top(3))
PLAIN = Pipeline(trending, Rules(bought["7d"]), Top(2))
UNREADY = Pipeline(missing, ranker, Top(2))
NAMED: dict[str, Any] = {"ranked": RANKED, "plain": PLAIN, "unready": UNREADY}


def decided(policy: Any, n: int = 6) -> Any:
    made = case(policy, requests=looking(n), **NAMED)
    facts = made.facts()
    return made.decide(made.requests, facts), facts


def alone(policy: Any, n: int = 6) -> Any:
    return decided(policy, n)[0]


def without(d: Any, *names: str) -> Any:
    return type(d)({name: column for name, column in d.requests.items() if name not in names}, d.rows)


def test_fallback_answers_as_its_first_policy_while_that_answers() -> None:
    d, facts = decided(Fallback(RANKED, to=PLAIN, after="1s"))
    assert_same(d, alone(RANKED))
    assert facts.missed == []


def test_fallback_answers_as_its_second_policy_when_the_first_does_not() -> None:
    d, facts = decided(Fallback(UNREADY, to=PLAIN, after="1s"))
    assert_same(d, alone(PLAIN))
    assert facts.missed == ["unready"]


def test_fallbacks_fall_as_far_as_they_must() -> None:
    d, facts = decided(Fallback(Fallback(UNREADY, to=UNREADY, after="1s"), to=PLAIN, after="1s"))
    assert_same(d, alone(PLAIN))
    assert facts.missed == ["shop.Fallback.Fallback"], "what missed inside what missed is nobody's concern"


def test_where_nothing_answers_the_policy_is_late() -> None:
    with pytest.raises(Late, match="no version of unlearned is installed yet"):
        decided(Fallback(UNREADY, to=UNREADY, after="1s"))


def test_arms_get_their_shares_of_units_always_the_same_ones() -> None:
    experiment = Experiment({"a": RANKED, "b": PLAIN, "c": PLAIN}, unit=Look.visitor, shares=(0.2, 0.5, 0.3))
    made = case(experiment, **NAMED)
    units = {"visitor": objects(f"v{n}" for n in range(20_000))}
    arms = experiment.assign(units, made.facts())
    shares = np.array([Counter(arms.tolist())[arm] for arm in range(3)]) / 20_000
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.02)
    again = experiment.assign({"visitor": units["visitor"][::-1]}, made.facts())
    assert again[::-1].tolist() == arms.tolist()
    assert experiment.assign(units, made.facts(seed=1)).tolist() != arms.tolist()


def test_shares_of_nothing_and_of_all_are_kept() -> None:
    for shares, arm in (((0.0, 1.0), "b"), ((1.0, 0.0), "a")):
        d = alone(Experiment({"a": PLAIN, "b": PLAIN}, unit=Look.visitor, shares=shares))
        assert set(d.requests["arm"]) == {arm}


def test_request_is_decided_as_its_arm_would_and_the_arm_is_recorded() -> None:
    experiment = Experiment({"new": RANKED, "old": PLAIN}, unit=Look.id, shares=(0.5, 0.5))
    d = alone(experiment)
    assert set(d.requests["arm"]) == {"new", "old"}
    assert set(d.requests["arm_share"]) == {0.5}
    whole = {"new": alone(RANKED), "old": alone(PLAIN)}
    for position, arm in enumerate(d.requests["arm"]):
        mine, expected = d.rows["request"] == position, whole[arm].rows["request"] == position
        assert d.rows["candidate"][mine].tolist() == whole[arm].rows["candidate"][expected].tolist()
        assert d.rows["rank"][mine].tolist() == whole[arm].rows["rank"][expected].tolist()


def test_arms_within_arms_are_named_after_both_and_their_shares_multiply() -> None:
    inner = Experiment({"x": RANKED, "y": PLAIN}, unit=Look.visitor, shares=(0.5, 0.5))
    d = alone(Experiment({"in": inner, "out": PLAIN}, unit=Look.id, shares=(0.6, 0.4)), 12)
    seen = dict(zip(d.requests["arm"], d.requests["arm_share"], strict=True))
    assert set(seen) == {"in/x", "in/y", "out"}
    assert seen == {"in/x": pytest.approx(0.3), "in/y": pytest.approx(0.3), "out": 0.4}


def test_what_an_arm_missed_is_recorded_on_its_own_requests_only() -> None:
    experiment = Experiment({"fallen": Fallback(UNREADY, to=PLAIN, after="1s"), "whole": PLAIN}, unit=Look.id)
    d, facts = decided(experiment, 12)
    assert facts.missed == []
    for arm, missed in zip(d.requests["arm"], d.requests["missed"], strict=True):
        assert missed == (["unready"] if arm == "fallen" else [])


def test_shadow_never_changes_the_answer_and_what_it_would_take_is_recorded() -> None:
    d, facts = decided(Shadow(PLAIN, shadow=RANKED))
    assert_same(without(d, "shadow", "missed"), alone(PLAIN))
    other = alone(RANKED)
    for position, shadow in enumerate(d.requests["shadow"]):
        mine = other.rows["request"] == position
        rank, candidate = other.rows["rank"][mine], other.rows["candidate"][mine]
        assert shadow == [candidate[rank == place][0] for place in range(int((rank >= 0).sum()))]
    assert facts.missed == []


def test_shadow_that_fails_leaves_the_answer_and_is_a_miss() -> None:
    d, facts = decided(Shadow(PLAIN, shadow=UNREADY))
    assert_same(d, alone(PLAIN))
    assert facts.missed == ["shadow unready"]


def test_pinned_versions_score_and_the_release_is_named() -> None:
    d = alone(Pinned(RANKED, {ranker: "ranker-2"}, "r2"))
    assert set(d.requests["release"]) == {"r2"}
    assert d.rows["score"].tolist() != alone(RANKED).rows["score"].tolist()
    assert_same(alone(Pinned(RANKED, {"ranker": "ranker-1"})), alone(RANKED))


def test_canary_is_an_experiment_of_the_policy_and_the_same_policy_pinned() -> None:
    policy = Canary.wrap(RANKED, {ranker: "ranker-2"}, "r2", 0.5, Look.id)
    d = alone(policy, 12)
    pinned, plain = alone(Pinned(RANKED, {ranker: "ranker-2"}), 12), alone(RANKED, 12)
    assert set(d.requests["arm"]) == {"champion", "canary"}
    for position, (arm, release) in enumerate(zip(d.requests["arm"], d.requests["release"], strict=True)):
        mine = d.rows["request"] == position
        expected = (pinned if arm == "canary" else plain).rows
        assert release == ("r2" if arm == "canary" else None)
        assert d.rows["score"][mine].tolist() == expected["score"][expected["request"] == position].tolist()


def test_canary_that_grows_keeps_those_it_had() -> None:
    made = case(RANKED, **NAMED)
    units = {"visitor": objects(f"v{n}" for n in range(3000))}
    had: set[str] = set()
    for share in (0.01, 0.1, 0.5, 0.9):
        policy: Any = Canary.wrap(RANKED, {}, "r2", share, Look.visitor)
        chosen = set(units["visitor"][policy.assign(units, made.facts()) == 1].tolist())
        assert had <= chosen
        assert abs(len(chosen) / 3000 - share) < 0.03
        had = chosen


def test_canary_that_fails_is_answered_by_the_champion_and_that_is_a_miss_of_the_canary_alone() -> None:
    d, facts = decided(Canary.wrap(RANKED, {ranker: "no such version"}, "r2", 0.5, Look.id), 12)
    plain = alone(RANKED, 12)
    assert set(d.requests["arm"]) == {"champion", "canary"}
    assert d.rows["candidate"].tolist() == plain.rows["candidate"].tolist()
    for arm, missed in zip(d.requests["arm"], d.requests["missed"], strict=True):
        assert missed == (["r2"] if arm == "canary" else [])
    assert [name for name, _ in facts.failures] == ["r2"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"guards": [Misses]}, "not a guardrail; use Misses()"),
        ({"guards": ["misses"]}, "not a guardrail; use Misses()"),
        ({"alarm": 0.0}, "the chance of a false alarm lies between 0 and 1"),
        ({"alarm": 1.0}, "the chance of a false alarm lies between 0 and 1"),
        ({"least": 1}, "Canary(least=1): how many units each side must have heard of, 2 or more, such as 100"),
    ],
)
def test_canary_that_cannot_be_guarded_so_is_refused(settings: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(said)):
        Canary("10%", "100%", **settings)


def test_steps_of_a_canary_are_as_declared_and_its_shares_fractions() -> None:
    canary = Canary("0.5%", "25%", "100%")
    assert (canary.steps, canary.shares) == (("0.5%", "25%", "100%"), (0.005, 0.25, 1.0))
