"""Interleaved policies: what is shown, who picked it, with what chance, and what of it the log keeps."""

from typing import Any

import msgspec
import numpy as np
import pytest

from millrace import AtMost, Fallback, Interleave, Pipeline, Top
from millrace.decision import Decision, Decisions, Interleaved
from millrace.errors import DeclarationError, Late
from millrace.serve.records import records
from millrace.testing.policies import assert_same
from tests.laws.shop import Good, case, fresh, looking, missing, nearby, ranker, trending
from tests.policy import drafts

RANKED = Pipeline(fresh | nearby, ranker, Top(4))
POPULAR = Pipeline(trending, Top(4))
SHORT = Pipeline(trending, Top(2))
UNREADY = Pipeline(missing, ranker, Top(2))
NAMED: dict[str, Any] = {"ranked": RANKED, "popular": POPULAR, "short": SHORT, "unready": UNREADY}


def decided(policy: Any, n: int = 40, seed: int = 0) -> tuple[Decisions, Any]:
    made = case(policy, requests=looking(n), **NAMED)
    facts = made.facts(seed=seed)
    return made.decide(made.requests, facts), facts


def slate(d: Decisions, position: int) -> list[str]:
    """Return what a request was shown, best first."""
    mine = (d.rows["request"] == position) & d.taken
    return d.rows["candidate"][mine][np.argsort(d.rows["rank"][mine])].tolist()


@pytest.mark.parametrize(("by", "oracle"), [("team-draft", drafts.team_drafts), ("balanced", drafts.balanced)])
def test_slates_and_teams_are_among_those_that_the_paper_allows(by: str, oracle: Any) -> None:
    d, _ = decided(Interleave({"new": RANKED, "old": POPULAR}, by=by))
    arms = [decided(policy)[0] for policy in (RANKED, POPULAR)]
    told = set()
    for position in range(40):
        orders = [slate(arm, position) for arm in arms]
        allowed = [(placed, team) for _, placed, team in oracle(orders, 4)]
        record = d.requests["interleaved"][position]
        found = (slate(d, position), [["new", "old"].index(one) for one in record.team])
        assert found in allowed
        told.add(tuple(record.team))
        for name, order in zip(("new", "old"), orders, strict=True):
            assert record.ranks[name] == [order.index(one) if one in order else -1 for one in found[0]]
        assert (record.by, record.depths) == (by, {"new": 4, "old": 4})
    assert len(told) > 1, "who begins is drawn anew for every request"


def test_propensity_is_the_chance_over_all_ways_the_draft_can_go() -> None:
    d, _ = decided(Interleave({"new": RANKED, "old": POPULAR}), 6)
    arms = [decided(policy, 6)[0] for policy in (RANKED, POPULAR)]
    for position in range(6):
        mine = d.rows["request"] == position
        ways = list(drafts.team_drafts([slate(arm, position) for arm in arms], 4))
        for candidate, propensity in zip(d.rows["candidate"][mine], d.rows["propensity"][mine], strict=True):
            assert propensity == pytest.approx(sum(chance for chance, placed, _ in ways if candidate in placed))


def test_everything_an_arm_considered_is_recorded_once() -> None:
    d, _ = decided(Interleave({"new": RANKED, "old": POPULAR}), 6)
    considered = [decided(policy, 6)[0].rows for policy in (RANKED, POPULAR)]
    for position in range(6):
        expected = {one for rows in considered for one in rows["candidate"][rows["request"] == position].tolist()}
        found = d.rows["candidate"][d.rows["request"] == position].tolist()
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_places_beyond_the_shortest_slate_are_nobodys() -> None:
    d, _ = decided(Interleave({"long": POPULAR, "short": SHORT}))
    for position in range(40):
        assert len(slate(d, position)) == 4
        team = d.requests["interleaved"][position].team
        assert sorted(team[:2]) == ["long", "short"]
        assert team[2:] == ["", ""]


def test_an_arm_with_nothing_to_show_leaves_all_places_to_the_other() -> None:
    empty = Pipeline(nearby, AtNothing(), Top(3))
    d, _ = decided(Interleave({"empty": empty, "old": SHORT}), 6)
    alone, _ = decided(SHORT, 6)
    assert [slate(d, position) for position in range(6)] == [slate(alone, position) for position in range(6)]
    assert {tuple(one.team) for one in d.requests["interleaved"]} <= {("", ""), ("",), ()}


class AtNothing:
    """A stage that leaves nothing over."""

    draws = False

    def features(self) -> tuple[Any, ...]:
        return ()

    def apply(self, d: Decisions, facts: Any) -> Decisions:
        return d.keep(np.zeros(len(d.rows["candidate"]), dtype=bool))


def test_where_an_arm_misses_the_first_that_answers_does_so_alone() -> None:
    d, facts = decided(Interleave({"gone": UNREADY, "new": RANKED, "old": POPULAR}))
    assert_same(d, decided(RANKED)[0])
    assert facts.missed == ["gone"]
    with pytest.raises(Late, match="no arm answered in time: one, other"):
        decided(Interleave({"one": UNREADY, "other": UNREADY}))


def test_interleaving_falls_back_as_any_policy_does() -> None:
    nobody = Interleave({"one": UNREADY, "other": UNREADY})
    d, facts = decided(Fallback(nobody, to=POPULAR, after="1s"))
    assert_same(d, decided(POPULAR)[0])
    assert facts.missed == ["shop.Fallback.Interleave"]


def test_what_an_arm_draws_itself_leaves_propensities_unknown() -> None:
    drawing = Pipeline(fresh, Top(3, explore=0.5))
    d, _ = decided(Interleave({"drawing": drawing, "old": POPULAR}), 6)
    assert np.isnan(d.rows["propensity"]).all(), "loading a system refuses it; made by hand it says that it does not know"


def test_the_log_keeps_who_picked_what_and_reads_what_was_written_before() -> None:
    made = case(Interleave({"new": RANKED, "old": SHORT}), requests=looking(6), **NAMED)
    d = made.decide(made.requests, made.facts())
    written = records(d, system="shop", release="r1", watermark=0, missed=[], kept={})
    for position, record in enumerate(written):
        again = msgspec.json.decode(msgspec.json.encode(record), type=Decision)
        assert again.interleaved == d.requests["interleaved"][position]
        assert len(again.interleaved.team) == again.taken
        assert again.policy == "shop.Interleave"
    plain = Decision(id="a", at=0, system="shop", watermark=0)
    assert b"interleaved" not in msgspec.json.encode(plain), "other decisions are written as they ever were"
    assert msgspec.json.decode(b'{"id":"a","at":0,"system":"shop","watermark":0}', type=Decision).interleaved is None


def test_arms_of_three_get_equal_parts_of_the_places() -> None:
    d, _ = decided(Interleave({"a": POPULAR, "b": RANKED, "c": POPULAR}), 600)
    team = [name for one in d.requests["interleaved"] for name in one.team]
    n = len(team)
    for name in "abc":
        assert abs(team.count(name) - n / 3) < 4 * n**0.5 / 2
    assert all(isinstance(one, Interleaved) for one in d.requests["interleaved"])


@pytest.mark.parametrize(
    ("arms", "options", "said"),
    [
        ({"new": RANKED}, {}, "Interleave(['new']): compare at least two arms"),
        ({"new": RANKED, "old": fresh}, {}, "Interleave('old': Fresh(...)): not a policy; use a Pipeline, or what wraps one"),
        ({"new": RANKED, "": POPULAR}, {}, "Interleave({'': ...}): give every arm a name"),
        (
            {"new": RANKED, "old": POPULAR},
            {"by": "optimised"},
            "Interleave(by='optimised'): unknown; use one of 'team-draft', 'balanced', 'probabilistic'",
        ),
        (
            {"new": RANKED, "old": POPULAR},
            {"within": "soon"},
            '\'soon\' is not a duration: write a positive number with its unit, such as "10m", "24h" or "7d"',
        ),
    ],
)
def test_what_cannot_be_interleaved_is_refused(arms: Any, options: Any, said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Interleave(arms, **options)
    assert str(refused.value) == said


def test_constraints_hold_within_each_arms_slate() -> None:
    one = Pipeline(fresh | nearby, Top(3, AtMost(1, per=Good.maker)))
    d, _ = decided(Interleave({"one": one, "same": Pipeline(fresh | nearby, Top(3, AtMost(1, per=Good.maker)))}), 6)
    alone, _ = decided(one, 6)
    assert [slate(d, position) for position in range(6)] == [slate(alone, position) for position in range(6)]
