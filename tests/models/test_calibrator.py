import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.models.calibrator import fit_sigmoid, fit_steps
from millrace.models.odds import probability

labelled = st.lists(st.tuples(st.integers(-4, 4), st.booleans(), st.integers(1, 3)), min_size=2, max_size=30)
both_kinds = labelled.filter(lambda rows: len({label for _, label, _ in rows}) == 2)


def columns(rows):
    return (np.array(column, dtype=float) for column in zip(*rows, strict=True))


def pooled(score, label, weight):
    """Pool adjacent violators, written out: blocks of scores whose means must rise."""
    blocks = []
    for one in sorted(set(score)):
        here = score == one
        blocks.append([np.average(label[here], weights=weight[here]), weight[here].sum(), [one]])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, total, scores = blocks.pop()
            last = blocks[-1]
            blocks[-1] = [(last[0] * last[1] + mean * total) / (last[1] + total), last[1] + total, last[2] + scores]
    return {one: mean for mean, _, scores in blocks for one in scores}


@given(both_kinds)
def test_steps_are_the_pooled_means_kept_from_certainty(rows):
    score, label, weight = columns(rows)
    means, closest = pooled(score, label, weight), 1 / (len(score) + 2)
    expected = [np.clip(means[one], closest, 1 - closest) for one in score]
    np.testing.assert_allclose(fit_steps(score, label, weight)(score), expected, atol=1e-6)


@given(both_kinds, st.floats(-1e6, 1e6))
def test_curves_never_fall_and_never_leave_the_probabilities(rows, far):
    for fit in (fit_steps, fit_sigmoid):
        out = fit(*columns(rows))(np.sort([*np.linspace(-6, 6, 40), far]))
        assert (np.diff(out) >= 0).all()
        assert ((out >= 0) & (out <= 1)).all()


def test_right_probabilities_stay_as_they_are():
    rng = np.random.default_rng(0)
    chance = probability(rng.normal(-2, 1.5, 50_000))
    curve = fit_sigmoid(chance, (rng.random(50_000) < chance).astype(float), np.ones(50_000))
    assert curve.of_log_odds
    assert abs(curve.slope - 1) < 0.03
    assert abs(curve.base) < 0.05


def test_sigmoid_is_where_its_gradient_vanishes():
    rng = np.random.default_rng(1)
    score, weight = rng.normal(3, 5, 400), rng.uniform(0.5, 2, 400)
    label = (rng.random(400) < probability(0.4 * score - 2)).astype(float)
    positives, negatives = weight[label == 1].sum(), weight[label == 0].sum()
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    misfit = weight * (fit_sigmoid(score, label, weight)(score) - target)
    assert abs(misfit.sum()) < 1e-3
    assert abs((misfit * score).sum()) < 1e-2


def test_scores_that_point_the_wrong_way_become_the_rate():
    score, label = np.arange(100.0), (np.arange(100) < 30).astype(float)
    for fit in (fit_steps, fit_sigmoid):
        np.testing.assert_allclose(fit(score, label, np.ones(100))(np.array([-5.0, 50, 500])), 0.3, atol=0.01)
