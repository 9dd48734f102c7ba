import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.evaluation.regression import interval_coverage, mae, mape, pinball, r2, rmse, smape, wape

METRICS = [mae, rmse, r2, mape, smape, wape]
VALUES = st.lists(st.tuples(st.floats(-9, 9), st.floats(0.5, 9), st.integers(0, 3)), min_size=1, max_size=12).filter(
    lambda rows: any(weight for _, _, weight in rows)
)


@pytest.mark.parametrize("metric", METRICS)
@given(values=VALUES)
def test_weight_counts_a_row_as_often_as_it_says(metric, values):
    predicted, actual, weight = (np.array(column) for column in zip(*values, strict=True))
    repeated = metric(np.repeat(predicted, weight), np.repeat(actual, weight))
    assert metric(predicted, actual, weight) == pytest.approx(repeated, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("metric", "best"), [(mae, 0.0), (rmse, 0.0), (r2, 1.0), (mape, 0.0), (smape, 0.0), (wape, 0.0)])
def test_exact_prediction_is_perfect(metric, best):
    assert metric([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]) == best


def test_predicting_the_mean_explains_nothing():
    assert r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]) == 0.0


def test_outcome_that_does_not_vary_has_no_variance_to_explain():
    assert np.isnan(r2([1.0, 2.0, 9.0], [5.0, 5.0, 7.0], weight=[1, 1, 0]))


def test_days_without_sales_have_no_percentage_but_a_share_of_the_volume():
    with pytest.raises(BadInput, match="mape divides by the actual value, which is 0 in 1 rows: use wape or smape"):
        mape([1.0, 1.0], [0.0, 2.0])
    assert wape([1.0, 1.0], [0.0, 2.0]) == 1.0
    assert smape([0.0, 1.0], [0.0, 1.0]) == 0.0


def test_share_of_no_volume_is_infinite_or_unknown():
    assert wape([1.0], [0.0]) == np.inf
    assert np.isnan(wape([0.0], [0.0]))


def test_true_quantile_has_the_least_pinball_loss():
    actual = np.random.default_rng(0).normal(size=2_000)
    losses = {guess: pinball(np.full(2_000, guess), actual, quantile=0.9) for guess in np.linspace(0, 2.5, 26).round(1).tolist()}
    assert min(losses, key=losses.__getitem__) == pytest.approx(1.28, abs=0.1)


def test_coverage_counts_the_ends_of_an_interval_as_inside():
    assert interval_coverage([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 2, -1]) == 0.5
    assert interval_coverage([0, 0], [1, 1], [0.5, 2], weight=[3, 1]) == 0.75


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mae([np.inf], [1.0]), "score must lie between"),
        (lambda: mae([1.0], [np.nan]), "label is missing"),
        (lambda: pinball([1.0], [1.0], quantile=90), "quantile=90: must lie between 0 and 1"),
        (lambda: interval_coverage([1.0], [0.0], [0.5]), "low is above high in 1 rows"),
        (lambda: interval_coverage([1.0], [np.nan], [0.5]), "high is missing"),
    ],
)
def test_wrong_input_is_refused_by_name(call, said):
    with pytest.raises(BadInput, match=said):
        call()
