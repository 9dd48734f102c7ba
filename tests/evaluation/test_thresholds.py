import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from millrace.errors import BadInput, TrainingError
from millrace.evaluation.classification import confusion
from millrace.evaluation.thresholds import break_even, threshold_for_cost, threshold_for_precision
from tests.evaluation.scored import rows

POSITIVE = rows().filter(lambda given_rows: (given_rows[1] * given_rows[2]).any())


def shown(score, label, threshold):
    """Return the exact one-sided lower bound of the precision from a threshold upwards."""
    acted = score >= threshold
    return binomtest(int(label[acted].sum()), int(acted.sum()), alternative="greater").proportion_ci(0.95, method="exact").low


@given(rows().filter(lambda given_rows: given_rows[1].any()), st.sampled_from([0.05, 0.2, 0.5, 0.8]))
def test_threshold_is_the_lowest_score_whose_precision_is_shown(given_rows, at_least):
    score, label, _ = given_rows
    right = [one for one in sorted(set(score)) if shown(score, label, one) >= at_least]
    if right:
        found = threshold_for_precision(score, label, at_least)
        assert found.score == right[0]
        assert found.precision_low == pytest.approx(shown(score, label, found.score))
    else:
        with pytest.raises(TrainingError, match=f"no threshold has a precision of {at_least:g} with confidence 0.95"):
            threshold_for_precision(score, label, at_least)


@given(POSITIVE, st.sampled_from([(5, 120), (1, 1), (120, 5)]))
def test_threshold_costs_least_of_all_there_are_and_acts_on_fewest(given_rows, costs):
    score, label, weight = given_rows
    possible = [np.nextafter(score[weight > 0].max(), np.inf), *sorted(set(score[weight > 0]), reverse=True)]

    def cost(threshold):
        counted = confusion(score, label, weight, threshold=threshold)
        return costs[0] * counted.false_positive + costs[1] * counted.false_negative

    found = threshold_for_cost(score, label, *costs, weight=weight)
    assert found.cost * weight.sum() == pytest.approx(min(cost(one) for one in possible))
    assert found.score == next(one for one in possible if cost(one) == pytest.approx(found.cost * weight.sum()))


@given(POSITIVE)
def test_evidence_is_what_the_threshold_does_on_the_rows(given_rows):
    score, label, weight = given_rows
    found = threshold_for_cost(score, label, 1, 1, weight=weight)
    counted = confusion(score, label, weight, threshold=found.score)
    assert found.recall == pytest.approx(counted.recall)
    assert found.acted == pytest.approx((counted.true_positive + counted.false_positive) / weight.sum())
    assert found.precision == (None if found.acted == 0 else pytest.approx(counted.precision))
    assert found.n == (weight > 0).sum()


@given(POSITIVE, st.data())
def test_the_order_of_the_rows_changes_nothing(given_rows, data):
    order = np.array(data.draw(st.permutations(range(len(given_rows[0])))))
    (score, label, weight), (score2, label2, weight2) = given_rows, (column[order] for column in given_rows)
    assert threshold_for_cost(score2, label2, 5, 9, weight=weight2) == threshold_for_cost(score, label, 5, 9, weight=weight)


def test_rows_of_one_score_stay_on_one_side():
    score, label = np.repeat([0.9, 0.5], 100), np.concatenate([np.ones(100), np.arange(100) < 50])
    found = threshold_for_precision(score, label, 0.9)
    assert (found.score, found.acted, found.precision) == (0.9, 0.5, 1.0)


def test_single_score_is_taken_when_it_is_good_enough_and_refused_when_not():
    score, label = np.full(200, 0.3), np.arange(200) < 150
    assert threshold_for_precision(score, label, 0.6).score == 0.3
    with pytest.raises(TrainingError, match=r"the nearest is 0\.3, where 75\.0% of 200 rows are positive, which shows 69\.5%"):
        threshold_for_precision(score, label, 0.9)


@pytest.mark.parametrize(("costs", "acts_on"), [((5, 120), 1.0), ((120, 5), 0.0)])
def test_single_score_is_acted_upon_when_misses_cost_more_than_alarms(costs, acts_on):
    assert threshold_for_cost(np.full(10, 0.3), np.arange(10) < 5, *costs).acted == acts_on


def test_acting_on_nothing_seen_is_a_threshold_just_above_the_highest_score():
    found = threshold_for_cost([0.3, 0.2], [0, 1], 100, 1)
    assert (found.score > 0.3, found.score < 0.3000001, found.precision, found.recall, found.cost) == (True, True, None, 0.0, 0.5)


def test_of_calibrated_scores_the_cheapest_threshold_is_the_ratio_of_the_costs():
    rng = np.random.default_rng(0)
    score = rng.random(200_000).round(3)
    found = threshold_for_cost(score, rng.random(200_000) < score, 5, 15)
    assert found.score == pytest.approx(break_even(5, 15), abs=0.03)
    assert break_even(5, 15) == 5 / (5 + 15)


def test_audited_negatives_that_stand_for_many_raise_the_threshold():
    score, label = np.repeat([0.9, 0.5], [200, 100]), np.repeat([1, 1, 0], [200, 95, 5])
    audited = np.where(label == 0, 50.0, 1.0)
    assert threshold_for_precision(score, label, 0.9).score == 0.5
    assert threshold_for_precision(score, label, 0.9, weight=audited).score == 0.9


def test_unequal_weights_count_as_fewer_rows_and_a_common_factor_as_none():
    score, label = np.full(200, 0.3), np.arange(200) < 150
    even, heavier = (threshold_for_precision(score, label, 0.5, weight=np.full(200, one)) for one in (1.0, 50.0))
    uneven = threshold_for_precision(score, label, 0.5, weight=np.where(np.arange(200) % 4, 1.0, 20.0))
    assert heavier == even
    assert (uneven.precision, uneven.precision_low < even.precision_low - 0.02) == (pytest.approx(0.75, abs=0.01), True)


def test_chosen_precision_falls_short_about_as_seldom_as_stated():
    short = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        score = rng.random(2_000)
        found = threshold_for_precision(score, rng.random(2_000) < score**3, 0.5)
        true = (1 - found.score**4) / 4 / (1 - found.score)  # the mean of s³ from the threshold upwards
        short += true < 0.5
    assert short <= 20


@pytest.mark.parametrize("learn", [lambda *rows: threshold_for_precision(*rows, 0.5), lambda *rows: threshold_for_cost(*rows, 1, 1)])
def test_without_a_positive_nothing_can_be_learned(learn):
    with pytest.raises(TrainingError, match="no threshold can be learned: none of 3 rows is a positive; hold out a longer time"):
        learn([0.1, 0.2, 0.3], [0, 0, 0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: threshold_for_precision([0.1], [1], 95), "at_least=95: a share between 0 and 1 is needed"),
        (lambda: threshold_for_precision([0.1], [1], 0.5, confidence=1), "confidence=1: a share between 0 and 1 is needed"),
        (lambda: threshold_for_cost([0.1], [1], 0, 5), "false_positive=0: a mistake costs something"),
        (lambda: threshold_for_cost([0.1], [1], 5, np.inf), "false_negative=inf: a mistake costs something"),
        (lambda: break_even(0, 5), "false_positive=0: a mistake costs something"),
        (lambda: break_even(5, np.inf), "false_negative=inf: a mistake costs something"),
        (lambda: threshold_for_cost([0.1], [np.nan], 5, 5), "label is missing"),
        (lambda: threshold_for_cost([np.inf], [1], 5, 5), "score must lie between"),
    ],
)
def test_wrong_input_is_refused_by_name(call, said):
    with pytest.raises(BadInput, match=said):
        call()
