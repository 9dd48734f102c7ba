"""One mean: fair at its limit, monotone in the limit, and an interval that holds it at every look."""

import numpy as np

from millrace.experiments.bounded_mean import BoundedMean, confidence_sequence
from tests.experiments.null import fair


def test_nothing_is_gained_where_the_mean_is_the_limit():
    def play(g):
        test = BoundedMean(0.3)
        test.see((g.random(200) < 0.3).astype(float))
        return test.wealth.now, test.wealth.peak

    fair(play)


def test_evidence_falls_as_the_limit_rises():
    x = np.random.default_rng(0).random(300)
    peaks = []
    for limit in (0.1, 0.3, 0.45, 0.6):
        test = BoundedMean(limit)
        test.see(x)
        peaks.append(test.wealth.peak)
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > np.log(1e6)
    assert peaks[-1] < np.log(5)


def test_interval_holds_the_mean_at_every_look_in_all_but_the_alarm_s_share_of_lives():
    held = 0
    for life in range(100):
        x = (np.random.default_rng(life).random(400) < 0.2).astype(float)
        held += all(low <= 0.2 <= high for low, high in (confidence_sequence(x[:n], 0.1) for n in (20, 100, 400)))
    assert held >= 90 - 9  # three standard errors of a share of nine tenths


def test_interval_narrows_as_more_is_seen():
    x = np.random.default_rng(0).random(2000)
    widths = [high - low for low, high in (confidence_sequence(x[:n], 0.05) for n in (50, 500, 2000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.12
