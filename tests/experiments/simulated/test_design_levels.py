"""Where nothing is different, clusters, strata, pairs, shares, segments and ages alarm as often as they say."""

import numpy as np
import pytest

from millrace.experiments.clustered import clustered
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.segments import by_segment
from millrace.experiments.shrinkage import shrunk
from millrace.experiments.srm import log_chi_square
from millrace.experiments.srm_sequential import log_evidence
from millrace.experiments.stratified import stratified
from millrace.experiments.winners_curse import after_selection, sum_of_winners

M = 10_000
CHANCE = 3 * np.sqrt(0.05 * 0.95 / M)
pytestmark = pytest.mark.slow


def rate(p_of, m=M):
    return float(np.mean([p_of(np.random.default_rng((5, seed))) <= 0.05 for seed in range(m)]))


def test_cr2_keeps_its_level_with_few_clusters():
    cluster = np.repeat(np.arange(16), 10)
    found = rate(lambda g: clustered("m", g.normal(size=16)[cluster] + g.normal(size=160), cluster % 2 == 0, cluster).p_value)
    assert found == pytest.approx(0.05, abs=CHANCE)


def test_cr2_keeps_its_level_with_unequal_clusters_where_the_plain_sandwich_does_not():
    sizes = np.tile([4, 8, 12, 30], 5)
    cluster = np.repeat(np.arange(20), sizes)
    treated = np.isin(cluster, np.arange(0, 20, 4)) | np.isin(cluster, [3, 7])  # 7 clusters of 20, of very different sizes

    def p_of(by):
        return rate(
            lambda g: clustered("m", 0.5 * g.normal(size=20)[cluster] + g.normal(size=len(cluster)), treated, cluster, by=by).p_value
        )

    assert p_of("CR2") == pytest.approx(0.05, abs=CHANCE + 0.01)
    assert p_of("CR0") > 0.08


def test_a_ratio_of_totals_keeps_its_level_under_clusters():
    cluster = np.repeat(np.arange(40), 5)

    def p_of(g):
        views = 1.0 + g.poisson(4, 200)
        clicks = g.binomial(views.astype(int), g.beta(4, 12, 40)[cluster]).astype(float)
        return clustered("m", clicks, cluster % 2 == 0, cluster, bottom=views).p_value

    assert rate(p_of) == pytest.approx(0.05, abs=CHANCE)


def test_strata_keep_their_level():
    stratum = np.repeat(np.arange(5), 12)
    treated = np.tile([True, False, False], 20)
    found = rate(lambda g: stratified("m", 3.0 * stratum + (1 + stratum) * g.normal(size=60), treated, stratum).p_value)
    assert found == pytest.approx(0.05, abs=CHANCE)


def test_strata_looked_at_afterwards_keep_their_level():
    def p_of(g):
        stratum = g.integers(0, 4, 200)
        return stratified("m", 2.0 * stratum + g.normal(size=200), g.random(200) < 0.5, stratum).p_value

    assert rate(p_of) == pytest.approx(0.05, abs=CHANCE)


def test_pairs_keep_their_level():
    pair = np.repeat(np.arange(15), 2)

    def p_of(g):
        treated = np.repeat(g.random(15) < 0.5, 2) ^ (np.arange(30) % 2 == 0)
        return matched_pairs("m", 5 * g.normal(size=15)[pair] + g.normal(size=30), treated, pair).p_value

    assert rate(p_of) == pytest.approx(0.05, abs=CHANCE)


def test_shares_looked_at_once_keep_their_level():
    parts = np.array([0.5, 0.3, 0.2])
    counts = np.random.default_rng(1).multinomial(2000, parts, size=M)
    logs = [log_chi_square(float(each), 2) for each in ((counts - 2000 * parts) ** 2 / (2000 * parts)).sum(axis=1)]
    assert np.mean(np.array(logs) <= np.log(0.05)) == pytest.approx(0.05, abs=CHANCE)


@pytest.mark.parametrize("parts", [np.array([0.5, 0.5]), np.array([0.9, 0.07, 0.03])])
def test_shares_looked_at_after_every_unit_never_alarm_more_often_than_they_say(parts):
    g, alarms, naive = np.random.default_rng(2), 0, 0
    for _ in range(M // 100):
        units = g.random((100, 1000))[..., None] < np.cumsum(parts)
        counts = np.cumsum(np.diff(units, axis=-1, prepend=False), axis=1).astype(float)
        alarms += int((log_evidence(counts, parts).max(axis=1) >= np.log(20)).sum())
        expected = np.arange(1, 1001)[:, None] * parts
        chi = ((counts - expected) ** 2 / expected).sum(axis=-1)[:, 99:]
        naive += int((chi.max(axis=1) >= {2: 3.841, 3: 5.991}[len(parts)]).sum())
    assert alarms / M <= 0.05 + CHANCE
    assert naive / M > 0.2  # the test for one look, looked at as often


def test_a_mismatch_is_found_while_units_come_in():
    g, parts = np.random.default_rng(3), np.array([0.5, 0.5])
    treated = np.cumsum(g.random((500, 40_000)) < 0.52, axis=1)[:, 999::1000]
    n = np.arange(1000, 40_001, 1000)
    found = log_evidence(np.stack([n - treated, treated], axis=-1).astype(float), parts) >= np.log(1000)
    assert found.any(axis=1).mean() > 0.99
    once = (treated - n / 2) ** 2 / (n / 4) >= 10.83
    # Free to look at any time, it takes at most about twice the units at which the single test would find as much.
    assert np.median(found.argmax(axis=1) + 1) <= 2 * (np.flatnonzero(once.mean(axis=0) >= 0.5)[0] + 1)


def test_segments_without_interaction_seldom_look_as_if_they_had_one():
    segment, treated = np.repeat(np.arange(6), 100), np.tile([False, True], 300)
    found = [by_segment("m", np.random.default_rng((6, s)).normal(5, 1, 600), treated, segment).log_p for s in range(M)]
    assert np.mean(np.array(found) <= np.log(0.05)) == pytest.approx(0.05, abs=CHANCE + 0.005)


def test_drawn_effects_are_nearer_the_truth_than_plain_ones():
    g, plain, drawn, held = np.random.default_rng(8), 0.0, 0.0, 0.0
    for _ in range(2000):
        truth, error = g.normal(1, 0.5, 12), g.uniform(0.3, 1.0, 12)
        seen = truth + error * g.normal(size=12)
        found = shrunk(seen, error)
        plain, drawn = plain + ((seen - truth) ** 2).sum(), drawn + ((found.value - truth) ** 2).sum()
        held += (np.abs(found.value - truth) <= 1.96 * found.error).mean() / 2000
    assert drawn < 0.7 * plain
    assert held == pytest.approx(0.94, abs=0.01)  # taking the variance between for known it would be 0.85


def test_an_effect_that_does_not_age_seldom_looks_as_if_it_did():
    unit, age = np.repeat(np.arange(100), 5), np.tile(np.arange(5), 100)
    treated = unit % 2 == 0

    def p_of(g):
        return by_exposure_age(unit, treated, age, 2 * g.normal(size=100)[unit] + g.normal(size=500) + 0.5 * treated).p_value

    assert rate(p_of) == pytest.approx(0.05, abs=CHANCE + 0.005)  # the normal for a hundred units


def test_an_effect_that_fades_is_called_a_novelty_and_one_that_grows_primacy():
    unit, age, g = np.repeat(np.arange(400), 5), np.tile(np.arange(5), 400), np.random.default_rng(1)
    treated = unit % 2 == 0
    for effect, verdict in ((2.0 - 0.5 * age, "novelty"), (0.5 + 0.5 * age, "primacy"), (np.ones(2000), "steady")):
        assert by_exposure_age(unit, treated, age, g.normal(size=2000) + effect * treated).verdict == verdict


@pytest.mark.parametrize("truth", [0.0, 1.0, 2.5])
def test_corrected_winners_hold_the_truth_and_lean_to_neither_side(truth):
    z = truth + np.random.default_rng(4).normal(size=60_000)
    winners = z[np.abs(z) >= 1.96][:2000]
    found = [after_selection(each, 1.0) for each in winners]
    n = len(found)
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert held == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / n))
    assert np.mean([one.median <= truth for one in found]) == pytest.approx(0.5, abs=3 * np.sqrt(0.25 / n))
    if truth:
        plain = np.mean([abs(each) for each in winners]) - truth
        assert abs(np.mean([abs(one.estimate) for one in found]) - truth) < plain


def test_the_sum_of_winners_is_mostly_mended():
    g = np.random.default_rng(5)
    truth = g.normal(0, 1, (2000, 30))
    seen = truth + g.normal(size=truth.shape)
    sums = np.array([sum_of_winners(row, np.ones(30)) for row in seen])
    real = np.where(seen > 1.959964, truth, 0.0).sum(axis=1).mean()
    plain, mended = sums.mean(axis=0)
    assert abs(mended - real) < 0.5 * (plain - real)
