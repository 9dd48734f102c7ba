"""Act: the first action whose threshold is reached, and the exact chance of what was done."""

import numpy as np
import pytest

from millrace import Act, Cost, Precision
from millrace.errors import Late
from tests.policy.known import known, rows

SCORE = np.array([0.1, 0.5, 0.7, 0.9])
STEPS = {"stop": 0.8, "check": 0.5}


def test_first_action_that_fits_wins_and_the_threshold_itself_is_reached() -> None:
    done = Act(STEPS, otherwise="go").apply(rows(1, 1, 1, 1, score=SCORE), known())
    assert done.requests["action"].tolist() == ["go", "check", "check", "stop"]
    assert done.rows["propensity"].tolist() == [1, 1, 1, 1]
    assert done.rows["rank"].tolist() == [0, 0, 0, 0]
    first = Act({"check": 0.5, "stop": 0.8}, otherwise="go").apply(rows(1, 1, 1, 1, score=SCORE), known())
    assert first.requests["action"].tolist() == ["go", "check", "check", "check"]


@pytest.mark.parametrize(("draw", "actions"), [(0.1, ["check"] * 4), (0.3, ["go", "check", "check", "stop"])])
def test_audited_share_is_given_the_other_action_with_its_chance(draw: float, actions: list[str]) -> None:
    done = Act(STEPS, otherwise="go", audit=0.2, to="check").apply(rows(1, 1, 1, 1, score=SCORE), known(draw))
    assert done.requests["action"].tolist() == actions
    other = 0.2 if draw < 0.2 else 0.8
    np.testing.assert_allclose(done.rows["propensity"], [other, 1, 1, other])


def test_learned_thresholds_are_those_installed() -> None:
    act = Act({"stop": Cost(5, 100), "check": Precision(0.3)}, otherwise="go")
    assert act.learned == (("stop", Cost(5, 100)), ("check", Precision(0.3)))
    done = act.apply(rows(1, 1, 1, 1, score=SCORE), known(thresholds={"Act/stop": 0.9, "Act/check": float("inf")}))
    assert done.requests["action"].tolist() == ["go", "go", "go", "stop"]
    with pytest.raises(Late, match="the threshold of Act for 'check' has not been learned yet"):
        act.apply(rows(1, 1, 1, 1, score=SCORE), known(thresholds={"Act/stop": 0.9}))


def test_score_that_is_missing_reaches_nothing() -> None:
    done = Act(STEPS, otherwise="go").apply(rows(1, score=np.array([np.nan])), known())
    assert done.requests["action"].tolist() == ["go"]


@pytest.mark.parametrize("counts", [(2,), (1, 0), (1, 2)])
def test_several_candidates_or_none_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Act needs exactly one candidate per request; use it after Itself\(\)"):
        Act(STEPS, otherwise="go").apply(rows(*counts, score=np.zeros(sum(counts))), known())


def test_actions_are_all_it_can_take() -> None:
    assert Act(STEPS, otherwise="go", audit=0.1, to="check").actions == ("stop", "check", "go")
