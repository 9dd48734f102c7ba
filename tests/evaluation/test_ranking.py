import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.evaluation import ranking
from tests.evaluation import rankings

NAMES = ["ndcg", "precision", "recall", "hit_rate", "mrr", "mean_average_precision"]


@pytest.mark.parametrize("name", NAMES)
@given(rows=rankings.decisions(), k=st.integers(1, 7))
def test_metric_equals_the_mean_over_every_order_that_ties_allow(name, rows, k):
    score, gain, group = rows
    found = getattr(ranking, name)(score, gain, group, k)
    book = getattr(rankings, name)
    expected = [rankings.by_the_book(book, score[group == one], gain[group == one], k) for one in np.unique(group)]
    np.testing.assert_allclose(found.each, expected, rtol=1e-9)
    assert found.used == np.sum(~np.isnan(expected))


@pytest.mark.parametrize("name", ["ndcg", "mrr", "mean_average_precision"])
@given(rows=rankings.decisions())
def test_leaving_k_out_counts_every_place(name, rows):
    metric = getattr(ranking, name)
    np.testing.assert_array_equal(metric(*rows).each, metric(*rows, 100).each)


@pytest.mark.parametrize("name", NAMES)
@given(rows=rankings.decisions(), data=st.data())
def test_the_order_of_the_rows_changes_nothing(name, rows, data):
    order = np.array(data.draw(st.permutations(range(len(rows[0])))))
    metric = getattr(ranking, name)
    np.testing.assert_allclose(metric(*(column[order] for column in rows), 3).each, metric(*rows, 3).each, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_scorer_that_says_the_same_of_all_gains_nothing_from_positives_that_come_first(name):
    score, group = np.zeros(100), np.zeros(100, dtype=int)
    first = np.repeat([1.0, 0.0], [5, 95])
    metric = getattr(ranking, name)
    assert metric(score, first, group, 10).value == pytest.approx(metric(score, first[::-1], group, 10).value, rel=1e-12)
    assert metric(score, first, group, 10).value < metric(first, first, group, 10).value


def test_a_scorer_that_says_the_same_of_all_has_the_precision_and_recall_of_chance():
    score, relevant, group = np.zeros(40), np.repeat([1, 0], [10, 30]), np.zeros(40, dtype=int)
    assert ranking.precision(score, relevant, group, 8).value == pytest.approx(0.25)
    assert ranking.recall(score, relevant, group, 8).value == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["ndcg", "recall", "hit_rate", "mrr", "mean_average_precision"])
def test_a_perfect_order_has_one_and_the_worst_has_less(name):
    relevant = np.array([0, 1, 0, 1, 0, 0])
    group, metric = np.zeros(6, dtype=int), getattr(ranking, name)
    assert metric(relevant, relevant, group, 2).value == 1.0
    assert metric(-relevant, relevant, group, 2).value == 0.0


def test_decisions_without_a_positive_are_left_out_and_counted():
    found = ranking.recall([0.9, 0.1, 0.9, 0.1], [0, 0, 1, 1], [4, 4, 9, 9], k=1)
    np.testing.assert_array_equal(found.each, [np.nan, 0.5])
    assert (found.value, found.used) == (0.5, 1)


def test_without_any_positive_there_is_no_value():
    found = ranking.ndcg([0.9, 0.1], [0.0, 0.0], [0, 0])
    assert np.isnan(found.value)
    assert found.used == 0


def test_precision_counts_places_a_short_decision_leaves_empty():
    assert ranking.precision([0.9, 0.1], [1, 1], [0, 0], k=10).value == pytest.approx(0.2)


def test_a_tie_of_thousands_is_shared_without_loss():
    n, positives = 5_000, 3
    relevant, group = np.repeat([1, 0], [positives, n - positives]), np.zeros(n, dtype=int)
    miss = np.prod([(n - positives - place) / (n - place) for place in range(10)])
    assert ranking.hit_rate(np.zeros(n), relevant, group, 10).value == pytest.approx(1 - miss, rel=1e-9)


@pytest.mark.parametrize(
    ("score", "gain", "group", "k", "said"),
    [
        ([np.nan, 1.0], [0, 1], [0, 0], 5, "score is missing (NaN) in 1 of 2 rows: give every row a score"),
        ([0.5, 1.0], [np.nan, np.nan], [0, 0], 5, "label is missing (NaN) in 2 of 2 rows: drop the rows whose outcome is not known (yet)"),
        ([0.5, 1.0], [-1, 1], [0, 0], 5, "label must lie between 0 and"),
        ([0.5, 1.0], [0, 1], ["a", "a"], 5, "group must be whole numbers"),
        ([0.5, 1.0], [0, 1], [0], 5, "group has 1 rows where the others have 2"),
        ([0.5, 1.0], [0, 1], [0, 0], 0, "k=0: must be a whole number of at least 1"),
        ([], [], [], 5, "score has no rows"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_rows_are_refused_by_name(name, score, gain, group, k, said):
    with pytest.raises(BadInput) as refused:
        getattr(ranking, name)(score, gain, group, k)
    assert str(refused.value).startswith(said)
