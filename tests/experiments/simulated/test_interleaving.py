"""Laws of interleaving in a search-like world: nobody is favoured, and far fewer viewers are needed than by an A/B test."""

import numpy as np
import pytest
from scipy import special

from millrace.experiments.interleaving import Credits
from millrace.experiments.interleaving_preference import preference, votes
from millrace.experiments.sequential_comparison import look, sequential_comparison
from millrace.experiments.stopping import Anytime
from tests.experiments.search_visits import WAYS, Clicks, at_random, by_grade, by_place, experiments
from tests.experiments.search_world import (
    CANDIDATES,
    KEEN,
    METRICS,
    PLACES,
    QUERIES,
    World,
    per_viewer,
    viewers_by_arms,
    viewers_by_draft,
    weighed,
)

TIMES, VIEWERS, ALPHA = 10_000, 60, 0.05
WITHIN = 3 * (ALPHA * (1 - ALPHA) / TIMES) ** 0.5
REACH = float(special.ndtri(1 - ALPHA / 2) + special.ndtri(0.8))
"""5 % significance on two sides and 80 % power: how many standard errors the true difference must be away from 0."""

EQUAL = World.made(0.4, queries=500).mirrored()
_ORDER = np.arange(PLACES)
SHIFTED = World(np.zeros((1, CANDIDATES), dtype=int), _ORDER[None], np.roll(_ORDER, -1)[None])
UNBIASED = [by for by in WAYS if by != "balanced"]


def alarms(by: str, world: World, clicks: Clicks, seed: int) -> tuple[float, float]:
    """Return how often a t-test and a sign test reject "neither is preferred"."""
    g = np.random.default_rng(seed)
    found = [
        (preference(of, "old", "new", unit).is_significant, votes(of, "old", "new", unit).p_value <= ALPHA)
        for of, unit, _ in experiments(by, g, world, clicks, VIEWERS, TIMES)
    ]
    return tuple(np.mean(found, axis=0).tolist())


@pytest.mark.slow
@pytest.mark.parametrize("by", WAYS)
def test_rankers_of_equal_worth_are_told_apart_as_rarely_as_stated(by: str) -> None:
    rejected, voted = alarms(by, EQUAL, by_grade, 1)
    assert abs(rejected - ALPHA) < WITHIN
    assert voted < ALPHA + WITHIN, "the sign test is exact, so rather below its level"


@pytest.mark.slow
@pytest.mark.parametrize("by", UNBIASED)
@pytest.mark.parametrize("clicks", [by_place, at_random])
def test_shifted_rankings_are_not_told_apart_by_clicks_that_mean_nothing(by: str, clicks: Clicks) -> None:
    rejected, _ = alarms(by, SHIFTED, clicks, 2)
    assert abs(rejected - ALPHA) < WITHIN


@pytest.mark.parametrize("clicks", [by_place, at_random])
def test_balanced_interleaving_prefers_a_shifted_ranking_by_clicks_that_mean_nothing(clicks: Clicks) -> None:
    """Its known bias, which is why it is read with a warning."""
    for of, unit, _ in experiments("balanced", np.random.default_rng(3), SHIFTED, clicks, 500, 20):
        assert preference(of, "old", "new", unit).log_p < np.log(1e-6)


@pytest.mark.slow
def test_the_alarm_is_kept_at_any_number_of_looks() -> None:
    """Twenty looks at each of many experiments between equal rankers; a t-test at each would be wrong every fourth time."""
    times, looks_, viewers = 1000, 20, 600
    rule, wrong, naive = Anytime(planned=2 * viewers), 0, 0
    for of, unit, _ in experiments("team-draft", np.random.default_rng(4), EQUAL, by_grade, viewers, times):
        looks, is_wrong, is_naive = [], False, False
        for until in np.linspace(viewers / looks_, viewers, looks_).astype(int):
            part = unit < until
            one = preference(Credits(of.arms, of.by, of.earned[part]), "old", "new", unit[part])
            is_wrong |= sequential_comparison(one, rule, looks).is_significant
            is_naive |= one.is_significant
            looks.append(look(one))
        wrong, naive = wrong + is_wrong, naive + is_naive
    assert wrong / times < ALPHA + 3 * (ALPHA * (1 - ALPHA) / times) ** 0.5
    assert naive / times > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_team_draft_needs_a_twentieth_of_the_viewers_of_an_ab_test(seed: int) -> None:
    """For the same true gain of a hundredth of NDCG, at the same significance and power; the A/B test goes by its most sensitive metric."""
    world = World.made(0.3, seed=seed)
    assert world.gain == pytest.approx(0.01, abs=0.0025)
    by_arms = min(viewers_by_arms(world, metric, REACH) for metric in METRICS.values())
    averaged, thrown = (viewers_by_draft(world, worth, REACH) for worth in (world.averaged, world.thrown))
    assert averaged <= by_arms / 20
    assert averaged < thrown < by_arms / 10, "by who picked in fact it needs more, and still far fewer"


@pytest.mark.slow
@pytest.mark.parametrize("by", ["team-draft", "picks of a team-draft"])
def test_a_team_draft_of_the_size_planned_has_the_power_planned(by: str) -> None:
    world = World.made(0.6, queries=500)
    viewers = round(viewers_by_draft(world, world.averaged if by == "team-draft" else world.thrown, REACH))
    found = [
        preference(of, "old", "new", unit) for of, unit, _ in experiments(by, np.random.default_rng(5), world, by_grade, viewers, 2500)
    ]
    assert abs(np.mean([one.is_significant for one in found]) - 0.8) < 0.03


@pytest.mark.slow
def test_an_ab_test_of_the_size_planned_has_the_power_planned() -> None:
    """Which shows that the sizes compared above are right on the other side too."""
    world, g, times = World.made(0.9, queries=500), np.random.default_rng(6), 2500
    metric = weighed(np.ones(PLACES))
    viewers = round(viewers_by_arms(world, metric, REACH) / 2)
    z = []
    for _ in range(times):
        figures = []
        for shown in (world.old, world.new):
            query, kind = g.integers(len(shown), size=viewers * QUERIES), np.repeat(g.integers(len(KEEN), size=viewers), QUERIES)
            clicked = g.random((len(query), PLACES)) < by_grade(world, query, kind, shown[query])
            figures.append(clicked.sum(axis=1).reshape(viewers, QUERIES).sum(axis=1))
        old, new = figures
        z.append((new.mean() - old.mean()) / ((old.var(ddof=1) + new.var(ddof=1)) / viewers) ** 0.5)
    assert abs(np.mean(np.abs(z) > special.ndtri(1 - ALPHA / 2)) - 0.8) < 0.03
    expected, spread = per_viewer(*metric(world.chances(world.new)))
    assert new.mean() == pytest.approx(expected, abs=5 * (spread / viewers) ** 0.5)
