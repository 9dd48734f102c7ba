"""Bandit scores against another implementation on the same pulls."""

import numpy as np
import pytest
from mabwiser.mab import MAB, LearningPolicy

from millrace import UCB1, BetaBelief, Entity, LinearBelief, NormalBelief
from millrace.models.belief import SEEN, SPREAD
from millrace.models.weights_belief import written
from millrace.types import objects
from tests.models.learner_laws import plain

ARMS = ["a", "b", "c"]


class Banner(Entity):
    """What there is."""

    size: str


def pulls(n=400):
    g = np.random.default_rng(8)
    arm = g.integers(0, 3, n)
    return objects(ARMS[one] for one in arm), (g.random(n) < np.array([0.2, 0.5, 0.4])[arm]).astype(float), g


def test_greedy_means():
    arm, won, _ = pulls()
    peer = MAB(ARMS, LearningPolicy.EpsilonGreedy(epsilon=0))
    peer.fit(decisions=arm.tolist(), rewards=won.tolist())
    means = peer.predict_expectations()
    counted = BetaBelief(prior=(1e-12, 1e-12)).fit(plain({"arm": arm}, won=won), 0).score({"arm": objects(ARMS)})
    assert counted["won"] == pytest.approx([means[one] for one in ARMS], abs=1e-9)
    measured = NormalBelief(strength=1e-12).fit(plain({"arm": arm}, won=won), 0).score({"arm": objects(ARMS)})
    assert measured["won"] == pytest.approx([means[one] for one in ARMS], abs=1e-9)


@pytest.mark.parametrize("width", [0.05, 1.0, 3.0])
def test_ucb1_takes_the_arm_of_the_greatest_bound(width):
    """Its bounds; the peer counts all pulls there were, and so do the three arms of a request together."""
    arm, won, _ = pulls()
    peer = MAB(ARMS, LearningPolicy.UCB1(alpha=width))
    peer.fit(decisions=arm.tolist(), rewards=won.tolist())
    bound = [peer._imp.arm_to_expectation[one] for one in ARMS]
    scores = BetaBelief(prior=(1e-12, 1e-12)).fit(plain({"arm": arm}, won=won), 0).score({"arm": objects(ARMS)})
    mine = scores["won"] + width * np.sqrt(2 * np.log(scores[SEEN].sum()) / scores[SEEN])
    assert mine == pytest.approx(bound, abs=1e-9)
    assert np.argmax(UCB1(width=width).chances({"score": scores["won"], SEEN: scores[SEEN]}, 1)) == np.argmax(bound)


@pytest.mark.parametrize(("width", "reg"), [(0.5, 1.0), (2.0, 5.0)])
def test_linucb_bounds_of_arms_with_weights_of_their_own(width, reg):
    """The bound is the mean and so many spreads; the peer takes the noise for 1, so ours are divided by what it was found to be."""
    arm, won, g = pulls()
    rows = {"Banner.size": arm, "x": g.normal(size=400), "z": g.random(400)}
    version = LinearBelief(per=Banner.size, reg=reg).fit(plain(rows, won=won), 0)
    peer = MAB(ARMS, LearningPolicy.LinUCB(alpha=width, l2_lambda=reg))
    context = written(version.design, {"x": rows["x"], "z": rows["z"]}, 400)
    peer.fit(decisions=arm.tolist(), rewards=won.tolist(), contexts=context)
    bounds = peer.predict_expectations(context[:50])
    for one in ARMS:
        scores = version.score({"Banner.size": objects([one] * 50), "x": rows["x"][:50], "z": rows["z"][:50]})
        mine = scores["won"] + width * scores[SPREAD] / version.noise
        assert mine == pytest.approx([row[one] for row in bounds], abs=1e-9)
