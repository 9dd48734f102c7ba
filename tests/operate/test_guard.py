"""The guard of a canary: what is worse goes, what is as good stays, too little founds nothing, and parts do not matter."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.guards.guardrails import DEFAULT, ActionShares, FairnessGap, Guardrail, Latency, Miscalibration, Misses, Reward, Scores
from millrace.models.declare import outcome
from millrace.operate.guard import Judge, Verdict, odds
from millrace.schema import Event, Request
from millrace.types import Array, Columns, objects, size, take
from tests.operate.stall import wanted

SHARE = 0.4


class Sale(Event):
    """Somebody pays."""

    cents: int


def observed(n: int = 4000, *, seed: int = 0, units: int | None = None, share: float = SHARE, **columns: Any) -> Columns:
    """Return decisions of two arms: of units of their own, or of so many; each column is given as (canary's, champion's) chances."""
    g = np.random.default_rng(seed)
    unit = np.arange(n) if units is None else g.integers(0, units, n)
    treated = (g.random(n if units is None else units) < share)[unit]

    def drawn(chances: tuple[float, float]) -> Array:
        return g.random(n) < np.where(treated, *chances)

    return {
        "unit": objects(f"u{one}" for one in unit),
        "treated": treated,
        "share": np.full(n, share),
        "at": np.arange(n),
        "known": np.arange(n),
        "rows": np.ones(n, dtype=np.int64),
        "missed": drawn(columns.get("missed", (0.0, 0.0))),
        "took_us": (g.lognormal(8, 0.5, n) * np.where(treated, *columns.get("slower", (1.0, 1.0)))).astype(np.int64),
        "action": np.where(drawn(columns.get("declined", (0.02, 0.02))), "decline", "approve").astype(object),
        "score": g.normal(np.where(treated, *columns.get("score", (0.0, 0.0)))),
        "observed": drawn(columns.get("reward", (0.5, 0.5))).astype(np.float64),
        "predicted": np.where(treated, *columns.get("predicted", (0.5, 0.5))),
        "asked device": np.where(np.arange(n) % 3 == 0, "tv", "phone").astype(object),
    }


def judged(seen: Columns, guards: Sequence[Guardrail] = DEFAULT, parts: int = 1, alarm: float = 0.01) -> Verdict:
    """Return the verdict on decisions and on what came of them, taken in by so many parts."""
    judge = Judge(guards, alarm, 0)
    for part in np.array_split(np.arange(size(seen)), parts):
        judge.see(take(seen, part))
        judge.came([one for one in guards if one.on_outcome], take(seen, part))
    return judge.verdict()


class Look(Request):
    """Somebody looks."""

    device: str


def all_guards() -> list[Guardrail]:
    """Return every kind of guardrail."""
    gaps = [FairnessGap(Look.device), FairnessGap(Look.device, action="decline")]
    return [*DEFAULT, Scores(), Scores(times=1), Miscalibration(wanted), *gaps]


# ---- what is as good stays


def test_as_good_canary_is_hardly_ever_taken_back_whatever_it_is_watched_for() -> None:
    """Every guardrail at once, 300 rollouts, one budget of a hundredth: more than 9 would be beyond three standard errors."""
    back = [not judged(observed(1500, seed=seed), all_guards()).healthy for seed in range(300)]
    assert sum(back) <= 9


def test_as_good_canary_of_units_that_are_all_alike_within_themselves_stays() -> None:
    """Thirty units that each always fail or never, always like or never: a thousand rows say no more than thirty."""
    back = 0
    for seed in range(100):
        g = np.random.default_rng(seed)
        seen = observed(1500, seed=seed, units=30)
        fails = {f"u{n}": bool(one) for n, one in enumerate(g.random(30) < 0.3)}
        of_unit = np.array([fails[one] for one in seen["unit"].tolist()])
        seen = {**seen, "missed": of_unit, "observed": of_unit.astype(float), "action": np.where(of_unit, "a", "b").astype(object)}
        back += not judged(seen).healthy
    assert back <= 4


def test_better_canary_stays_and_is_founded() -> None:
    verdict = judged(observed(reward=(0.6, 0.4), missed=(0.0, 0.2)))
    assert (verdict.healthy, verdict.founded) == (True, True)
    assert verdict.reason.startswith("the outcome's mean is 0.6")


@pytest.mark.parametrize("actions", [(0.02, 0.02), (0.05, 0.02), (0.03, 0.0), (0.01, 0.02), (0.0, 0.005), (0.4, 0.3), (0.3, 0.4)])
def test_canary_that_acts_otherwise_as_what_has_learned_something_does_stays(actions: Any) -> None:
    assert judged(observed(10_000, declined=actions)).healthy


def test_slow_first_decisions_of_a_canary_are_forgiven() -> None:
    seen = dict(observed(6000, share=0.05))
    early = np.flatnonzero(seen["treated"])[:15]
    seen["took_us"][early] = 10_000_000
    assert judged(seen, [Latency()]).healthy


# ---- what is worse goes


WORSE = {
    "misses": ({"missed": (0.1, 0.005)}, "it falls back in "),
    "always misses": ({"missed": (1.0, 0.0)}, "it falls back in 100.0% of decisions, the champion in 0.0%"),
    "slow": ({"slower": (2.0, 1.0)}, "it is slow in "),
    "reward": ({"reward": (0.4, 0.5)}, "the outcome's mean is 0.4"),
    "declines all": ({"declined": (0.98, 0.02)}, "it takes '"),
    "declines none": ({"declined": (0.0, 0.05)}, "it takes 'decline' in 0.0% of decisions, the champion in "),
    "declines more": ({"declined": (0.15, 0.02)}, "it takes 'decline' in 1"),
}


@pytest.mark.parametrize("name", WORSE)
def test_worse_canary_is_taken_back_and_said_why(name: str) -> None:
    columns, said = WORSE[name]
    verdict = judged(observed(**columns))
    assert (verdict.healthy, verdict.founded) == (False, True)
    assert verdict.reason.startswith(said), verdict.reason


def test_canary_that_looks_worse_is_suspect_until_that_is_proven() -> None:
    course = [judged(observed(n, reward=(0.4, 0.5)), [Reward(wanted)]) for n in range(100, 2_000, 100)]
    assert [one.suspect for one in course[:1]] == [False]
    assert any(one.suspect and one.healthy for one in course)
    assert not course[-1].healthy
    as_good = [judged(observed(1_500, seed=seed), [Reward(wanted)]).suspect for seed in range(300)]
    assert sum(as_good) <= 26, "5 % at most, and three standard errors"


def slates(units: int, canary: float, champion: float, seed: int, share: float = 0.2) -> Columns:
    """Return decisions of as many units, each of twenty rows, whose outcome is the part of them that was taken; units differ."""
    g = np.random.default_rng(seed)
    seen = dict(observed(units, seed=seed, share=share))
    mean = np.where(seen["treated"], canary, champion)
    seen["observed"] = g.binomial(20, g.beta(3 * mean, 3 * (1 - mean))) / 20
    seen["rows"] = np.full(units, 20)
    return seen


def test_canary_whose_few_outcomes_look_worse_waits_and_one_as_good_hardly_ever() -> None:
    """A hundred units of the canary beside four hundred: 0.17 for 0.24 is not proven yet in half of all rollouts, and seldom overlooked."""
    worse = [judged(slates(500, 0.17, 0.24, seed), [Reward(wanted)]) for seed in range(100)]
    assert sum(one.healthy for one in worse) > 30
    assert sum(one.healthy and not one.suspect for one in worse) <= 30
    as_good = [judged(slates(500, 0.24, 0.24, seed), [Reward(wanted)]).suspect for seed in range(100)]
    assert sum(as_good) <= 12, "one in twenty, and three standard errors"


def test_what_looked_worse_is_forgiven_once_it_no_longer_does() -> None:
    bad, good = observed(600, reward=(0.4, 0.5)), dict(observed(6000, seed=1, reward=(0.6, 0.4)))
    good["unit"] = objects(f"later {one}" for one in good["unit"].tolist())
    guards = [Reward(wanted)]
    judge = Judge(guards, 1e-9, 0)
    judge.came(guards, take(bad, slice(0, 150)))
    before = judge.verdict()
    judge.came(guards, good)
    assert (before.suspect, judge.verdict().suspect) == (True, False)


def test_as_many_units_are_waited_for_as_are_asked_for() -> None:
    seen, guards = slates(500, 0.24, 0.24, 0), [Reward(wanted)]
    for least, founded in ((10, True), (90, True), (150, False)):
        judge = Judge(guards, 0.01, 0, least)
        judge.see(seen)
        judge.came(guards, seen)
        assert judge.verdict().founded == founded


def test_margin_is_proven_for_what_is_within_it_and_not_for_what_is_beyond() -> None:
    guard = Reward(wanted, proven_within=0.05)
    assert not judged(slates(100, 0.24, 0.24, 0), [guard]).shown
    assert sum(judged(slates(4000, 0.24, 0.24, seed), [guard]).shown for seed in range(20)) >= 18
    assert sum(judged(slates(1500, 0.19, 0.24, seed), [guard]).shown for seed in range(200)) <= 6, "1 % at most, three standard errors"
    verdict = judged(slates(4000, 0.24, 0.24, 0), [guard])
    assert "that it is within its margin, by " in verdict.reason
    assert judged(slates(100, 0.24, 0.24, 0), [Reward(wanted)]).shown, "nothing is asked for"


def test_margin_of_a_harm_lies_above() -> None:
    guard = Reward(wanted, less_is_better=True, proven_within=0.05)
    assert judged(slates(4000, 0.17, 0.24, 0), [guard]).shown
    assert not judged(slates(4000, 0.31, 0.24, 0), [guard]).shown


@pytest.mark.parametrize("within", [0.0, 1.0, 0.01])
def test_margin_that_cannot_be_proven_is_refused(within: float) -> None:
    with pytest.raises(DeclarationError, match=r"proven_within=.*above what it may be worse by"):
        Reward(wanted, worse_by=0.02, proven_within=within)


def test_evidence_is_told_as_odds_too() -> None:
    one = judged(observed(reward=(0.45, 0.5)), [Reward(wanted), Misses()]).tests[0]
    assert (one.odds, one.odds_needed) == (pytest.approx(np.exp(one.evidence)), pytest.approx(200))
    assert one.odds_now is not None
    assert one.odds >= one.odds_now > 0
    (misses,) = judged(observed(100_000, missed=(1.0, 0.0)), [Misses()]).tests
    assert misses.odds_now is None
    assert msgspec.json.decode(msgspec.json.encode(misses))["odds"] > 1e300, "a number however sure it is"


@pytest.mark.parametrize(
    ("guard", "columns", "said"),
    [
        (Scores(), {"score": (4.0, 0.0)}, "it scores 'part "),
        (Scores(times=1), {"score": (0.3, 0.0)}, "it scores otherwise"),
        (Miscalibration(wanted), {"predicted": (0.9, 0.5)}, "it predicts badly: the outcome came 0.5"),
        (Reward(wanted, less_is_better=True), {"reward": (0.6, 0.5)}, "the outcome's mean is 0."),
        (Reward(wanted, worse_by=0.02), {"reward": (0.4, 0.5)}, "the outcome's mean is 0."),
    ],
)
def test_what_is_asked_for_is_watched(guard: Guardrail, columns: Any, said: str) -> None:
    assert judged(observed(), [guard]).healthy
    verdict = judged(observed(6000, **columns), [guard])
    assert not verdict.healthy
    assert verdict.reason.startswith(said), verdict.reason


def test_group_that_alone_loses_is_noticed() -> None:
    for column, harm in (("observed", 0.0), ("action", "decline")):
        seen = dict(observed(8000))
        seen[column] = np.where(seen["treated"] & (seen["asked device"] == "tv"), harm, seen[column]).astype(seen[column].dtype)
        verdict = judged(seen, [FairnessGap(Look.device, action="decline" if column == "action" else "")])
        assert not verdict.healthy
        assert verdict.reason.startswith("it is worse for 'tv' than for others")


def test_amounts_are_compared_within_their_usual_range() -> None:
    def amounts(canary: float, seed: int) -> Columns:
        seen = dict(observed(4000, seed=seed))
        seen["amount"] = np.random.default_rng(seed).lognormal(0, 1, 4000) * np.where(seen["treated"], canary, 1.0)
        del seen["observed"]
        return seen

    guards = [Reward(outcome(Sale.cents, within="1h", take="sum"))]
    assert judged(amounts(1.0, 0), guards).healthy
    assert not judged(amounts(0.7, 0), guards).healthy
    one_great_sale = amounts(1.0, 1)
    one_great_sale["amount"][np.flatnonzero(~one_great_sale["treated"])[0]] = 1e9
    assert judged(one_great_sale, guards).healthy


def test_some_seconds_of_failures_are_enough() -> None:
    """A hundred requests a second, a tenth of them the canary's, 10 % of which fail where 0.5 % did."""
    needed = []
    for seed in range(20):
        seen = observed(3000, seed=seed, share=0.1, missed=(0.1, 0.005))
        judge = Judge(DEFAULT, 0.01, 0)
        for second in range(30):
            judge.see(take(seen, slice(100 * second, 100 * second + 100)))
            if not judge.verdict().healthy:
                break
        needed.append(second + 1)
    assert np.median(needed) <= 12
    assert max(needed) <= 30


# ---- too little, and what founds a verdict


@pytest.mark.parametrize(("n", "units", "share"), [(300, None, 0.4), (4000, 12, 0.4), (2000, None, 0.05)])
def test_too_few_rows_or_units_found_nothing(n: int, units: int | None, share: float) -> None:
    verdict = judged(observed(n, units=units, share=share))
    assert (verdict.healthy, verdict.founded) == (True, False)
    assert verdict.reason.endswith("rows decided by the canary: too few to judge")


def test_outcomes_that_are_still_open_found_nothing() -> None:
    seen = dict(observed())
    seen["observed"] = np.full(4000, np.nan)
    verdict = judged(seen)
    assert (verdict.founded, verdict.reason) == (False, "it answers as the champion does; too few outcomes are known yet")


def test_where_nobody_said_what_is_good_misses_latency_and_actions_found_it() -> None:
    verdict = judged(observed(), [Misses(), Latency(), ActionShares()])
    assert (verdict.healthy, verdict.founded, verdict.reason) == (True, True, "it answers and acts as the champion does")


def test_step_is_founded_on_what_it_has_decided_itself_and_evidence_stays() -> None:
    seen = observed(missed=(0.02, 0.018))
    judge = Judge([Misses()], 0.01, 0)
    judge.see(take(seen, slice(0, 3900)))
    before = judge.verdict()
    judge.begin(3900)
    judge.see(take(seen, slice(3900, None)))
    after = judge.verdict()
    assert (before.founded, after.founded) == (True, False)
    assert after.tests[0].evidence >= before.tests[0].evidence


# ---- a function of what was observed, in its order


def test_parts_do_not_matter_and_a_verdict_survives_being_written_down() -> None:
    seen = observed(3000, units=900, missed=(0.03, 0.02), declined=(0.03, 0.05), slower=(1.1, 1.0))
    whole = judged(seen, all_guards())
    for parts in (2, 7, 500):
        parted = judged(seen, all_guards(), parts)
        for one, other in zip(whole.tests, parted.tests, strict=True):
            assert one.guard == other.guard
            assert other.evidence == pytest.approx(one.evidence, abs=1e-9), one.guard
            assert [other.canary, other.champion] == pytest.approx([one.canary, one.champion])
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Verdict) == whole


def test_bars_of_all_tests_together_hold_one_budget() -> None:
    verdict = judged(observed(), all_guards())
    assert len(verdict.tests) > 15
    assert sum(np.exp(-one.bar) for one in verdict.tests) <= 0.01
    assert odds(verdict.tests[0].bar) == f"{100 * len(all_guards()):,}"
