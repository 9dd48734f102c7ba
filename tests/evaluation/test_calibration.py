import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from millrace.errors import BadInput
from millrace.evaluation.calibration import calibration_error, calibration_ratio, calibration_table, expected_calibration_error
from tests.evaluation.scored import rows


def binned(score, bins):
    """Return the rows of each bin, equal scores together in the bin their middle falls in: lists, one row at a time."""
    slots = {}
    for row, one in enumerate(score):
        below, same = sum(other < one for other in score), sum(other == one for other in score)
        slots.setdefault(int((below + same / 2) / len(score) * bins), []).append(row)
    return [slots[slot] for slot in sorted(slots)]


def simulated(seed, n, truth):
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.05, 0.6, n)
    return score, rng.random(n) < truth(score)


@given(rows(), st.integers(1, 6))
def test_table_and_error_equal_what_each_bin_says(given_rows, bins):
    score, label, _ = given_rows
    table, parts = calibration_table(score, label, bins=bins), binned(score.tolist(), bins)
    np.testing.assert_allclose(table["predicted"], [score[part].mean() for part in parts])
    np.testing.assert_allclose(table["observed"], [label[part].mean() for part in parts])
    assert table["count"].tolist() == [len(part) for part in parts]
    assert table["from"].tolist() == [score[part].min() for part in parts]
    assert table["to"].tolist() == [score[part].max() for part in parts]
    gap = [abs(score[part].mean() - label[part].mean()) * len(part) for part in parts]
    assert expected_calibration_error(score, label, bins=bins) == pytest.approx(sum(gap) / len(score), abs=1e-12)


@given(rows(), st.integers(1, 6))
def test_error_takes_the_variance_of_each_bins_gap_off_its_square(given_rows, bins):
    score, label, _ = given_rows
    summed = 0.0
    for part in binned(score.tolist(), bins):
        gaps = label[part] - score[part]
        if len(part) > 1:
            summed += len(part) * (gaps.mean() ** 2 - gaps.var(ddof=1) / len(part))
    assert calibration_error(score, label, bins=bins) == pytest.approx(np.sqrt(max(0.0, summed / len(score))), abs=1e-7)


@pytest.mark.parametrize("metric", [calibration_error, expected_calibration_error, calibration_ratio])
@given(given_rows=rows(), data=st.data())
def test_the_order_of_the_rows_changes_nothing(metric, given_rows, data):
    order = np.array(data.draw(st.permutations(range(len(given_rows[0])))))
    assert metric(*(column[order] for column in given_rows)) == pytest.approx(metric(*given_rows), abs=1e-7, nan_ok=True)


def test_perfect_predictor_errs_by_chance_alone_and_the_error_says_so():
    draws = [simulated(seed, 2_000, lambda score: score) for seed in range(40)]
    assert np.mean([calibration_error(*one) ** 2 for one in draws]) < 0.02**2
    assert np.mean([expected_calibration_error(*one) for one in draws]) > 0.025


def test_error_finds_how_far_predictions_are_off():
    draws = [simulated(seed, 2_000, lambda score: score + 0.1) for seed in range(40)]
    assert np.mean([calibration_error(*one) ** 2 for one in draws]) == pytest.approx(0.01, rel=0.1)


def test_constant_score_makes_one_bin():
    table = calibration_table(np.full(50, 0.2), np.arange(50) < 10)
    assert (table["count"].tolist(), table["observed"].tolist()) == ([50], [0.2])


def test_bins_hold_equal_shares_of_the_rows():
    score = np.random.default_rng(0).random(150) ** 4
    assert calibration_table(score, score < 2)["count"].tolist() == [10] * 15


def test_row_of_no_weight_is_as_if_it_were_not_there():
    with_it = calibration_table([0.1, 0.2, 0.9], [0, 1, 1], [1, 1, 0], bins=3)
    without = calibration_table([0.1, 0.2], [0, 1], bins=3)
    assert {name: column.tolist() for name, column in with_it.items()} == {name: column.tolist() for name, column in without.items()}


def test_interval_of_a_bin_is_wilsons():
    table = calibration_table(np.full(40, 0.2), np.arange(40) < 7)
    expected = binomtest(7, 40).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose([table["low"][0], table["high"][0]], [expected.low, expected.high])


def test_unequal_weights_widen_the_interval():
    label = np.arange(40) % 2
    equal = calibration_table(np.full(40, 0.2), label)
    unequal = calibration_table(np.full(40, 0.2), label, np.where(np.arange(40) < 2, 20.0, 1.0))
    assert unequal["high"] - unequal["low"] > equal["high"] - equal["low"]


def test_ratio_is_what_happened_over_what_was_said():
    assert calibration_ratio([0.2, 0.2], [1, 0]) == 2.5
    assert calibration_ratio([0.0], [1]) == np.inf
    assert np.isnan(calibration_ratio([0.0], [0]))


def test_wrong_settings_are_refused():
    with pytest.raises(BadInput, match="bins=0: must be a whole number of at least 1"):
        calibration_error([0.5], [1], bins=0)
