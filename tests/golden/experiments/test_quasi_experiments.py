"""Regressions of quasi-experiments against statsmodels, which fits them with every dummy written out."""

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.difference_in_differences import two_by_two, two_way, within
from millrace.experiments.event_study import event_study
from millrace.experiments.interrupted_series import averaged, factors, interrupted_series, lines
from millrace.experiments.least_squares import clustered, fitted, newey_west
from tests.experiments.panels import long, series, staggered

sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed: it comes with the extra dev")


@pytest.fixture
def rows():
    found = long(*staggered(np.random.default_rng(0), units=40, effect=lambda after: 1.0 + after, groups=(4, np.inf)))
    keep = np.random.default_rng(1).random(len(found["unit"])) < 0.9
    return {name: column[keep] for name, column in found.items()}


def robust(x, rows):
    return sm.OLS(rows["outcome"], x).fit(cov_type="cluster", cov_kwds={"groups": rows["unit"]}, use_t=True)


def uncounted(rows, k):
    """Return by what statsmodels' errors are larger, which count every unit's dummy against the rows beside its k other regressors."""
    n, units = len(rows["unit"]), len(np.unique(rows["unit"]))
    return np.sqrt((n - k - 1) / (n - k - units))


def dummies(rows):
    return [(rows[name][:, None] == np.unique(rows[name])[first:]).astype(float) for name, first in (("unit", 0), ("period", 1))]


def test_two_by_two_and_plain_errors_by_cluster(rows):
    treated, after = ~np.isnan(rows["since"]), rows["period"] >= 4
    x = np.column_stack([np.ones(len(treated)), treated, after, treated & after]).astype(float)
    peer = robust(x, rows)
    np.testing.assert_allclose(two_by_two(rows["outcome"], treated, after, rows["unit"]).value, peer.params[3], rtol=1e-9)
    covariance, clusters = clustered(fitted(x, rows["outcome"]), rows["unit"])
    np.testing.assert_allclose(covariance, peer.cov_params(), rtol=1e-9)
    assert clusters == 40


def test_two_way_fixed_effects_and_their_errors_without_counting_dummies(rows):
    peer = robust(np.column_stack([rows["treated"], *dummies(rows)]), rows)
    found = two_way(rows["outcome"], rows["unit"], rows["period"], rows["treated"])
    x = within(rows["unit"], rows["period"], rows["treated"][:, None], rows["outcome"])
    fit = fitted(x[:, :-1], x[:, -1], absorbed=40)
    np.testing.assert_allclose([found.value, fit.slopes[0]], peer.params[0], rtol=1e-9)
    counted, free = (np.sqrt(clustered(fit, rows["unit"], within=is_within)[0][0, 0]) for is_within in (False, True))
    np.testing.assert_allclose([counted, free * uncounted(rows, 8)], peer.bse[0], rtol=1e-9)


def test_errors_by_few_clusters_are_cr2_written_out(rows):
    """Bell and McCaffrey's formula with its full matrices, every dummy written out, and Satterthwaite's degrees of freedom."""
    x = np.column_stack([rows["treated"], *dummies(rows)]).astype(float)
    whole, inverse = np.linalg.pinv(x), np.linalg.pinv(x.T @ x)
    left = np.eye(len(x)) - x @ whole
    residual, variance, pulled = left @ rows["outcome"], 0.0, []
    for unit in np.unique(rows["unit"]):
        mine = rows["unit"] == unit
        sizes, directions = np.linalg.eigh(left[np.ix_(mine, mine)])
        root = (directions / np.sqrt(np.where(sizes > 1e-9, sizes, np.inf))) @ directions.T
        weights = root @ x[mine] @ inverse[0]
        variance += (weights @ residual[mine]) ** 2
        pulled.append(left[:, mine] @ weights)
    shared = np.array(pulled) @ np.array(pulled).T
    found = two_way(rows["outcome"], rows["unit"], rows["period"], rows["treated"])
    np.testing.assert_allclose(found.error, np.sqrt(variance), rtol=1e-6)
    np.testing.assert_allclose(found.df, np.trace(shared) ** 2 / (shared**2).sum(), rtol=1e-6)


def test_event_study_and_its_test_of_the_time_before(rows):
    found = event_study(rows["outcome"], rows["unit"], rows["period"], rows["since"])
    apart = (rows["period"] - 4)[:, None] == found.when
    peer = robust(np.column_stack([apart & ~np.isnan(rows["since"])[:, None], *dummies(rows)]).astype(float), rows)
    np.testing.assert_allclose([each.value for each in found.effects], peer.params[:7], rtol=1e-9)
    test = peer.f_test(np.eye(len(peer.params))[:3])
    np.testing.assert_allclose(found.before, stats.f.sf(float(test.fvalue) * uncounted(rows, 14) ** 2, 3, 39), rtol=1e-9)


@pytest.mark.parametrize("lags", [0, 1, 5])
def test_newey_west(lags):
    y, x = series(np.random.default_rng(2), persistence=0.4), lines(60, 30)
    peer = sm.OLS(y, x).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    np.testing.assert_allclose(newey_west(fitted(x, y), lags), peer.cov_params(), rtol=1e-9)
    found = interrupted_series(y, 30, errors="newey-west", lags=lags)
    for mine, place in ((found.level, 2), (found.slope, 3)):
        np.testing.assert_allclose([mine.value, mine.p_value], [peer.params[place], peer.pvalues[place]], rtol=1e-9)


@pytest.mark.parametrize("persistence", [-0.3, 0.0, 0.6])
def test_first_order_residuals_are_generalised_least_squares_averaged_over_the_factor(persistence):
    """Each factor's fit by statsmodels, its restricted likelihood written out with its full matrices."""
    y, x = series(np.random.default_rng(3), persistence=persistence), lines(60, 30)
    powers, each = np.abs(np.subtract.outer(np.arange(60), np.arange(60))), factors(60)
    likely, fits = [], []
    for factor in each:
        shared = np.sign(factor) ** powers * np.abs(factor) ** powers / (1 - factor**2)
        fits.append(sm.GLS(y, x, sigma=shared).fit())
        weighed = np.linalg.inv(shared)
        left = fits[-1].ssr
        likely.append(-(56 * np.log(left) + np.linalg.slogdet(shared)[1] + np.linalg.slogdet(x.T @ weighed @ x)[1]) / 2)
    weight = np.exp(np.array(likely) - max(likely)) * (1 - each**2)
    weight /= weight.sum()
    values, variances = (np.array([getattr(fit, name)[2:] for fit in fits]) for name in ("params", "bse"))
    found = interrupted_series(y, 30)
    assert found.persistence == pytest.approx(weight @ each, abs=1e-6)
    for mine, place in ((found.level, 0), (found.slope, 1)):
        mean = weight @ values[:, place]
        variance = weight @ variances[:, place] ** 2 + weight @ (values[:, place] - mean) ** 2
        np.testing.assert_allclose([mine.value, mine.error], [mean, np.sqrt(variance)], rtol=1e-6)
        np.testing.assert_allclose(mine.p_value, 2 * stats.t.sf(abs(mine.value / mine.error), 56), rtol=1e-9)


def test_more_factors_change_nothing():
    """The average is an integral over all factors: a twentieth of the width between them gives the same."""
    y, x = series(np.random.default_rng(4), persistence=0.5), lines(60, 30)
    z = np.linspace(-2.65, 2.65, 4001)
    powers = np.abs(np.subtract.outer(np.arange(60), np.arange(60)))

    def likely(factor):
        inverse = np.linalg.inv(np.sign(factor) ** powers * np.abs(factor) ** powers / (1 - factor**2))
        within = x.T @ inverse @ x
        left = y @ inverse @ (y - x @ np.linalg.solve(within, x.T @ inverse @ y))
        return -(56 * np.log(left) - np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(within)[1]) / 2

    logs = np.array([likely(factor) for factor in np.tanh(z)])
    weight = np.exp(logs - logs.max()) * (1 - np.tanh(z) ** 2)
    assert averaged(x, y)[2] == pytest.approx(weight @ np.tanh(z) / weight.sum(), abs=1e-6)
