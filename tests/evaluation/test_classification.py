import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.evaluation.classification import auc, brier, confusion, log_loss, pr_auc
from tests.evaluation.scored import rows

SOFT = (0.0, 0.25, 1.0)
METRICS = [auc, pr_auc, log_loss, brier]


def split(score, label, weight):
    """Return each row as a positive and a negative that share its weight."""
    return np.tile(score, 2), np.repeat([1.0, 0.0], len(score)), np.concatenate([weight * label, weight * (1 - label)])


@given(rows(labels=SOFT))
def test_auc_is_the_chance_that_a_positive_outscores_a_negative(given_rows):
    score, label, weight = given_rows
    pairs = np.outer(weight * label, weight * (1 - label))
    wins = np.greater.outer(score, score) + 0.5 * np.equal.outer(score, score)
    expected = (pairs * wins).sum() / pairs.sum() if pairs.any() else np.nan
    assert auc(score, label, weight) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@given(rows(labels=SOFT))
def test_pr_auc_is_the_mean_precision_at_the_score_of_a_positive(given_rows):
    score, label, weight = given_rows
    positive = weight * label
    precisions = [positive[score >= one].sum() / max(weight[score >= one].sum(), 1e-300) for one in score]
    expected = positive @ precisions / positive.sum() if positive.any() else np.nan
    assert pr_auc(score, label, weight) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("metric", METRICS)
@given(given_rows=rows(labels=SOFT))
def test_label_between_0_and_1_counts_as_that_share_of_a_positive(metric, given_rows):
    assert metric(*given_rows) == pytest.approx(metric(*split(*given_rows)), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("metric", METRICS)
@given(given_rows=rows(weights=(0, 1, 2, 5)))
def test_weight_counts_a_row_as_often_as_it_says(metric, given_rows):
    score, label, weight = given_rows
    repeated = metric(np.repeat(score, weight), np.repeat(label, weight))
    assert metric(score, label, weight) == pytest.approx(repeated, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("metric", METRICS)
@given(given_rows=rows(), data=st.data())
def test_the_order_of_the_rows_changes_nothing(metric, given_rows, data):
    order = np.array(data.draw(st.permutations(range(len(given_rows[0])))))
    assert metric(*(column[order] for column in given_rows)) == pytest.approx(metric(*given_rows), rel=1e-12, nan_ok=True)


def test_scorer_that_knows_nothing_has_an_auc_of_a_half_and_a_pr_auc_of_the_share_of_positives():
    label = np.repeat([1, 0], [1, 9])
    assert auc(np.zeros(10), label) == 0.5
    assert pr_auc(np.zeros(10), label) == pytest.approx(0.1)


def test_perfect_scores_are_perfect():
    score, label = np.array([0.9, 0.8, 0.2]), np.array([1, 1, 0])
    assert (auc(score, label), pr_auc(score, label), brier(label, label)) == (1.0, 1.0, 0.0)
    assert log_loss(label, label) == pytest.approx(0.0, abs=1e-15)


def test_auc_bears_scores_on_any_scale():
    assert auc([-np.inf, 3.0, np.inf], [0, 1, 1]) == 1.0


@pytest.mark.parametrize(("label", "auc_is", "pr_auc_is"), [([0, 0], np.nan, np.nan), ([1, 1], np.nan, 1.0)])
def test_without_both_kinds_there_is_nothing_to_tell_apart(label, auc_is, pr_auc_is):
    np.testing.assert_equal([auc([0.1, 0.9], label), pr_auc([0.1, 0.9], label)], [auc_is, pr_auc_is])


def test_certain_mistake_costs_much_but_not_everything():
    assert 36 < log_loss([0.0], [1]) < 37


def test_confusion_counts_a_score_equal_to_the_threshold_as_acted_upon():
    found = confusion([0.5, 0.5, 0.4, 0.6], [1, 0, 1, 0], weight=[1, 2, 3, 4])
    assert (found.true_positive, found.false_positive, found.false_negative, found.true_negative) == (1.0, 6.0, 3.0, 0.0)
    assert (found.precision, found.recall, found.accuracy, found.f1) == (1 / 7, 1 / 4, 1 / 10, 2 / 11)


def test_share_of_nothing_is_not_a_number():
    found = confusion([0.1], [0], threshold=0.5)
    assert np.isnan([found.precision, found.recall, found.f1]).all()
    assert found.accuracy == 1.0


@pytest.mark.parametrize("metric", [*METRICS, confusion])
@pytest.mark.parametrize(
    ("score", "label", "weight", "said"),
    [
        ([0.1, 0.2], [np.nan, 1], None, "label is missing (NaN) in 1 of 2 rows: drop the rows whose outcome is not known (yet)"),
        ([0.1, np.nan], [0, 1], None, "score is missing (NaN) in 1 of 2 rows"),
        ([0.1, 0.2], [0, 2], None, "label must lie between 0 and 1, and 2.0 does not"),
        ([0.1, 0.2], [0, 1, 1], None, "label has 3 rows where the others have 2"),
        ([0.1, 0.2], ["no", "yes"], None, "label holds something that is not a number"),
        ([0.1, 0.2], [0, 1], [1, -1], "weight must lie between 0 and"),
        ([0.1, 0.2], [0, 1], [0, 0], "weight is 0 in every row"),
        ([[0.1, 0.2]], [0, 1], None, "score must have one value per row, and its shape is (1, 2)"),
    ],
)
def test_wrong_rows_are_refused_by_name(metric, score, label, weight, said):
    with pytest.raises(BadInput) as refused:
        metric(score, label, weight)
    assert str(refused.value).startswith(said)
    assert refused.value.field == said.split()[0]


@pytest.mark.parametrize("metric", [log_loss, brier])
def test_score_that_is_no_probability_is_refused(metric):
    with pytest.raises(BadInput, match=r"score must lie between 0 and 1, and 1\.5 does not"):
        metric([1.5], [1])
