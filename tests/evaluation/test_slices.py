import numpy as np
import pytest

from millrace.errors import BadInput, NotFound
from millrace.evaluation.bootstrap import estimate
from millrace.evaluation.slices import by_slice, sliced
from millrace.types import objects

RNG = np.random.default_rng(3)
N = 600
COUNTRY = objects(RNG.choice(["no", "se", "fi"], N))
LABEL = (RNG.random(N) < 0.5).astype(float)
SCORE = np.where(COUNTRY == "fi", RNG.random(N), 0.5 * LABEL + RNG.random(N))


def test_each_slice_is_measured_on_its_rows_alone_and_the_bad_one_comes_first():
    found = by_slice("auc", COUNTRY, SCORE, LABEL, seed=5)
    assert found[0].value == "fi"
    assert {one.value for one in found} == {"no", "se", "fi"}
    assert sum(one.rows for one in found) == N
    for one in found:
        rows = one.value == COUNTRY
        assert one.estimate == estimate("auc", SCORE[rows], LABEL[rows], seed=5, resamples=200)


def test_for_an_error_the_largest_comes_first():
    wrong = np.where(COUNTRY == "se", 1 - LABEL, LABEL)
    assert by_slice("mae", COUNTRY, wrong, LABEL, seed=0)[0].value == "se"


def test_few_unlucky_rows_do_not_hide_what_is_surely_bad():
    country = COUNTRY.copy()
    country[:3] = "is"
    score = SCORE.copy()
    score[:3] = [0.1, 0.9, 0.8]
    label = LABEL.copy()
    label[:3] = [1, 0, 1]
    found = by_slice("auc", country, score, label, seed=0)
    assert found[0].value == "fi"
    assert next(one for one in found if one.value == "is").estimate.value < found[0].estimate.value


def test_slices_that_say_nothing_come_last():
    label = np.where(COUNTRY == "fi", 0.0, LABEL)
    last = by_slice("auc", COUNTRY, SCORE, label, seed=0)[-1]
    assert (last.value, last.estimate.value) == ("fi", None)


def test_decisions_stay_whole_within_a_slice():
    group, country = np.arange(N) // 6, np.repeat(COUNTRY[: N // 6], 6)
    found = by_slice("ndcg@3", country, SCORE, LABEL, group, seed=0)
    used = {one: len(np.unique(group[(country == one) & (LABEL > 0)])) for one in ("no", "se", "fi")}
    assert {one.value: one.estimate.n for one in found} == used


def test_weights_go_with_their_rows():
    weight = RNG.random(N)
    found = by_slice("auc", COUNTRY, SCORE, LABEL, weight=weight, seed=0)[0]
    rows = found.value == COUNTRY
    assert found.estimate == estimate("auc", SCORE[rows], LABEL[rows], weight=weight[rows], seed=0, resamples=200)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (objects(["b", None, "a", "b"]), ["b", "(missing)", "a", "b"]),
        (np.array([True, False, True, True]), ["True", "False", "True", "True"]),
        (np.array([3, 1, 3, 2]), ["3", "1", "3", "2"]),
        (np.array([0.5, np.nan, 0.5, 1.0]), ["0.5", "(missing)", "0.5", "1.0"]),
        (np.arange(4.0), ["0 to 1", "0 to 1", "2 to 3", "2 to 3"]),
        (objects("abcd"), ["a", "b", "c", "(other)"]),
        (objects("dddc"), ["d", "d", "d", "c"]),
        (np.array([np.nan] * 4), ["(missing)"] * 4),
    ],
)
def test_values_get_a_slice_each_numbers_of_many_values_a_range_and_the_rare_share_one(column, names):
    found, which = sliced(column, 4, most=3, parts=2)
    assert [found[number] for number in which] == names


def test_equal_numbers_share_a_range():
    names, which = sliced(np.repeat([0.0, 1, 2, 3, 4], [96, 1, 1, 1, 1]), 100, most=2, parts=5)
    assert (names, np.bincount(which).tolist()) == (["0 to 0", "1 to 4"], [96, 4])


@pytest.mark.parametrize(
    ("column", "label", "said"),
    [
        (COUNTRY[:-1], LABEL, "a column to slice by must have 600 values"),
        (np.zeros((N, 2)), LABEL, "a column to slice by must have 600 values"),
        (COUNTRY, LABEL[:-1], "score, label, group and weight must have one value per row"),
        (COUNTRY, np.full(N, np.nan), "label is missing"),
    ],
)
def test_wrong_rows_are_refused(column, label, said):
    with pytest.raises(BadInput, match=said):
        by_slice("auc", column, SCORE, label, seed=0)


def test_unknown_metric_is_refused():
    with pytest.raises(NotFound, match="there is no metric 'acu'"):
        by_slice("acu", COUNTRY, SCORE, LABEL, seed=0)
