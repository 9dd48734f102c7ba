"""Effects under interference: two pairs by hand, and Aronow and Samii's estimators written out pair by pair."""

import numpy as np
import pytest

from millrace.experiments.ego_network import Chances, exposure_effect
from millrace.experiments.exposure import CONDITIONS, every_plan, exposed

PAIRS = np.array([[0, 1], [2, 3]])
RING = np.column_stack([np.arange(8), (np.arange(8) + 1) % 8])


def test_two_pairs_by_hand():
    """Four people in two pairs, each treated by a coin: every condition has the chance 1/4.

    The first pair is treated as a whole and the second not: 5 and 7 against 1 and 2. Horvitz-Thompson divides what is seen by 4 · 1/4, so
    12 - 3 = 9; Hájek compares the means, 6 - 1.5.
    """
    plans = exposed(4, PAIRS, every_plan(np.arange(4)), 1.0)
    seen = exposed(4, PAIRS, np.array([True, True, False, False]), 1.0)
    assert [CONDITIONS[one] for one in seen] == ["both", "both", "neither", "neither"]
    outcome, chances = np.array([5.0, 7.0, 1.0, 2.0]), Chances(plans, every=True)
    assert np.diag(chances.pairs(3, 3)).tolist() == [0.25] * 4
    assert chances.pairs(3, 3)[0].tolist() == [0.25, 0.25, 0.0625, 0.0625]
    assert chances.pairs(3, 0)[0].tolist() == [0, 0, 0.0625, 0.0625]
    by = {name: exposure_effect(outcome, seen, chances, by=name, fewest=1) for name in ("hajek", "horvitz-thompson")}
    assert by["horvitz-thompson"].value == pytest.approx(9.0, rel=1e-12)
    assert by["hajek"].value == pytest.approx(4.5, rel=1e-12)
    # Each sum y/π has the variance Σ (1 - π) (y/π)² = 12 Σ y², and 2 (1 - π) y y' / π² = 24 y y' of a pair; what cannot be, of a person and
    # himself or his neighbour in the other condition, is bounded by y² / π of either: 2 · 4 Σ y² for both arms together, once from each.
    own = 12 * (25 + 49 + 1 + 4) + 24 * (35 + 2)
    never = 2 * 4 * (25 + 49 + 1 + 4)
    assert by["horvitz-thompson"].error == pytest.approx(np.sqrt(own + never) / 4, rel=1e-12)


@pytest.mark.parametrize(("effect", "one"), [("direct", 2), ("spill-over", 1), ("total", 3)])
def test_estimators_are_their_definition_pair_by_pair(effect, one):
    """Equations 6 to 11, every sum a loop, chances counted plan by plan."""
    plans = exposed(8, RING, every_plan(np.arange(8)), 1.0)
    seen = next(row for row in plans if {0, 1, 2, 3} <= set(row.tolist()))
    outcome = np.random.default_rng(1).normal(5, 1, 8)
    chance = {c: (plans == c).mean(axis=0) for c in (0, one)}

    def joint(i, c, j, d):
        return float(((plans[:, i] == c) & (plans[:, j] == d)).mean())

    def spread(c):
        total = 0.0
        for i in np.flatnonzero(seen == c):
            total += (1 - chance[c][i]) * (outcome[i] / chance[c][i]) ** 2
            for j in range(8):
                if j != i and joint(i, c, j, c) == 0:
                    total += outcome[i] ** 2 / chance[c][i]
                elif j != i and seen[j] == c:
                    both = joint(i, c, j, c)
                    total += (both - chance[c][i] * chance[c][j]) / both * outcome[i] * outcome[j] / chance[c][i] / chance[c][j]
        return total

    def shared():
        total = 0.0
        for i in range(8):
            for j in range(8):
                both = joint(i, one, j, 0)
                if both == 0:
                    total -= (seen[i] == one) * outcome[i] ** 2 / chance[one][i] / 2 + (seen[j] == 0) * outcome[j] ** 2 / chance[0][j] / 2
                elif seen[i] == one and seen[j] == 0:
                    pulled = outcome[i] / chance[one][i] * outcome[j] / chance[0][j]
                    total += (both - chance[one][i] * chance[0][j]) / both * pulled
        return total

    found = exposure_effect(outcome, seen, Chances(plans, every=True), effect, by="horvitz-thompson", fewest=1)
    sums = {c: sum(outcome[i] / chance[c][i] for i in np.flatnonzero(seen == c)) for c in (0, one)}
    assert found.value == pytest.approx((sums[one] - sums[0]) / 8, rel=1e-9)
    assert found.error == pytest.approx(np.sqrt(spread(one) + spread(0) - 2 * shared()) / 8, rel=1e-9)
    ratio = exposure_effect(outcome, seen, Chances(plans, every=True), effect, fewest=1)
    means = {c: sums[c] / sum(1 / chance[c][i] for i in np.flatnonzero(seen == c)) for c in (0, one)}
    assert ratio.value == pytest.approx(means[one] - means[0], rel=1e-9)


def test_single_units_without_neighbours_in_common_are_read_as_welch_does():
    """Many pairs of which one member is read: conditions are drawn by coins, so Hájek's error is Welch's but for the drawn sizes."""
    g, n = np.random.default_rng(2), 2000
    own, met = g.random((4000, n)) < 0.5, g.random((4000, n)) < 0.5
    plans = 2 * own.astype(int) + met
    outcome = g.normal(0, 1, n) + 3.0 * (plans[0] == 3)
    found = exposure_effect(outcome, plans[0], plans[1:])
    one, other = outcome[plans[0] == 3], outcome[plans[0] == 0]
    assert found.value == pytest.approx(one.mean() - other.mean(), abs=0.01)
    assert found.error == pytest.approx(np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)), rel=0.1)
