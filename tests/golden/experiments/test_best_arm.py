"""Best arms and what trying costs: likelihood ratios of SciPy's laws, thresholds written out, and bounds from the textbook."""

import numpy as np
import pytest
from scipy import special, stats

from millrace.experiments.best_arm import best_arm
from millrace.experiments.regret import lai_robbins, regret


def test_evidence_is_the_likelihood_ratio_of_two_binomials():
    counts, sums = np.array([200.0, 150.0, 90.0]), np.array([60.0, 60.0, 20.0])
    found = best_arm(counts, sums)
    assert (found.arm, found.rival) == (1, 0)

    def likely(arm, p):
        return stats.binom.logpmf(sums[arm], counts[arm], p)

    apart = likely(1, 0.4) + likely(0, 0.3)
    together = likely(1, 120 / 350) + likely(0, 120 / 350)
    assert found.evidence == pytest.approx(apart - together, rel=1e-9)
    # Garivier & Kaufmann (2016), theorem 10: log(2 t (K - 1) / δ).
    assert found.needed == pytest.approx(np.log(2 * 440 * 2 / 0.05), rel=1e-12)


def test_evidence_of_means_is_the_likelihood_ratio_of_normal_sums():
    counts, sums, deviation = np.array([30.0, 20.0]), np.array([30.0, 34.0]), 1.5
    found = best_arm(counts, sums, of="means", deviation=deviation)

    def likely(arm, mean):
        return stats.norm.logpdf(sums[arm], counts[arm] * mean, deviation * np.sqrt(counts[arm]))

    apart, together = likely(0, 1.0) + likely(1, 1.7), likely(0, 64 / 50) + likely(1, 64 / 50)
    assert found.evidence == pytest.approx(apart - together, rel=1e-9)


@pytest.mark.parametrize(("total", "arms", "error"), [(100, 2, 0.05), (5000, 6, 0.01)])
def test_threshold_of_means_is_that_of_kaufmann_and_koolen(total, arms, error):
    """2 C((log((K - 1) / δ)) / 2) + 4 log(4 + log(t / 2)), their C written out as the least over a fine grid."""
    x, one = np.log((arms - 1) / error) / 2, np.linspace(0.5 + 1e-6, 1 - 1e-6, 400_001)
    free = 2 * one - 2 * one * np.log(4 * one) + np.log(special.zeta(2 * one)) - np.log(1 - one) / 2
    expected = 2 * ((free + x) / one).min() + 4 * np.log(4 + np.log(total / 2))
    found = best_arm(np.full(arms, total / arms), np.zeros(arms), error=error, of="means")
    assert found.needed == pytest.approx(expected, rel=1e-9)


def test_bound_is_that_of_lai_and_robbins():
    """Σ Δ / kl(μ, μ*), the divergences by SciPy; two arms of 0.9 and 0.6 by hand: 0.3 / (0.6 log(2/3) + 0.4 log 4) = 0.96486."""
    means = np.array([0.9, 0.6, 0.5, 0.9, 0.0])
    kl = special.rel_entr(means, 0.9) + special.rel_entr(1 - means, 0.1)
    worse = means < 0.9
    assert lai_robbins(means) == pytest.approx(((0.9 - means) / np.where(worse, kl, 1.0))[worse].sum(), rel=1e-12)
    assert lai_robbins(np.array([0.9, 0.6])) == pytest.approx(0.3 / (0.6 * np.log(2 / 3) + 0.4 * np.log(4)), rel=1e-12)


def test_regret_of_uniform_choice_is_the_mean_gap_a_round():
    """Arms of 0.2, 0.5 and 0.8 taken in turn: 0.6, 0.3 and 0, so 0.9 every three rounds."""
    taken = np.tile([0.2, 0.5, 0.8], 4)
    assert regret(np.full(12, 0.8), taken)[2::3] == pytest.approx([0.9, 1.8, 2.7, 3.6], rel=1e-12)
