"""Experiments without number find what their plan says they find: power within 3 % of it, for every kind of metric and design."""

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.design import Design
from millrace.experiments.group_sequential import boundaries, inflation
from millrace.experiments.multiplicity import confidence_each
from millrace.experiments.power import detectable, power_of, units_for
from millrace.experiments.spread import mean, quantile, ratio, share

M = 10_000
pytestmark = pytest.mark.slow


def rejected(control, treatment, design=None):
    """Return the part of experiments that the design's test rejects. Shape (experiments, units) each."""
    design = design or Design()
    found = stats.ttest_ind(treatment, control + design.beyond, axis=1, equal_var=design.pooled, alternative=design.alternative)
    return float((found.pvalue <= design.level).mean())


def rows(g, n):
    """Yield how many experiments fit in memory at a time."""
    at_once = max(min(M, 8_000_000 // n), 1)
    for start in range(0, M, at_once):
        yield min(at_once, M - start)


def simulated(n, m, draw, design=None, seed=0):
    """Return the part of M experiments of n + m units that reject; `draw` returns both arms of shape (experiments, units)."""
    g = np.random.default_rng(seed)
    return sum(count / M * rejected(*draw(g, count, n, m), design) for count in rows(g, n + m))


def as_planned(found, planned):
    assert found == pytest.approx(planned, rel=0.03), f"planned {planned:.4f}, simulated {found:.4f}"


@pytest.mark.parametrize("units, share_of_control, pooled", [(8, 0.5, True), (24, 0.25, True), (60, 0.5, False), (60, 0.25, False)])
def test_means_of_few_and_of_many_units(units, share_of_control, pooled):
    design = Design(shares=(share_of_control, 1 - share_of_control), pooled=pooled)
    effect = detectable(mean(5.0, 4.0), units, 0.8, design)
    n = round(units * share_of_control)
    as_planned(simulated(n, units - n, lambda g, k, n, m: (g.normal(5, 2, (k, n)), g.normal(5 + effect, 2, (k, m))), design), 0.8)


def test_shares_of_units():
    units = units_for(share(0.1), 0.03)
    found = simulated(units // 2, units // 2, lambda g, k, n, m: ((g.random((k, n)) < 0.1) * 1.0, (g.random((k, m)) < 0.13) * 1.0))
    as_planned(found, 0.8)


@pytest.mark.parametrize("p, lift", [(0.1, 0.05), (0.01, 0.005), (0.5, 0.25), (0.3, -0.1)])
@pytest.mark.parametrize("of_control", [0.1, 0.5, 0.9])
def test_shares_of_arms_of_different_size_by_the_score_test(p, lift, of_control):
    design = Design(shares=(of_control, 1 - of_control))
    units = units_for(share(p), lift, 0.8, design)
    n, g = round(units * of_control), np.random.default_rng(6)
    m = units - n
    hits = g.binomial(n, p, 10 * M), g.binomial(m, p + lift, 10 * M)
    both = (hits[0] + hits[1]) / units
    error = np.sqrt(both * (1 - both) * (1 / n + 1 / m) * units / (units - 1))
    away = np.abs(hits[1] / m - hits[0] / n)
    as_planned(float((away >= stats.norm.isf(0.025) * np.maximum(error, 1e-300)).mean()), 0.8)


def test_a_non_inferior_metric():
    design = Design(alternative="greater", beyond=-0.4)
    units = units_for(mean(5.0, 4.0), 0.0, 0.9, design)
    as_planned(simulated(units // 2, units // 2, lambda g, k, n, m: (g.normal(5, 2, (k, n)), g.normal(5, 2, (k, m))), design), 0.9)


def test_values_that_covariates_explain_in_part():
    rho, effect = 0.7, 0.3
    units = units_for(mean(0.0, 1.0).explained(rho**2), effect)
    g, hits = np.random.default_rng(1), 0
    n = units // 2
    for k in rows(g, units):
        before = g.normal(size=(k, 2 * n))
        value = rho * before + np.sqrt(1 - rho**2) * g.normal(size=before.shape) + effect * (np.arange(2 * n) >= n)
        within = [part - part.mean(axis=1, keepdims=True) for part in np.split(before, 2, axis=1)]
        values = np.split(value, 2, axis=1)
        slope = sum((b * v).sum(axis=1) for b, v in zip(within, values, strict=True)) / sum((b**2).sum(axis=1) for b in within)
        adjusted = value - slope[:, None] * before
        hits += k * rejected(adjusted[:, :n], adjusted[:, n:])
    as_planned(hits / M, 0.8)


def test_ratios_of_totals():
    # Views 1 + Poisson(4); clicks Binomial(views, p): the variance of a unit's linear form is p (1 - p) / E views with one p for all.
    views, p, lift = 5.0, 0.2, 0.02
    spread = ratio(views * p, views, views * p * (1 - p) + p**2 * 4, 4.0, p * 4.0)
    units, g, hits = units_for(spread, lift), np.random.default_rng(2), 0
    n = units // 2
    for k in rows(g, units):
        linear = []
        for chance in (p, p + lift):
            bottom = 1.0 + g.poisson(4, (k, n))
            top = g.binomial(bottom.astype(int), chance).astype(float)
            value = top.sum(axis=1, keepdims=True) / bottom.sum(axis=1, keepdims=True)
            linear.append(value + (top - value * bottom) / bottom.mean(axis=1, keepdims=True))
        hits += k * rejected(*linear)
    as_planned(hits / M, 0.8)


def test_medians():
    effect = 0.2
    units, g, hits = units_for(quantile(0.0, 0.5, stats.norm.pdf(0)), effect), np.random.default_rng(3), 0
    n, error = units // 2, np.sqrt(np.pi / 2 / (units // 2) * 2)
    for k in rows(g, units):
        apart = np.median(g.normal(effect, 1, (k, n)), axis=1) - np.median(g.normal(0, 1, (k, n)), axis=1)
        hits += int((np.abs(apart) / error >= stats.norm.isf(0.025)).sum())
    as_planned(hits / M, 0.8)


@pytest.mark.parametrize("varying", [False, True])
def test_clusters(varying):
    size, correlation, clusters = 20, 0.1, 60
    sizes = np.tile([5, 35] if varying else [20, 20], clusters // 2)
    spread = mean(0.0, 1.0).clustered(size, correlation, 0.75 if varying else 0.0)
    effect, g = detectable(spread, 20 * clusters), np.random.default_rng(4)
    # Both arms hold as many clusters of each size. The error is that of ratios of totals by cluster, CR2's for clusters of one size.
    sums = g.normal(0, np.sqrt(correlation), (M, clusters)) * sizes + g.normal(0, 1, (M, clusters)) * np.sqrt(sizes * (1 - correlation))
    linear = []
    for arm, top in ((slice(0, None, 4), 0.0), (slice(2, None, 4), effect)):
        mine = np.sort(np.r_[np.arange(clusters)[arm], np.arange(clusters)[arm] + 1])
        total, bottom = sums[:, mine] + top * sizes[mine], sizes[mine]
        value = total.sum(axis=1, keepdims=True) / bottom.sum()
        linear.append(value + (total - value * bottom) / bottom.mean())
    as_planned(rejected(*linear), 0.8)


def test_several_treatments():
    design = Design(shares=(0.4, 0.3, 0.3))
    units = units_for(mean(0.0, 1.0), 0.3, 0.8, design)
    assert design.level == pytest.approx(1 - confidence_each(0.95, np.full(2, 3 / 7)))
    n, m = round(0.4 * units), round(0.3 * units)
    found = simulated(n, m, lambda g, k, n, m: (g.normal(0, 1, (k, n)), g.normal(0.3, 1, (k, m))), design)
    as_planned(found, 0.8)


def test_group_sequential_plans():
    times = np.arange(1, 6) / 5
    design = Design(inflation=lambda alpha, beta: inflation(times, alpha, beta))
    units = units_for(mean(0.0, 1.0), 0.2, 0.8, design)
    at = np.round(times * units / 2).astype(int)
    plan, g = boundaries(times), np.random.default_rng(5)
    value = g.normal(0, 1, (M, at[-1])) + 0.2 - g.normal(0, 1, (M, at[-1]))
    z = np.cumsum(value, axis=1)[:, at - 1] / np.sqrt(2 * at)
    as_planned(float((np.abs(z) >= plan.high).any(axis=1).mean()), 0.8)
    assert power_of(mean(0.0, 1.0), units, 0.2, design) == pytest.approx(0.8, abs=0.005)
