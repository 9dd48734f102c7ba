"""Answers worked out on paper."""

from math import log, log2

import pytest

from millrace.evaluation import calibration, classification, ranking

# One decision of five candidates, best score first: gains 3, 0, 2, 0, 1.
SCORE, GAIN, GROUP = [5, 4, 3, 2, 1], [3, 0, 2, 0, 1], [0] * 5
# Four candidates, the middle two tied and one of them a positive.
TIED, RELEVANT = [3, 2, 2, 1], [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("found", "by_hand"),
    [
        (ranking.ndcg(SCORE, GAIN, GROUP, 3), (3 + 2 / 2) / (3 + 2 / log2(3) + 1 / 2)),
        (ranking.mrr(SCORE, [0, 0, 1, 0, 1], GROUP), 1 / 3),
        (ranking.mean_average_precision(SCORE, GAIN, GROUP), (1 / 1 + 2 / 3 + 3 / 5) / 3),
        (ranking.mean_average_precision(SCORE, GAIN, GROUP, 2), (1 / 1) / 2),
        (ranking.recall(SCORE, GAIN, GROUP, 3), 2 / 3),
        (ranking.precision(SCORE, GAIN, GROUP, 4), 2 / 4),
        (ranking.hit_rate(SCORE, [0, 0, 0, 0, 1], GROUP, 4), 0.0),
        (ranking.mrr(TIED, RELEVANT, [0] * 4), (1 / 2 + 1 / 3) / 2),
        (ranking.hit_rate(TIED, RELEVANT, [0] * 4, 2), 1 / 2),
        (ranking.mean_average_precision(TIED, RELEVANT, [0] * 4), ((1 / 2 + 2 / 4) / 2 + (1 / 3 + 2 / 4) / 2) / 2),
        (ranking.ndcg(TIED, RELEVANT, [0] * 4), ((1 / log2(3) + 1 / log2(4)) / 2 + 1 / log2(5)) / (1 + 1 / log2(3))),
    ],
)
def test_order(found, by_hand):
    assert found.value == pytest.approx(by_hand, rel=1e-12)


def test_classes():
    score, label = [0.8, 0.8, 0.4, 0.2], [1, 0, 1, 0]
    assert classification.auc(score, label) == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert classification.pr_auc(score, label) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert classification.log_loss(score, label) == pytest.approx(-(log(0.8) + log(0.2) + log(0.4) + log(0.8)) / 4)
    assert classification.brier(score, label) == pytest.approx((0.04 + 0.64 + 0.36 + 0.04) / 4)


def test_calibration():
    score, label = [0.2] * 5 + [0.7] * 5, [1, 1, 0, 0, 0, 1, 1, 1, 0, 0]
    assert calibration.expected_calibration_error(score, label, bins=2) == pytest.approx((0.2 + 0.1) / 2)
    spread = 0.24 * 5 / 4 / 5  # the unbiased variance of five labels of which two, or three, are 1, over five
    assert calibration.calibration_error(score, label, bins=2) == pytest.approx(max(0.0, (0.04 + 0.01) / 2 - spread) ** 0.5)
    assert calibration.calibration_ratio(score, label) == pytest.approx(5 / 4.5)
