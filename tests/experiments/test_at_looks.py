"""Scorecards at looks: the metrics' own estimates, the rule's intervals, and guardrails on their own side."""

import numpy as np
import pytest

from millrace.experiments.at_looks import at_looks
from millrace.experiments.comparison import AT_ANY_LOOK, Asked
from millrace.experiments.metrics import Mean, Proportion, Ratio
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.sequential_comparison import look
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential
from millrace.experiments.summary import summarise

UNITS = 4000
CARD = Scorecard(
    Mean("watched", covariates=("before",)),
    secondary=(Ratio("clicks", "views"),),
    guardrails=(NonInferior(Proportion("left", better="less"), 0.05), NonInferior(Mean("paid"), 0.2, relative=True)),
)


def world(n: int = UNITS, effect: float = 0.0, seed: int = 0):
    g = np.random.default_rng(seed)
    arm = np.where(g.random(n) < 0.5, "a", "b")
    before = g.normal(10, 3, n)
    views = g.poisson(5, n) + 1
    rows = {
        "watched": before + g.normal(0, 2, n) + effect * (arm == "b"),
        "before": before,
        "clicks": g.binomial(views, 0.2),
        "views": views,
    }
    return {**rows, "left": g.random(n) < 0.1, "paid": g.gamma(2, 3, n)}, arm


def summaries(n: int = UNITS, **how):
    columns, arm = world(**how)
    return summarise({name: column[:n] for name, column in columns.items()}, arm[:n], CARD.needs())


def test_every_metric_is_read_by_the_rule():
    read = CARD.read(summaries(effect=0.5), "a", compare=at_looks(Anytime(planned=UNITS)))
    found = {finding.metric: finding.comparison for finding in read.findings}
    assert all(each is not None and each.controls == AT_ANY_LOOK for each in found.values())
    assert found["mean of watched"].method.startswith("CUPED, Welch; boundary up to the planned end")
    assert {finding.metric: finding.shown for finding in read.findings} == {
        "mean of watched": "better",
        "ratio of clicks / views": "nothing",
        "proportion of left": "no worse",
        "mean of paid": "no worse",
    }


def test_before_its_end_a_test_for_one_look_shows_nothing_of_any_metric():
    read = CARD.read(summaries(1000, effect=0.5), "a", compare=at_looks(Fixed(planned=UNITS)))
    assert {finding.shown for finding in read.findings} == {"nothing"}


@pytest.mark.parametrize("rule", [Anytime(planned=UNITS), GroupSequential(planned=UNITS, beta=0.2)])
def test_earlier_looks_narrow_the_interval_and_only_lower_the_p_value(rule):
    metric = Mean("watched", covariates=("before",))
    cuts = [summaries(n, effect=0.3) for n in (1000, 3000)]
    first = at_looks(rule)(metric, cuts[0]["a"], cuts[0]["b"], Asked())
    past = {(metric.name, "b"): [look(first)]}
    alone = at_looks(rule)(metric, cuts[1]["a"], cuts[1]["b"], Asked())
    together = at_looks(rule, past)(metric, cuts[1]["a"], cuts[1]["b"], Asked())
    assert together.high - together.low <= first.high - first.low
    assert together.log_p <= first.log_p
    if isinstance(rule, Anytime):
        assert together.log_p <= alone.log_p


def test_a_relative_margin_is_met_where_a_single_look_meets_it_by_far_and_not_where_it_hardly_does():
    cut = summaries()
    for margin, shown in ((0.5, True), (0.02, False)):
        guardrail = NonInferior(Mean("paid"), margin, relative=True)
        assert at_looks(Anytime(planned=UNITS))(guardrail, cut["a"], cut["b"], Asked()).is_significant == shown
        once = at_looks(Fixed(planned=100))(guardrail, cut["a"], cut["b"], Asked())
        assert once.log_p == pytest.approx(guardrail.compare(cut["a"], cut["b"]).log_p, rel=0.1) or margin == 0.5  # near 0 they agree


@pytest.mark.slow
def test_all_metrics_looked_at_six_times_alarm_no_more_often_than_the_level():
    """A/A: a covariate, and totals of a unit that go together."""
    metrics, cuts, many = (Mean("watched", covariates=("before",)), Ratio("clicks", "views")), (200, 500, 1000, 2000, 3000, 4000), 400
    compare, alarms = at_looks(Anytime(planned=UNITS)), np.zeros(2)
    for seed in range(many):
        columns, arm = world(seed=seed)
        reads = []
        for n in cuts:
            cut = summarise({name: column[:n] for name, column in columns.items()}, arm[:n], CARD.needs())
            reads.append([compare(metric, cut["a"], cut["b"], Asked()).is_significant for metric in metrics])
        alarms += np.any(reads, axis=0)
    assert (alarms / many <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / many)).all()
