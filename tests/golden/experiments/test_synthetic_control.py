"""Synthetic controls against pysyncon, which solves the same problems with general optimisers."""

import numpy as np
import pytest

from millrace.experiments.simplex import mixture
from millrace.experiments.synthetic_control import synthetic_control
from tests.experiments.panels import panel

pytest.importorskip("pysyncon", reason="pysyncon is not installed: it comes with the extra dev")


def frames(world):
    import pandas as pd

    names = [f"u{k}" for k in range(len(world.outcome))]
    x = pd.DataFrame(world.predictors.T, columns=names)
    z = pd.DataFrame(world.outcome[:, : world.since].T, columns=names)
    return {"X0": x[names[1:]], "X1": x["u0"], "Z0": z[names[1:]], "Z1": z["u0"]}


@pytest.mark.parametrize("seed", range(3))
def test_weights_for_given_importances_are_no_worse_and_nearly_the_same(seed):
    from pysyncon import Synth

    world = panel(seed, units=12, k=9)
    importance = np.random.default_rng(seed).dirichlet(np.ones(9))
    peer = Synth()
    peer.fit(**frames(world), custom_V=importance)
    scaled = (world.predictors / world.predictors.std(axis=0, ddof=1)) * np.sqrt(importance)
    ours = mixture(scaled[1:].T, scaled[0])
    loss = [float(((scaled[0] - w @ scaled[1:]) ** 2).sum()) for w in (ours, peer.W)]
    assert loss[0] <= loss[1] + 1e-12
    assert loss[0] == pytest.approx(loss[1], abs=1e-5)
    np.testing.assert_allclose(ours, peer.W, atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_fit_is_never_worse_and_sometimes_far_better(seed):
    from pysyncon import Synth

    world = panel(seed, units=12)
    peer = Synth()
    peer.fit(**frames(world), optim_initial="equal", optim_options={"maxiter": 300})
    found = synthetic_control(world, worst=10)
    print("error before: ours", round(found.before, 3), "one start elsewhere", round(float(np.sqrt(peer.loss_V)), 3))
    assert found.before <= np.sqrt(peer.loss_V) * (1 + 1e-6)
