"""Effects of treatments that begin at different times: statsmodels' regressions, by hand, and the published county employment figures."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from millrace.experiments.staggered import group_time
from tests.experiments.panels import staggered
from tests.golden.experiments.published import data_of


@pytest.mark.parametrize("against", ["never", "not yet"])
def test_each_effect_and_its_error_are_those_of_a_regression_of_changes(against):
    """The change since before the treatment on being of the group, among it and its controls; errors of White (HC0)."""
    outcome, since = staggered(np.random.default_rng(0), units=60, effect=lambda after: 1.0 + after)
    found = group_time(outcome, since, against)
    for group, period, value, influence in zip(found.group, found.period, found.value, found.influence.T, strict=True):
        base = int(group) - 1 if period >= group else period - 1
        control = np.isinf(since) if against == "never" else since > max(period, base)
        rows = (since == group) | control
        x = sm.add_constant((since[rows] == group).astype(float))
        theirs = sm.OLS(outcome[rows, period] - outcome[rows, base], x).fit(cov_type="HC0")
        assert value == pytest.approx(theirs.params[1], rel=1e-9)
        assert np.sqrt((influence**2).mean() / len(since)) == pytest.approx(theirs.bse[1], rel=1e-9)


def test_averages_by_hand():
    """Two units from period 1 on, two from period 2 on, two never; in three periods.

    The first group changes by 3 and 5 from period 0 to 1, and by 6 and 8 to 2; the second by 1 and 2 from period 1 to 2. The others change
    by 1 and 1 in the first step, by 0 and 2 in the second. So the effects are 4 - 1, 7 - 2 and 1.5 - 1; each group counts as two units.
    """
    outcome = np.array([[0, 3, 6], [0, 5, 8], [0, 1, 2], [0, 1, 3], [0, 1, 1], [0, 1, 3]], dtype=float)
    since = np.array([1, 1, 2, 2, np.inf, np.inf])
    found = group_time(outcome, since)
    assert dict(zip(zip(found.group, found.period, strict=True), found.value, strict=True)) == {
        (1, 1): 3,
        (1, 2): 5,
        (2, 1): 0,
        (2, 2): 0.5,
    }
    assert found.overall().value == pytest.approx((3 + 5 + 0.5) / 3, rel=1e-12)
    assert found.since(0).value == pytest.approx((3 + 0.5) / 2, rel=1e-12)


def test_county_employment_is_as_published():
    """Callaway & Sant'Anna's counties and minimum wages, without covariates, against counties never treated: what their package prints.

    The analytic errors; theirs of a bootstrap are within a tenth of them, and vary from one printing to the next.
    """
    rows = pd.read_pickle(data_of("moderndid", "core/datasets/mpdta_long.pkl.gz")).sort_values(["countyreal", "year"])
    first = rows["first.treat"].to_numpy(dtype=float).reshape(-1, 5)[:, 0]
    found = group_time(rows["lemp"].to_numpy().reshape(-1, 5), np.where(first == 0, np.inf, first - 2003))
    published = [-0.0105, -0.0704, -0.1373, -0.1008, 0.0065, -0.0028, -0.0046, -0.0412, 0.0305, -0.0027, -0.0311, -0.0261]
    assert found.value == pytest.approx(published, abs=5e-5)
    bootstrapped = [0.0237, 0.0330, 0.0404, 0.0364, 0.0243, 0.0205, 0.0162, 0.0203, 0.0142, 0.0162, 0.0178, 0.0174]
    assert np.sqrt((found.influence**2).mean(axis=0) / len(first)) == pytest.approx(bootstrapped, rel=0.12)
    assert found.overall().value == pytest.approx(-0.0400, abs=5e-5)
    after = [(found.since(periods).value, found.since(periods).error) for periods in range(4)]
    assert np.array(after)[:, 0] == pytest.approx([-0.0199, -0.0510, -0.1373, -0.1008], abs=6e-5)
