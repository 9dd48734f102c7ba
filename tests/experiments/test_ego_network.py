import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.ego_network import MOST_UNITS, Chances, exposure_effect
from millrace.experiments.exposure import CONDITIONS, draws, every_plan, exposed, shares
from millrace.experiments.graph_clusters import communities, ego_clusters, neighbours
from millrace.experiments.reasons import Reason, Refused
from tests.experiments.test_graph_clusters import villages

RING = np.column_stack([np.arange(9), (np.arange(9) + 1) % 9])


def outcomes(met, g):
    """Return (what each of the ring's units would do in each condition, what it does in the one it met)."""
    would = g.normal(5, 1, (9, 4)) + np.array([0.0, 0.5, 1.0, 2.0])
    return would, np.take_along_axis(would, met.T, axis=1).T


def test_shares_and_conditions_are_those_counted_unit_by_unit():
    g = np.random.default_rng(0)
    n, edges, _ = villages(g, many=4)
    treated = g.random((3, n)) < 0.5
    treated[0, 0] = True
    both = neighbours(n, edges)
    share, met = shares(n, edges, treated), exposed(n, edges, treated, 0.6)
    for plan in range(3):
        for unit in range(n):
            slow = treated[plan][both[both[:, 0] == unit, 1]].mean()
            assert share[plan, unit] == pytest.approx(slow)
            assert CONDITIONS[met[plan, unit]] == [["neither", "neighbours"], ["self", "both"]][int(treated[plan, unit])][int(slow >= 0.6)]


def test_units_without_neighbours_have_no_condition():
    assert exposed(3, np.array([[0, 1]]), np.array([True, False, True])).tolist() == [2, 1, -1]


def test_horvitz_thompson_is_unbiased_and_its_variance_never_too_small_over_every_plan():
    """All 512 plans of a ring of nine, each equally likely: expectations are sums, not simulations."""
    met = exposed(9, RING, every_plan(np.arange(9)), 1.0)
    would, seen = outcomes(met, np.random.default_rng(1))
    chances, found = Chances(met, every=True), []
    for plan in range(len(met)):
        if set(met[plan]) == {0, 1, 2, 3}:
            arguments = {"by": "horvitz-thompson", "fewest": 1}
            each = [exposure_effect(seen[plan], met[plan], chances, effect, **arguments) for effect in ("direct", "spill-over")]
            found.append([(estimate.value, estimate.error) for estimate in each])
    # Plans that miss a condition are refused: what they would have said is added by hand.
    weight = 1 / np.array([(met == condition).mean(axis=0) for condition in range(4)])
    means = np.array([[(np.where(met[p] == c, weight[c] * seen[p], 0.0)).mean() for c in range(4)] for p in range(len(met))])
    np.testing.assert_allclose(means.mean(axis=0), would.mean(axis=0), rtol=1e-12)
    has_all = np.array([set(row) == {0, 1, 2, 3} for row in met])
    values = np.array(found)[:, :, 0]
    np.testing.assert_allclose(values, (means[:, [2, 1]] - means[:, [0]])[has_all], rtol=1e-9)
    true = (means[:, [2, 1]] - means[:, [0]]).var(axis=0)
    assert ((np.array(found)[:, :, 1] ** 2).mean(axis=0) > true).all()


def test_draws_agree_with_every_plan():
    every = every_plan(np.arange(9))
    seen = exposed(9, RING, every, 1.0)
    at = next(k for k in range(100, 512) if set(seen[k]) == {0, 1, 2, 3})
    outcome = np.arange(9.0)
    drawn = exposed(9, RING, draws(np.arange(9), 100_000, 1), 1.0)
    for effect in ("direct", "spill-over", "total"):
        one = exposure_effect(outcome, seen[at], Chances(seen, every=True), effect, fewest=1)
        other = exposure_effect(outcome, seen[at], drawn, effect, fewest=1)
        assert other.value == pytest.approx(one.value, abs=0.02)
        assert other.error == pytest.approx(one.error, rel=0.02)


def test_ego_clusters_tell_direct_from_spilled():
    g = np.random.default_rng(2)
    n, edges, _ = villages(g, many=400, people=4, close=0.6, far=0.0002)
    egos, cluster = ego_clusters(n, edges)
    plans = draws(cluster, 1 + 4_000, 3)
    share = np.nan_to_num(shares(n, edges, plans[0]))
    outcome = 3 + 1.0 * plans[0] + 2.0 * share + g.normal(0, 1, n)
    met = exposed(n, edges, plans, 0.9)[:, egos]
    assert len(egos) > 200
    for effect, truth in (("direct", 1.0), ("spill-over", 2.0), ("total", 3.0)):
        found = exposure_effect(outcome[egos], met[0], met[1:], effect)
        assert found.low < truth < found.high
        assert found.error < 0.25
        assert found.cautions == ()


def test_conditions_that_never_happen_are_refused():
    cluster = np.repeat(np.arange(30), 2)  # pairs that are treated together: no one alone
    edges = np.arange(60).reshape(-1, 2)
    met = exposed(60, edges, draws(cluster, 500, 0))
    with pytest.raises(Refused, match="assign egos apart from their neighbours") as refused:
        exposure_effect(np.ones(60), met[0], met, "direct")
    assert refused.value.reason is Reason.NO_SUPPORT


def test_units_that_cannot_meet_a_condition_are_left_out_and_said():
    g = np.random.default_rng(4)
    n, edges, _ = villages(g, many=30, people=8)
    met = exposed(n + 5, edges, draws(np.arange(n + 5), 2_000, 0))  # five hermits
    found = exposure_effect(g.normal(0, 1, n + 5), met[0], met[1:])
    assert found.cautions[0].reason is Reason.NO_SUPPORT
    assert found.cautions[0].said.endswith("of 245 units could not meet both 'both' and 'neither': the figure speaks of the others alone")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"fewest": 500}, Reason.FEW_UNITS), ({"outcome": np.full(225, np.nan)}, Reason.NOT_A_NUMBER)],
)
def test_bad_input_is_refused(change, reason):
    g = np.random.default_rng(5)
    n, edges, _ = villages(g, many=15)
    met = exposed(n, edges, draws(communities(n, edges), 300, 0), 0.5)
    arguments = {"outcome": g.normal(0, 1, n), "seen": met[0], "chances": met[1:]}
    with pytest.raises(Refused) as refused:
        exposure_effect(**{**arguments, **change})
    assert refused.value.reason is reason


def test_too_many_pairs_and_too_many_plans_are_refused():
    with pytest.raises(Refused, match="too many pairs"):
        exposure_effect(np.ones(MOST_UNITS + 1), np.ones(MOST_UNITS + 1), np.ones((1, MOST_UNITS + 1)))
    with pytest.raises(Refused, match="15 clusters have"):
        every_plan(np.arange(15))
    with pytest.raises(BadInput, match="a share of the neighbours"):
        exposed(3, np.array([[0, 1]]), np.ones(3), 0.0)
