import numpy as np
import pytest

from millrace.experiments.event_study import event_study
from millrace.experiments.reasons import Reason, Refused
from tests.experiments.panels import long, staggered


def study(seed=0, drift=0.0, groups=(4, np.inf), units=200):
    outcome, since = staggered(np.random.default_rng(seed), units=units, effect=lambda after: 1.0 + after, groups=groups)
    outcome += drift * np.arange(8) * np.isfinite(since)[:, None]
    found = long(outcome, since)
    return event_study(found["outcome"], found["unit"], found["period"], found["since"])


def test_effects_by_period_are_found():
    found = study()
    assert found.when.tolist() == [-4, -3, -2, 0, 1, 2, 3]
    truth = np.where(found.when < 0, 0.0, 1.0 + found.when)
    assert all(effect.low - 0.1 < true < effect.high + 0.1 for effect, true in zip(found.effects, truth, strict=True))
    assert found.before > 0.05


def test_another_path_before_is_seen():
    assert study(drift=0.5).before < 1e-6


def test_with_one_period_before_there_is_nothing_to_test():
    assert np.isnan(study(groups=(1, np.inf)).before)


@pytest.mark.parametrize("groups", [(3, 5, np.inf), (4,), (np.inf,)])
def test_several_times_or_no_controls_are_refused(groups):
    with pytest.raises(Refused, match="an event study needs one time") as refused:
        study(groups=groups)
    assert refused.value.reason is Reason.NO_SUPPORT
