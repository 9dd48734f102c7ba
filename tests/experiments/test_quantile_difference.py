import numpy as np
import pytest

from millrace.experiments.metrics import Quantile
from millrace.experiments.quantile_difference import is_tied
from millrace.experiments.reasons import Reason
from millrace.experiments.summary import summarise


@pytest.mark.parametrize(("values", "tied"), [([1, 2, 2, 3], False), ([2, 2, 2, 3], True), ([1, 2, 2, 2], True), ([1, 2, 3, 4], False)])
def test_a_quantile_is_tied_where_its_value_fills_one_side_of_its_ranks(values, tied):
    assert is_tied(np.array(values, dtype=float)) == tied


def reasons(x):
    metric, arm = Quantile("x", 0.5), np.where(np.arange(len(x)) % 2, "a", "b")
    summaries = summarise({"x": x}, arm, metric.needs())
    return [caution.reason for caution in metric.compare(summaries["a"], summaries["b"]).cautions]


def test_a_median_that_may_jump_from_one_count_to_the_next_is_told_of_and_one_of_measures_is_not():
    g = np.random.default_rng(0)
    assert Reason.SKEWED in reasons(g.poisson(0.7, 1000).astype(float))
    assert reasons(g.lognormal(0, 1, 1000)) == []
