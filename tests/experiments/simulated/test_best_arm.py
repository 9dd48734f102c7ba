"""Ten thousand hunts for the best arm, looked at all the time: a wrong one is named no more often than allowed.

The evidence needed holds at all looks and for any rule of taking arms, so it is conservative, and only the upper side is asserted.
"""

import numpy as np
import pytest

from millrace.experiments.best_arm import best_arm
from millrace.models.change_point import bernoulli_kl
from millrace.types import Array

MANY, ERROR, LOOKS, EACH = 10_000, 0.2, 200, 10
TRUTH = np.array([0.5, 0.5, 0.52])
COUNTS = EACH * np.arange(1, LOOKS + 1)
pytestmark = pytest.mark.slow


def wrong(sums: Array, of: str, apart: Array) -> float:
    """Return the share of hunts in which some look names an arm that is not the last, and check some looks with `best_arm` itself.

    Args:
        sums: Of each arm's outcomes by each look. Shape (hunts, looks, arms).
        of: "shares" or "means".
        apart: The evidence of the best arm so far against each. Shape (hunts, looks, arms).
    """
    first = sums.argmax(axis=-1)
    np.put_along_axis(apart, first[..., None], np.inf, axis=-1)
    needed = np.array([best_arm(np.full(sums.shape[-1], float(n)), sums[0, k], error=ERROR, of=of).needed for k, n in enumerate(COUNTS)])
    found = apart.min(axis=-1) > needed
    for hunt, look in zip(range(50), np.random.default_rng(0).integers(0, LOOKS, 50), strict=True):
        one = best_arm(np.full(sums.shape[-1], float(COUNTS[look])), sums[hunt, look], error=ERROR, of=of)
        assert (one.arm, one.is_found) == (first[hunt, look], found[hunt, look])
        assert one.evidence == pytest.approx(apart[hunt, look].min(), abs=1e-9)
    stopped = np.where(found.any(axis=1), found.argmax(axis=1), 0)
    return float((found.any(axis=1) & (first[np.arange(len(first)), stopped] != sums.shape[-1] - 1)).mean())


def test_of_shares():
    g, rates = np.random.default_rng(1), []
    for _ in range(MANY // 1000):
        sums = np.cumsum(g.binomial(EACH, TRUTH, (1000, LOOKS, 3)), axis=1).astype(float)
        mean = sums / COUNTS[:, None]
        best = mean.max(axis=-1, keepdims=True)
        middle = (mean + best) / 2
        rates.append(wrong(sums, "shares", COUNTS[:, None] * (bernoulli_kl(mean, middle) + bernoulli_kl(best + 0 * mean, middle))))
    print("a wrong arm of three shares", np.mean(rates))
    assert np.mean(rates) <= ERROR + 3 * np.sqrt(ERROR * (1 - ERROR) / MANY)


def test_of_means():
    g, rates = np.random.default_rng(2), []
    for _ in range(MANY // 1000):
        sums = np.cumsum(g.normal(EACH * np.array([0.0, 0.02]), np.sqrt(EACH), (1000, LOOKS, 2)), axis=1)
        mean = sums / COUNTS[:, None]
        rates.append(wrong(sums, "means", COUNTS[:, None] * (mean.max(axis=-1, keepdims=True) - mean) ** 2 / 4))
    print("a wrong arm of two means", np.mean(rates))
    assert np.mean(rates) <= ERROR + 3 * np.sqrt(ERROR * (1 - ERROR) / MANY)
