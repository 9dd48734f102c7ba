import numpy as np
import pytest

from millrace.experiments.metrics import Quantile
from millrace.experiments.needs import Ordered, Term
from millrace.experiments.quantile_difference import is_tied, woodruff
from millrace.experiments.reasons import Reason
from millrace.experiments.summary import summarise

MEDIAN = Ordered(Term("x"), 0.5)


@pytest.mark.parametrize(
    ("values", "tied"),
    [
        ([0, 1, 2, 2, 3, 4], False),
        ([0, 2, 2, 2, 3, 4], True),
        ([0, 1, 2, 2, 2, 3], True),
        ([0, 1, 2, 3, 4, 5], False),
        ([0, 0, 1, 2, 3, 4], True),
        ([0, 1, 2, 3, 4, 4], True),
    ],
)
def test_a_quantile_is_tied_where_one_value_fills_one_side_of_its_ranks_or_those_about_an_end(values, tied):
    assert is_tied(np.array(values, dtype=float), MEDIAN, 101) == tied


def test_ends_that_are_one_and_the_same_unit_are_no_tie():
    few = Ordered(Term("x"), 0.01)
    ranks = few.ranks(100)
    assert ranks[0] == ranks[1]
    assert not is_tied(np.arange(100.0)[ranks], few, 100)


@pytest.mark.parametrize(
    ("values", "a_rank"),
    [
        ([7, 10, 12, 14, 40, 60], 30 / 14),  # the ends are 14 ranks apart
        ([10, 10, 12, 14, 40, 60], 28 / 7),  # from the value above which nothing is filled, 7 ranks up
        ([10, 10, 38, 39, 40, 60], 30 / 14),  # a gap above the filled value: the ends tell more
        ([0, 10, 36, 38, 40, 40], 28 / 8),  # from the value above the median down, 8 ranks
        ([10, 10, 10, 10, 40, 40], 30 / 7),
    ],
)
def test_an_error_by_hand_is_of_the_side_that_no_single_value_fills(values, a_rank):
    """101 units: the median's rank has a variance of 25.25; the low end is 7 ranks below it, the high end 7 above."""
    assert MEDIAN.ranks(101).tolist() == [37, 43, 50, 51, 57, 63]
    value, variance = woodruff(np.array(values, dtype=float), MEDIAN, 101)
    assert value == values[2]
    assert variance == pytest.approx(25.25 * a_rank**2, rel=1e-12)


def reasons(x):
    metric, arm = Quantile("x", 0.5), np.where(np.arange(len(x)) % 2, "a", "b")
    summaries = summarise({"x": x}, arm, metric.needs())
    return [caution.reason for caution in metric.compare(summaries["a"], summaries["b"]).cautions]


def test_a_median_that_may_jump_from_one_count_to_the_next_is_told_of_and_one_of_measures_is_not():
    g = np.random.default_rng(0)
    assert Reason.SKEWED in reasons(g.poisson(0.7, 1000).astype(float))
    assert reasons(g.lognormal(0, 1, 1000)) == []
