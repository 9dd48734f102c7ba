"""A closer look at a metric: what is said of it, which way round, and what is left unsaid."""

import msgspec
import numpy as np
import pytest

from millrace.experiments.bayes import Belief
from millrace.experiments.bayes_effect import believed_effect
from millrace.experiments.closer import Closer, by_strata, closer
from millrace.experiments.closer_told import lines, sentences
from millrace.experiments.compared import Compared
from millrace.experiments.comparison import Arm, Asked
from millrace.experiments.contrast import contrast
from millrace.experiments.effect_prior import EffectPrior
from millrace.experiments.looks import Look
from millrace.experiments.metrics import Mean, Proportion, Quantile, Ratio
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.readout import Finding
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.segments import Segments, by_segment
from millrace.experiments.stopping import Fixed
from millrace.experiments.summary import summarise_strata
from millrace.experiments.ways import Permutation

PLANNED = Fixed(planned=200)


def finding(apart: float, control: float = 10.0, better: str = "more") -> Finding:
    arms = [Arm(name=name, value=value, variance=0.005, units=100, df=np.inf) for name, value in (("a", control), ("b", control + apart))]
    found = contrast("watched", *arms, Asked())
    shown = "nothing" if not found.is_significant else "better" if (apart > 0) == (better == "more") else "worse"
    return Finding(role="primary", metric="watched", arm="b", better=better, shown=shown, comparison=found)


def looked(of: Finding, **more: object) -> Closer:
    assert of.comparison is not None
    found = closer(of, [Look(200, of.comparison.difference, of.comparison.error)], PLANNED, **more)
    assert found is not None
    return found


def test_what_was_shown_by_little_is_said_to_look_too_large() -> None:
    (said,) = sentences(looked(finding(0.21)))
    assert said.startswith("Shown by so little it looks too large: +0.")
    assert sentences(looked(finding(1.0))) == []
    assert sentences(looked(finding(0.05))) == []
    assert ("what it is worth", "hardly less than it looks: it lies far beyond what was needed to be shown") in lines(looked(finding(1.0)))
    assert "what it is worth" not in dict(lines(looked(finding(0.05))))


def test_belief_is_that_of_the_prior_and_better_goes_the_metric_s_way() -> None:
    more, less = looked(finding(0.21), effect=0.1), looked(finding(0.21, better="less"), effect=0.1)
    slow = believed_effect(0.21, 0.1, EffectPrior(0.0, 0.1))
    assert isinstance(more.belief, Belief)
    assert (more.belief.better, more.belief.low) == pytest.approx((slow.better, slow.low))
    assert f"better with {100 * slow.better:.4g} %" in dict(lines(more))["belief"]
    assert f"better with {100 * (1 - slow.better):.4g} %" in dict(lines(less))["belief"]
    assert f"choosing it loses {slow.loss_of_control:.2g} on average" in dict(lines(less))["belief"]


def test_control_that_may_be_zero_has_no_prior_and_says_how_to_set_one() -> None:
    found = looked(finding(0.3, control=0.0))
    assert isinstance(found.belief, Caution)
    assert found.belief.reason is Reason.NO_BASE
    assert "start --effect" in dict(lines(found))["belief"]
    assert isinstance(looked(finding(0.3, control=0.0), effect=0.2).belief, Belief)
    assert isinstance(looked(finding(0.3, control=0.0), prior=EffectPrior(0.0, 0.2)).belief, Belief)


def test_prior_that_was_declared_counts_before_the_effect_that_was_planned_for() -> None:
    found = looked(finding(0.21), effect=5.0, prior=EffectPrior(0.1, 0.1, why="ten past changes"))
    slow = believed_effect(0.21, 0.1, EffectPrior(0.1, 0.1))
    assert isinstance(found.belief, Belief)
    assert (found.belief.better, found.belief.low) == pytest.approx((slow.better, slow.low))
    assert dict(lines(found))["belief"].endswith("prior: normal, mean 0.1, standard deviation 0.1, ten past changes")


def test_one_of_several_metrics_is_said_to_be_picked_and_a_guardrail_has_no_worth() -> None:
    secondary = looked(msgspec.structs.replace(finding(0.21), role="secondary"))
    assert secondary.worth is not None
    assert dict(lines(secondary))["mind"].startswith("it is one of several metrics")
    assert "mind" not in dict(lines(looked(finding(0.21))))
    assert looked(msgspec.structs.replace(finding(-0.21), role="guardrail")).worth is None


def test_metric_that_was_refused_has_no_closer_look() -> None:
    refused = msgspec.structs.replace(finding(1.0), comparison=None, refused=Caution(Reason.FEW_UNITS, "one"))
    assert closer(refused, [], PLANNED) is None


def test_verdict_hears_of_ages_and_segments_only_where_they_are_sure() -> None:
    rng = np.random.default_rng(0)
    unit, age = np.repeat(np.arange(400), 4), np.tile(np.arange(4), 400)
    treated = unit % 2 == 0
    fades = by_exposure_age(unit, treated, age, rng.normal(5, 1, 1600) + treated * (3 - age), relative=True)
    town = np.array(["x", "y"])[rng.integers(0, 2, 400)]
    differs = by_segment("watched", rng.normal(5, 1, 400) + (np.arange(400) % 2 == 0) * (town == "y"), np.arange(400) % 2 == 0, town)
    found = looked(finding(1.0), ageing=fades, age="1d", segments={"town": differs})
    told = sentences(found)
    assert told[0].startswith("The effect fades with exposure, by -")
    assert told[0].endswith("what stays may be less than what was read.")
    assert told[1].startswith("It differs between segments by town (p = ")
    assert " in y." in told[1]
    unsure = msgspec.structs.replace(fades, p_value=0.03), msgspec.structs.replace(differs, log_p=float(np.log(0.03)))
    assert sentences(msgspec.structs.replace(found, ageing=unsure[0], segments={"town": unsure[1]})) == []


def arrays(rng: np.random.Generator, n: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    columns = {"paid": rng.gamma(3.0, 2.0, n), "views": 1.0 + rng.poisson(4, n), "before": rng.normal(0, 1, n)}
    arm = np.where(rng.random(n) < 0.5, "new", "old")
    town = np.array(["x", "y", "z"])[rng.integers(0, 3, n)]
    columns["paid"] = columns["paid"] + columns["before"] + (arm == "new") * (town == "y") * 2.0
    return columns, arm, town


@pytest.mark.parametrize("metric", [Mean("paid"), Ratio("paid", "views")])
def test_strata_are_segments_of_the_same_units(metric: Mean | Ratio) -> None:
    columns, arm, town = arrays(np.random.default_rng(1))
    found = by_strata(metric, summarise_strata(columns, arm, town, metric.needs()), "old", "new", Asked())
    bottom = columns["views"] if isinstance(metric, Ratio) else None
    slow = by_segment("m", columns["paid"], arm == "new", town, bottom=bottom)
    assert isinstance(found, Segments)
    np.testing.assert_allclose([one.difference for one in found.segments], [one.difference for one in slow.segments], rtol=1e-9)
    np.testing.assert_allclose([one.low for one in found.segments], [one.low for one in slow.segments], rtol=1e-9)
    assert found.log_p == pytest.approx(slow.log_p)


def test_covariates_sharpen_segments_too_and_other_ways_to_compare_leave_them_as_they_are() -> None:
    columns, arm, town = arrays(np.random.default_rng(2))
    plain, sharp = Mean("paid"), Mean("paid", covariates=("before",))
    permuted = Compared(plain, by=Permutation(draws=99))
    read = [by_strata(one, summarise_strata(columns, arm, town, one.needs()), "old", "new", Asked()) for one in (plain, sharp, permuted)]
    errors = [[one.alone.error for one in found.segments] for found in read if isinstance(found, Segments)]
    assert (np.array(errors[1]) < errors[0]).all()
    assert errors[2] == pytest.approx(errors[0])


def test_segments_that_say_nothing_are_told_and_not_read() -> None:
    columns, arm, town = arrays(np.random.default_rng(3))
    town = np.where(np.arange(400) == 0, "lone", town)
    metric = Proportion("paid")
    always = by_strata(metric, summarise_strata(columns, arm, town, metric.needs()), "old", "new", Asked())
    assert isinstance(always, Caution), "nobody pays nothing, so nothing varies"
    found = by_strata(Quantile("paid", 0.5), summarise_strata(columns, arm, town, Quantile("paid", 0.5).needs()), "old", "new", Asked())
    assert isinstance(found, Segments)
    assert [one.name for one in found.segments] == ["x", "y", "z"]
    assert found.cautions[0].said.startswith("1 of 4 segments")
    columns["paid"][5] = np.nan
    broken = by_strata(Mean("paid"), summarise_strata(columns, arm, town, Mean("paid").needs()), "old", "new", Asked())
    assert isinstance(broken, Caution)
    assert broken.reason is Reason.NOT_A_NUMBER
