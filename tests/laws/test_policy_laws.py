"""Every policy, source, stage and chooser that the root offers, held to the laws of policies."""

from typing import Any

import numpy as np
import pytest

import millrace
from millrace import (
    UCB,
    UCB1,
    Act,
    Arms,
    AtMost,
    Cached,
    Canary,
    Cost,
    EpsilonGreedy,
    Experiment,
    Fallback,
    Interleave,
    Itself,
    NoRepeats,
    Only,
    Pinned,
    Pipeline,
    Precision,
    Rules,
    Shadow,
    Thompson,
    TimeSlot,
    Top,
    TopTwo,
    Trending,
    Weigh,
)
from millrace.policy.sources import Union
from millrace.policy.stages import Score
from millrace.testing.policies import Case, PolicyLaws
from millrace.types import SECOND
from millrace.walk import reachable
from tests.laws.believing import believing, counted, likely, measured, related
from tests.laws.shop import (
    Buy,
    Good,
    Look,
    Payment,
    answered,
    bought,
    case,
    fresh,
    missing,
    nearby,
    paid,
    ranker,
    risk,
    sold,
    trending,
    unseen,
)

RANKED = Pipeline(trending | fresh | nearby, unseen, ranker, Top(Look.limit, AtMost(1, per=Good.maker), explore=0.3))
PLAIN = Pipeline(Trending(Buy.good, over="1d", take=8), Rules(bought["7d"]), Top(3, explore=0.2))
UNREADY = Pipeline(missing, ranker, Top(2))
SCORED = Pipeline(Itself(), risk, Act({"decline": Cost(20, 120), "review": Precision(0.2)}, otherwise="approve", audit=0.25, to="review"))
RULED = Pipeline(Itself(), Rules(paid), Act({"review": 300}, otherwise="approve", audit=0.1, to="approve"))


class TestTopUnderConstraints(PolicyLaws):
    def make(self) -> Case:
        top = Top(Look.limit, AtMost(1, per=Good.maker), AtMost(2, per=Good.kind), explore=0.4)
        return case(Pipeline(trending | fresh | nearby, unseen, ranker, top))


class TestTopThatAlwaysExplores(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(fresh, ranker, Top(2, explore=1)))


class TestTopOfMoreThanThereAre(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(fresh, Top(40, explore=0.5)))


class TestWeigh(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(fresh, ranker, Weigh({sold: -2}), Top(2, explore=0.1)))


class TestNoRepeats(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(fresh | trending, NoRepeats(Look.visitor, Good, over="7d"), Top(3)))


class TestOnly(PolicyLaws):
    """Only what was bought within the hour: others will have been, later."""

    def make(self) -> Case:
        made = case(Pipeline(fresh | trending, Only(bought["1h"]), ranker, Top(3, explore=0.2)))
        kept = len(made.decide(made.requests, made.facts()).rows["request"])
        assert 0 < kept < len(case(Pipeline(fresh | trending, Top(40))).decide(made.requests, made.facts()).rows["request"])
        return made


class TestThompson(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(fresh | trending, counted, Thompson(floor=0.01)))


class TestThompsonOfSeveral(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(fresh | trending, measured, Thompson(Look.limit)))


class TestThompsonOfWhatHangsTogether(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(fresh | trending, related, Thompson(2, floor=0.05)))


class TestThompsonBeforeAnythingIsKnown(PolicyLaws):
    def make(self) -> Case:
        made = case(Pipeline(fresh, likely, Thompson()), likely=likely)
        chances = made.decide(made.requests, made.facts()).rows["propensity"]
        assert chances == pytest.approx(np.full(len(chances), 0.2)), "five goods of which nothing is known"
        return made


class TestTopTwo(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(fresh | trending, likely, TopTwo(floor=0.01)))


class TestUCBAmongEquals(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(Arms(Good.kind, of=Look.kind), likely, UCB(2, width=0.5)))


class TestUCB1(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(fresh | trending, counted, UCB1(2, floor=0.02)))


class TestEpsilonGreedy(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(fresh | trending, ranker, Weigh({sold: 3}), EpsilonGreedy(Look.limit, epsilon=0.3)))


class TestEpsilonGreedyThatWarmsUp(PolicyLaws):
    def make(self) -> Case:
        return believing(Pipeline(fresh | trending, counted, NoRepeats(Look.visitor, Good), EpsilonGreedy(2, warmup=20)))


class TestActByLearnedThresholds(PolicyLaws):
    def make(self) -> Case:
        act = Act({"decline": Cost(20, 120), "review": Precision(0.2)}, otherwise="approve", audit=0.25, to="review")
        made = case(Pipeline(Itself(), risk, act), Payment, chooser=act)
        assert len(set(made.decide(made.requests, made.facts()).requests["action"])) == 3, "every action is to be seen"
        return made


class TestActByRules(PolicyLaws):
    def make(self) -> Case:
        return case(RULED, Payment)


class TestFallbackThatAnswers(PolicyLaws):
    def make(self) -> Case:
        return case(Fallback(RANKED, to=PLAIN, after="1s"))


class TestFallbackThatFallsBack(PolicyLaws):
    def make(self) -> Case:
        made = case(Fallback(UNREADY, to=PLAIN, after="1s"), unready=UNREADY)
        facts = made.facts()
        made.decide(made.requests, facts)
        assert facts.missed == ["unready"]
        return made


class TestExperimentByShares(PolicyLaws):
    def make(self) -> Case:
        return case(Experiment({"new": RANKED, "old": PLAIN}, unit=Look.visitor, shares=(0.3, 0.7)))


class TestExperimentWithinAnExperiment(PolicyLaws):
    def make(self) -> Case:
        inner = Experiment({"few": PLAIN, "many": Pipeline(fresh, ranker, Top(6, explore=0.5))}, unit=Look.visitor)
        return case(Experiment({"new": RANKED, "old": inner, "nobody": UNREADY}, unit=Look.id, shares=(0.4, 0.6, 0.0)))


class TestExperimentInAPartOfALayer(PolicyLaws):
    def make(self) -> Case:
        own = {"layer": "shop", "part": (0.2, 0.9), "ramp": {"2020-01-01": 0.4, "2020-02-01": 0.8}, "holdout": 0.1}
        return case(Experiment({"new": RANKED, "old": PLAIN}, unit=Look.visitor, overrides={"new": ["v2"]}, **own))


class TestExperimentOfUnitsSharedOutBeforehand(PolicyLaws):
    def make(self) -> Case:
        lists = {"new": ["v0", "v2"], "old": ["v1"]}
        return case(Experiment({"new": RANKED, "old": PLAIN}, unit=Look.visitor, allotted=lists))


class TestExperimentOfTimeSlots(PolicyLaws):
    def make(self) -> Case:
        return case(Experiment({"new": RANKED, "old": PLAIN}, unit=TimeSlot("1h", by=Look.visitor), shares=(0.3, 0.7)))


class TestExperimentOfWhichOneArmMisses(PolicyLaws):
    def make(self) -> Case:
        arms = {"whole": PLAIN, "fallen": Fallback(UNREADY, to=PLAIN, after="1s"), "half": Pipeline(fresh | missing, Top(2))}
        made = case(Experiment(arms, unit=Look.id), unready=UNREADY)
        decided = made.decide(made.requests, made.facts()).requests
        expected = {"whole": [], "fallen": ["unready"], "half": ["missing"]}
        assert dict(zip(decided["arm"], decided["missed"], strict=True)) == expected
        return made


class TestShadow(PolicyLaws):
    def make(self) -> Case:
        return case(Shadow(RANKED, shadow=PLAIN))


class TestShadowThatMissesWhatTheAnswerHas(PolicyLaws):
    def make(self) -> Case:
        made = case(Shadow(Pipeline(fresh | nearby, Top(2)), shadow=Pinned(Pipeline(fresh | nearby, Top(3)), {"paired": "gone"})))
        facts = made.facts()
        made.decide(made.requests, facts)
        assert facts.missed == ["shadow shop.Shadow.Pinned/nearby"]
        return made


class TestShadowThatFails(PolicyLaws):
    def make(self) -> Case:
        return case(Shadow(PLAIN, shadow=UNREADY))


class TestShadowOfActions(PolicyLaws):
    def make(self) -> Case:
        return case(Shadow(RULED, shadow=SCORED), Payment, chooser=SCORED.stages[-1])


class TestCanary(PolicyLaws):
    def make(self) -> Case:
        return case(Canary.wrap(RANKED, {ranker: "ranker-2"}, "r2", 0.25, Look.visitor))


class TestCanaryOfAnExperiment(PolicyLaws):
    def make(self) -> Case:
        inner = Experiment({"new": Fallback(RANKED, to=PLAIN, after="1s"), "old": PLAIN}, unit=Look.visitor, shares=(0.8, 0.2))
        return case(Canary.wrap(inner, {"ranker": "ranker-2"}, "r2", 0.5, Look.visitor))


class TestPinnedThresholds(PolicyLaws):
    def make(self) -> Case:
        pinned = Pinned(SCORED, {risk: "risk-2", "chooser/decline": 0.49}, named="r2")
        return case(pinned, Payment, chooser=SCORED.stages[-1])


class TestCached(PolicyLaws):
    def make(self) -> Case:
        earlier = [
            answered("v0", 3),
            answered("v0", 3, 2 * SECOND),
            answered("v0", 3, -SECOND, id="from the future"),
            answered("v1", 2, 31 * SECOND, id="too old"),
            answered("v2", 5, release="r0", id="of another release"),
            answered("v3", 1, missed=["nearby"], id="of which something is missing"),
            answered("v4", 4, id="of another key"),
            answered("v4", 3, 500, id="known after the watermark"),
        ]
        made = case(Cached(RANKED, key=(Look.visitor, Look.limit), life="30s"), earlier=earlier, ranked=RANKED)
        repeats = made.decide(made.requests, made.facts()).requests["repeats"].tolist()
        assert repeats == [f"v0 {SECOND} ago", None, None, None, None, None]
        return made


class TestCachedWithinACanary(PolicyLaws):
    def make(self) -> Case:
        cached = Fallback(Cached(RANKED, key=(Look.visitor, Look.limit), life="30s"), to=PLAIN, after="1s")
        limits = {"v0": 3, "v1": 2, "v2": 5}
        each = [(one, limit, release) for one, limit in limits.items() for release in ("r1", "r2")]
        earlier = [answered(one, limit, release=release, id=f"{one} {release}") for one, limit, release in each]
        made = case(Canary.wrap(cached, {ranker: "ranker-2"}, "r2", 0.5, Look.visitor), earlier=earlier, ranked=RANKED)
        decided = made.decide(made.requests, made.facts()).requests
        expected = {"champion": "r1", "canary": "r2"}
        assert set(decided["arm"]) == set(expected), "both arms are to be seen"
        rows = zip(decided["visitor"], decided["arm"], decided["repeats"], strict=True)
        assert all(repeated == (f"{one} {expected[arm]}" if one in limits else None) for one, arm, repeated in rows)
        return made


class TestCachedWhileSomethingMisses(PolicyLaws):
    def make(self) -> Case:
        half = Pipeline(fresh | missing, Top(Look.limit, explore=0.3))
        earlier = [answered("v0", 3), answered("v2", 5)]
        made = case(Cached(half, key=Look.limit, life="30s"), earlier=earlier, ranked=half)
        decided = made.decide(made.requests, made.facts()).requests
        assert decided["missed"].tolist() == [[] if limit in (3, 5) else ["missing"] for limit in decided["limit"].tolist()]
        return made


MERGED = Pipeline(fresh | nearby, ranker, Top(Look.limit))


class TestInterleavingByTeamDraft(PolicyLaws):
    def make(self) -> Case:
        made = case(Interleave({"new": MERGED, "old": Pipeline(trending, Top(4))}))
        merged = made.decide(made.requests, made.facts()).requests["interleaved"]
        assert {name for one in merged for name in one.team} == {"new", "old", ""}, "picks of both and of nobody are to be seen"
        return made


class TestInterleavingOfThreeByTeamDraft(PolicyLaws):
    def make(self) -> Case:
        return case(Interleave({"new": MERGED, "old": Pipeline(trending, Top(4)), "newest": Pipeline(fresh, Top(3))}))


class TestBalancedInterleaving(PolicyLaws):
    def make(self) -> Case:
        return case(Interleave({"new": MERGED, "old": Pipeline(trending | fresh, Top(4))}, by="balanced"))


class TestProbabilisticInterleaving(PolicyLaws):
    def make(self) -> Case:
        return case(Interleave({"new": MERGED, "old": Pipeline(trending | fresh, Top(3))}, by="probabilistic"))


class TestProbabilisticInterleavingOfThree(PolicyLaws):
    def make(self) -> Case:
        arms = {"new": MERGED, "old": Pipeline(trending, Top(2)), "newest": Pipeline(fresh, Top(2))}
        return case(Interleave(arms, by="probabilistic", within="1s"))


class TestInterleavingWithinAnExperimentOfWhatFallsBack(PolicyLaws):
    def make(self) -> Case:
        fallen = Fallback(UNREADY, to=Pipeline(trending, Top(3)), after="1s")
        merged = Fallback(Interleave({"new": MERGED, "fallen": fallen}), to=PLAIN, after="1s")
        made = case(Experiment({"merged": merged, "plain": PLAIN}, unit=Look.id), unready=UNREADY)
        decided = made.decide(made.requests, made.facts()).requests
        expected = {"merged": ["shop.Experiment.Fallback.Interleave/fallen/unready"], "plain": []}
        assert dict(zip(decided["arm"], decided["missed"], strict=True)) == expected
        assert [one is not None for one in decided["interleaved"]] == (decided["arm"] == "merged").tolist()
        return made


class TestInterleavingOfWhichOneArmMisses(PolicyLaws):
    def make(self) -> Case:
        made = case(Interleave({"unready": UNREADY, "new": MERGED}), merged=MERGED)
        facts = made.facts()
        decided = made.decide(made.requests, facts).requests
        assert facts.missed == ["unready"]
        assert set(decided["policy"]) == {"merged"}
        return made


class TestTrending(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(Trending(Buy.good, over="1h", take=20), Top(3, explore=0.2)))


class TestFresh(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(fresh, Top(3, explore=0.2)))


class TestFactorized(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(nearby, Top(3, explore=0.2)))


class TestArms(PolicyLaws):
    def make(self) -> Case:
        return case(Pipeline(Arms(Good.kind, of=Look.kind), ranker, Top(1, explore=0.6)))


class TestUnionOfWhichOneMisses(PolicyLaws):
    def make(self) -> Case:
        made = case(Pipeline(fresh | missing | trending, ranker, Top(4, explore=0.2)))
        facts = made.facts()
        made.decide(made.requests, facts)
        assert facts.missed == ["missing"]
        return made


def test_everything_that_decides_is_held_to_the_laws() -> None:
    """A part of a policy that the root offers and no case above contains would be held to nothing."""
    cases = [one().make() for one in PolicyLaws.__subclasses__() if one.__module__ == __name__]
    held = {type(part) for made in cases for part in (*reachable(made.loaded.system), Canary)} | {Canary}
    assert {one for one in _public() if one not in held} == set()
    assert {Union, Score} <= held


def _public() -> list[Any]:
    offered = [getattr(millrace, name) for name in millrace.__all__]
    return [one for one in offered if isinstance(one, type) and one.__module__.startswith("millrace.policy.") and one.__name__[0] != "_"]
