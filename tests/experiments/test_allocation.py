"""Laws of lots, strata, pairs and balance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from millrace.errors import BadInput
from millrace.experiments.allocation import by_lot, within_strata
from millrace.experiments.balance import balance, table
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.matching import matched, pairs, whitened
from millrace.experiments.propensity import propensity
from millrace.experiments.rerandomised import rerandomised
from millrace.experiments.segments import by_segment

G = np.random.default_rng(0)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.sampled_from([(0.5, 0.5), (0.9, 0.1), (0.2, 0.3, 0.5)]), st.integers(0, 99))
def test_every_stratum_is_shared_out_as_the_whole_but_for_less_than_a_unit(stratum, shares, seed):
    stratum = np.array(stratum)
    arm = within_strata(stratum, seed, shares)
    for one in np.unique(stratum):
        counts = np.bincount(arm[stratum == one], minlength=len(shares))
        assert (np.abs(counts - (stratum == one).sum() * np.array(shares)) < 1 + 1e-9).all()
    assert (arm == within_strata(stratum, seed, shares)).all()


def test_every_unit_has_its_share_s_chance_of_every_arm():
    stratum, shares = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2]), (0.2, 0.3, 0.5)
    arms = np.stack([within_strata(stratum, seed, shares) for seed in range(6000)])
    for arm, part in enumerate(shares):
        assert (arms == arm).mean(axis=0) == pytest.approx(np.full(10, part), abs=4 * np.sqrt(0.25 / 6000))


def test_lots_differ_by_their_seed_and_by_nothing_else():
    assert (by_lot(100, 1) == by_lot(100, 1)).all()
    assert (by_lot(100, 1) != by_lot(100, 2)).any()
    with pytest.raises(BadInput, match="make 1"):
        by_lot(10, 1, (0.5, 0.4))


def test_distances_between_whitened_units_are_mahalanobis():
    rows = {"a": G.normal(size=20), "b": G.normal(size=20) * 50}
    rows["c"] = rows["a"] + 0.3 * rows["b"]  # repeats the others
    both = np.column_stack([rows["a"], rows["b"]])
    expected = cdist(both, both, "mahalanobis", VI=np.linalg.inv(np.cov(both.T)))
    assert cdist(whitened(rows), whitened(rows)) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(st.integers(5, 40), st.integers(0, 1000))
def test_units_are_paired_as_by_looking_at_all_distances(n, seed):
    g = np.random.default_rng(seed)
    rows = {"a": g.normal(size=n), "b": g.normal(size=n)}
    found, points = pairs(rows), whitened(rows)
    apart, free, expected = cdist(points, points), set(range(n)), []
    np.fill_diagonal(apart, np.inf)
    while len(free) > 1:
        one, other = min(((a, b) for a in free for b in free if a < b), key=lambda ab: apart[ab])
        free -= {one, other}
        expected.append((one, other))
    assert {tuple(np.flatnonzero(found.pair == number).tolist()) for number in range(n // 2)} == set(expected)
    assert found.alone == n % 2


def test_many_units_at_one_place_are_paired_quickly():
    rows = {"a": (np.arange(20_001) % 3).astype(float)}
    found = pairs(rows)
    assert found.alone == 1
    assert (np.bincount(found.pair[found.pair >= 0]) == 2).all()
    first = rows["a"][np.argsort(found.pair, kind="stable")][found.alone :].reshape(-1, 2)
    assert (first[:, 0] != first[:, 1]).sum() <= 1


def test_pairs_make_effects_easier_to_see():
    g, size = np.random.default_rng(1), 200
    rows = {"a": g.normal(size=size), "b": g.normal(size=size)}
    pair = pairs(rows).pair
    treated = within_strata(pair, seed=3) == 1
    value = 3 * rows["a"] + rows["b"] + 0.3 * g.normal(size=size) + 0.5 * treated
    found = matched_pairs("m", value, treated, pair)
    assert found.difference == pytest.approx(0.5, abs=3 * found.error)
    assert found.error < 0.3 * np.sqrt(value.var() * 4 / size)
    assert all(row.is_alike for row in balance(rows, treated))


def test_matching_on_propensities_takes_off_what_covariates_explain():
    g, n = np.random.default_rng(2), 4000
    age = g.normal(size=n)
    treated = g.random(n) < 1 / (1 + np.exp(1.5 - age))
    value = 2 * age + g.normal(size=n) + 1.0 * treated
    logits = propensity({"age": age}, treated)
    found = matched({"logit": logits}, treated, within=0.2)
    kept = found.pair >= 0
    assert [caution.reason.name for caution in found.cautions] == ["MODEL_ALONE", "NO_SUPPORT"][: 1 + (found.alone > 0)]
    assert (np.bincount(found.pair[kept], weights=treated[kept]) == 1).all()
    assert (np.bincount(found.pair[kept]) == 2).all()
    points = whitened({"logit": logits})[:, 0]
    apart = [np.ptp(points[found.pair == number]) for number in range(found.pair.max() + 1)]
    assert max(apart) <= 0.2 + 1e-6
    plain = value[treated].mean() - value[~treated].mean()
    mended = matched_pairs("m", value[kept], treated[kept], found.pair[kept])
    assert plain > 2
    assert mended.difference == pytest.approx(1.0, abs=0.2)
    assert not balance({"age": age}, treated)[0].is_alike
    assert balance({"age": age[kept]}, treated[kept])[0].is_alike


def test_rerandomised_arms_are_as_alike_as_theory_says():
    rows = {"a": G.normal(size=100), "b": G.exponential(size=100)}
    found = rerandomised(rows, seed=1, accept=0.05, draws=2000)
    assert (found.distance <= found.threshold).all()
    assert (found.treated.sum(axis=1) == 50).all()
    assert 2000 / found.tried == pytest.approx(0.05, rel=0.2)
    assert found.treated.mean(axis=0) == pytest.approx(np.full(100, 0.5), abs=4 * np.sqrt(0.25 / 2000))
    apart = [rows["a"][lot].mean() - rows["a"][~lot].mean() for lot in found.treated]
    assert np.var(apart) == pytest.approx((1 - found.less) * rows["a"].var(ddof=1) * 4 / 100, rel=0.15)


def test_the_worst_covariate_stands_first_in_the_table():
    treated = np.arange(60) % 2 == 0
    rows = balance({"near": G.normal(size=60), "far": G.normal(size=60) + 2 * treated, "same": np.ones(60)}, treated)
    lines = table(rows).splitlines()
    assert lines[1].startswith("far")
    assert lines[1].endswith("apart")
    assert lines[-1].startswith("same")
    assert rows[2].standardised == 0


def test_segments_say_what_may_be_read_of_them():
    n = 4000
    segment, treated = np.repeat(["new", "old"], n // 2), np.arange(n) % 2 == 0
    differs = by_segment("m", G.normal(5, 1, n) + treated * (segment == "new"), treated, segment)
    assert differs.said.startswith("the effect differs between segments")
    same = by_segment("m", np.random.default_rng(3).normal(5, 1, n), treated, segment)
    assert "no more than chance" in same.said
    assert "10%" in same.said
    spread = [one.difference for one in same.segments]
    assert np.ptp(spread) <= np.ptp([one.alone.difference for one in same.segments])
    assert [one.name for one in differs.segments] == ["new", "old"]
