from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.evaluation.catalogue import coverage, diversity, embedding_diversity, entropy, exposure, gini, novelty
from millrace.types import objects

COUNTS = st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(any)


def mean_over_pairs(values, group, distance):
    """Return the mean distance of all pairs of one decision, averaged over the decisions that have a pair."""
    each = []
    for one in sorted(set(group)):
        inside = [value for value, of in zip(values, group, strict=True) if of == one]
        if len(inside) > 1:
            each.append(np.mean([distance(a, b) for a, b in combinations(inside, 2)]))
    return np.mean(each) if each else np.nan


def test_coverage_counts_candidates_ever_shown_once_and_no_strangers():
    assert coverage(["a", "a", "b", "deleted"], ["a", "b", "c", "c", "d"]) == 0.5


def test_exposure_follows_the_order_of_the_candidates():
    assert exposure(np.array([7, 7, 3]), np.array([9, 3, 7])).tolist() == [0, 1, 2]


@given(COUNTS)
def test_gini_is_the_mean_difference_of_all_pairs_over_twice_the_mean(counts):
    differences = np.abs(np.subtract.outer(counts, counts)).mean()
    assert gini(counts) == pytest.approx(differences / (2 * np.mean(counts)), abs=1e-12)


@given(COUNTS)
def test_entropy_is_the_mean_surprise_of_a_row_shown(counts):
    rows = np.repeat(np.arange(len(counts)), counts)
    surprise = [-np.log2(counts[row] / len(rows)) for row in rows]
    assert entropy(counts) == pytest.approx(np.mean(surprise), abs=1e-12)


def test_nothing_shown_has_neither_gini_nor_entropy():
    assert np.isnan(gini([0, 0]))
    assert np.isnan(entropy([0, 0]))


def test_novelty_is_higher_for_what_few_consume():
    assert novelty([0.01, 0.01]) > novelty([0.2, 0.2]) > novelty([1.0]) == 0.0


def test_novelty_of_what_nobody_consumed_is_refused_with_the_remedy():
    with pytest.raises(BadInput, match="add 1 to every count before dividing"):
        novelty([0.5, 0.0])


@given(st.lists(st.tuples(st.sampled_from(["news", "sport", None]), st.integers(0, 3)), min_size=1, max_size=12))
def test_diversity_is_the_share_of_pairs_that_differ(rows):
    category, group = zip(*rows, strict=True)
    expected = mean_over_pairs(category, group, lambda a, b: a != b)
    assert diversity(objects(category), np.array(group)).value == pytest.approx(expected, nan_ok=True)


@given(st.integers(0, 2**32 - 1))
def test_embedding_diversity_is_the_mean_cosine_distance_of_pairs(seed):
    rng = np.random.default_rng(seed)
    embedding, group = rng.normal(size=(12, 3)), rng.integers(0, 4, 12)
    expected = mean_over_pairs(list(embedding), group, lambda a, b: 1 - a @ b / np.sqrt((a @ a) * (b @ b)))
    assert embedding_diversity(embedding, group).value == pytest.approx(expected)


def test_decisions_of_one_row_are_left_out_of_diversity_and_counted():
    found = diversity(["news", "news", "sport"], [0, 1, 1])
    assert (found.value, found.used) == (1.0, 1)
    assert embedding_diversity([[1.0], [2.0], [3.0]], [0, 1, 1]).each.tolist()[1] == 0.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: coverage(["a"], []), "candidates is empty"),
        (lambda: gini([]), "exposure has no rows"),
        (lambda: embedding_diversity([[0.0, 0.0]], [0]), "embedding is missing or zero"),
        (lambda: embedding_diversity([1.0], [0]), "embedding must have one vector per row"),
        (lambda: diversity(["a"], [0, 0]), "group has 2 rows where the others have 1"),
        (lambda: diversity([], []), "group has no rows"),
    ],
)
def test_wrong_input_is_refused_by_name(call, said):
    with pytest.raises(BadInput, match=said):
        call()
