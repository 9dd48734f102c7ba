"""Sample ratios against SciPy, by hand, and far beyond where SciPy's probabilities underflow."""

import numpy as np
import pytest
from scipy import special, stats

from millrace.experiments.comparison import log_tail
from millrace.experiments.srm import log_chi_square, sample_ratio
from millrace.experiments.srm_sequential import CONCENTRATIONS, log_evidence


@pytest.mark.parametrize("counts, weights", [((5000, 5300), (1, 1)), ((821_588, 815_482), (50, 50)), ((10, 20, 40), (1, 2, 3))])
def test_p_value_is_that_of_the_chi_square_test(counts, weights):
    names = "abc"[: len(counts)]
    found = sample_ratio(dict(zip(names, counts, strict=True)), dict(zip(names, weights, strict=True)))
    expected = np.array(weights) / sum(weights) * sum(counts)
    assert found.p_value == pytest.approx(stats.chisquare(counts, expected).pvalue, rel=1e-9)


def test_published_mismatch_is_found():
    # Kohavi, Tang & Xu (2020), Trustworthy Online Controlled Experiments, p. 45: 821,588 and 815,482 users have a p-value of 1.8E-6.
    found = sample_ratio({"control": 821_588, "treatment": 815_482}, {"control": 1, "treatment": 1})
    assert found.p_value == pytest.approx(1.8e-6, rel=0.03)
    assert found.is_mismatch


@pytest.mark.parametrize("df", [1, 2, 3, 7, 30])
def test_tail_is_that_of_scipy(df):
    for statistic in (0.0, 0.3, 4.0, 80.0, 1000.0, 1300.0):
        assert log_chi_square(statistic, df) == pytest.approx(stats.chi2.logsf(statistic, df), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("statistic", [1400.0, 1e4, 1e7])
def test_tail_goes_on_where_probabilities_underflow(statistic):
    assert log_chi_square(statistic, 1) == pytest.approx(np.log(2) + log_tail(np.sqrt(statistic)), rel=1e-12)
    assert log_chi_square(statistic, 2) == pytest.approx(-statistic / 2, rel=1e-12)
    assert log_chi_square(statistic, 4) == pytest.approx(-statistic / 2 + np.log1p(statistic / 2), rel=1e-12)


def test_evidence_is_a_mean_of_dirichlet_multinomial_ratios():
    counts, parts = np.array([30, 12, 8]), np.array([0.5, 0.3, 0.2])
    expected = [
        stats.dirichlet_multinomial.logpmf(counts, strength * parts, 50) - stats.multinomial.logpmf(counts, 50, parts)
        for strength in CONCENTRATIONS
    ]
    assert float(log_evidence(counts, parts)) == pytest.approx(special.logsumexp(expected) - np.log(len(expected)), rel=1e-9)
