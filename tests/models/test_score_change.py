import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.models.score_change import since_last_change
from millrace.types import Array


def means(x: Array, label: Array) -> tuple[Array, Array]:
    """Explain labels by a sum over the columns, fitted by least squares, all rows varying alike."""
    expected = x @ np.linalg.lstsq(x, label, rcond=None)[0]
    return expected, np.full(len(label), np.mean((label - expected) ** 2))


def test_a_change_of_what_counts_is_found_though_the_mean_of_all_stays():
    g = np.random.default_rng(0)
    x = np.column_stack([np.ones(1_000), g.normal(size=(1_000, 2))])
    worth = np.where(np.arange(1_000)[:, None] < 700, [5.0, 1.0, 0.0], [5.0, 0.0, 1.0])
    label = (x * worth).sum(axis=1) + g.normal(size=1_000)
    assert abs(since_last_change(x, label, means, 0.001) - 700) < 40


def test_the_last_of_several_changes_is_found():
    g = np.random.default_rng(1)
    x = np.column_stack([np.ones(1_200), g.normal(size=1_200)])
    label = x[:, 1] * np.repeat([2.0, -2.0, 1.0], 400) + g.normal(size=1_200)
    assert abs(since_last_change(x, label, means, 0.001) - 800) < 40


@pytest.mark.parametrize("law", ["normal", "heavy tails", "rare"])
def test_where_nothing_changes_an_alarm_is_rarer_than_was_said(law):
    g = np.random.default_rng(2)
    alarms = 0
    for _ in range(300):
        x = np.column_stack([np.ones(400), np.eye(4)[g.integers(0, 4, 400)][:, 1:], g.normal(size=400)])
        noise = {"normal": g.normal, "heavy tails": lambda size: g.standard_t(3, size), "rare": lambda size: g.random(size) < 0.02}[law]
        alarms += since_last_change(x, x @ g.normal(size=5) * (law != "rare") + noise(size=400), means, 0.01) > 0
    assert alarms <= 8  # three standard errors above one in a hundred


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, -2.0]), st.sampled_from([0.0, 0.5, 9.0])), max_size=50))
def test_every_split_is_weighed_as_by_hand(rows):
    """The slopes of each weight added up row by row, in plain Python."""
    whole = np.array([[1.0, one] for one, _ in rows]).reshape(-1, 2)
    labels = np.array([two for _, two in rows])
    start = 0
    while True:
        x, label = whole[start:], labels[start:]
        gains = _gains(x, label) if len(x) >= 16 else []
        if not gains or max(gains) <= np.log(3 * len(x) ** 1.5 * 2 / 0.2):
            break
        start += gains.index(max(gains)) + 1
    assert since_last_change(whole, labels, means, 0.2) == start


def _gains(x: Array, label: Array) -> list[float]:
    """Return the evidence for a change after each row but the last, of the weight that tells most."""
    expected, variance = means(x, label)
    best = [0.0] * (len(x) - 1)
    for weight in (0, 1):
        slopes = [x[k, weight] * (label[k] - expected[k]) for k in range(len(x))]
        parts = [x[k, weight] ** 2 * variance[k] for k in range(len(x))]
        if not sum(parts):
            continue
        for k in range(len(x) - 1):
            time = sum(parts[: k + 1]) / sum(parts)
            away = abs(sum(slopes[: k + 1]) - time * sum(slopes))
            spread = sum(parts) * time * (1 - time) + max(map(abs, slopes)) * away / 3
            best[k] = max(best[k], round(away**2 / (2 * spread), 9) if spread > 0 else 0.0)
    return best


def test_what_is_short_or_constant_has_not_changed():
    ones = np.ones((100, 1))
    assert since_last_change(ones[:10], np.repeat([0.0, 9.0], 5), means, 0.001) == 0
    assert since_last_change(ones[:0], np.zeros(0), means, 0.001) == 0
    assert since_last_change(ones, np.full(100, 0.1), means, 0.001) == 0
    assert since_last_change(np.zeros((100, 1)), np.arange(100.0), means, 0.001) == 0
