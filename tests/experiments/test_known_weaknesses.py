"""What experiment engines are known to get wrong, asked of everything here that could: by every way to compare, not by one."""

import numpy as np
import pytest

from millrace.evaluation.off_policy import gain, ips, snips
from millrace.evaluation.off_policy_models import doubly_robust, mrdr, switch_dr
from millrace.evaluation.reasons import Reason, Refused
from millrace.evaluation.slates import slate_ips
from millrace.experiments.clustered import clustered
from millrace.experiments.comparison import Asked, Comparison
from millrace.experiments.difference_in_differences import two_by_two
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.metrics import Mean, Proportion, Quantile, Ratio
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.sequential_comparison import sequential_comparison
from millrace.experiments.spending import ObrienFleming
from millrace.experiments.srm import sample_ratio
from millrace.experiments.srm_sequential import sample_ratio_so_far
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential
from millrace.experiments.stratified import stratified
from millrace.experiments.summary import summarise

N = 4_000
TREATED = np.arange(N) % 2 == 0
PAIR = np.arange(N) // 2
ARM = np.where(TREATED, "b", "a")


def by(metric):
    def read(value: np.ndarray, asked: Asked) -> Comparison:
        columns = {"x": value, "views": 1.0 + PAIR % 7, "before": np.cos(np.arange(N))}
        arms = summarise(columns, ARM, metric.needs())
        return metric.compare(arms["a"], arms["b"], asked)

    return read


WAYS = {
    "Welch": by(Mean("x")),
    "Student": by(Mean("x", pooled=True)),
    "CUPED": by(Mean("x", covariates=("before",))),
    "ratio": by(Ratio("x", "views")),
    "quantile": by(Quantile("x", 0.5)),
    "clusters": lambda value, asked: clustered("x", value, TREATED, 2 * (PAIR // 10) + TREATED, asked),
    "strata": lambda value, asked: stratified("x", value, TREATED, PAIR % 3, asked),
    "pairs": lambda value, asked: matched_pairs("x", value, TREATED, PAIR, asked),
}
"""Every way to compare two arms by a law: (values, question) -> comparison."""


def values(effect: float) -> np.ndarray:
    return np.random.default_rng(0).gamma(4.0, 1.0, N) + effect * TREATED


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
def test_p_values_that_underflow_are_told_by_their_logarithm(read):
    far, farther = read(values(40.0), Asked()), read(values(80.0), Asked())
    assert far.p_value == farther.p_value == 0
    assert -np.inf < farther.log_p < far.log_p < -745  # where exp() ends


@pytest.mark.parametrize("by", ["score", "wald", "newcombe"])
def test_p_values_of_proportions_that_underflow_are_too(by):
    metric = Proportion("paid", by=by)
    arms = summarise({"paid": np.where(TREATED, PAIR % 50 > 0, PAIR % 50 == 0)}, ARM, metric.needs())
    found = metric.compare(arms["a"], arms["b"])
    assert (found.p_value, np.isfinite(found.log_p), found.log_p < -745) == (0, True, True)


def test_p_values_of_other_designs_that_underflow_are_too():
    looks = {"a": np.array([50_000, 500_000]), "b": np.array([40_000, 400_000])}
    found = [
        two_by_two(values(0.0) + 90.0 * (TREATED & (PAIR % 2 == 0)), TREATED, PAIR % 2 == 0, np.arange(N)),
        sample_ratio({"a": 500_000, "b": 400_000}, {"a": 1, "b": 1}),
        sample_ratio_so_far(looks, {"a": 1, "b": 1}),
        sequential_comparison(WAYS["Welch"](values(40.0), Asked()), Anytime(planned=N)),
    ]
    for each in found:
        assert each.p_value == 0
        assert -np.inf < each.log_p < -745


def test_a_repeated_p_value_is_never_said_to_be_smaller_than_it_is():
    """Boundaries are found for levels down to 1e-250, so there it stays: above the truth."""
    one_look = sequential_comparison(WAYS["Welch"](values(40.0), Asked()), Fixed(planned=N))
    found = sequential_comparison(WAYS["Welch"](values(40.0), Asked()), GroupSequential(planned=N))
    assert one_look.log_p < found.log_p == pytest.approx(np.log(1e-250))


RELATED = {name: read for name, read in WAYS.items() if name != "pairs"}


def test_pairs_have_no_relative_interval_as_their_arms_hang_together():
    assert WAYS["pairs"](values(0.5), Asked()).relative is None


@pytest.mark.parametrize("read", RELATED.values(), ids=RELATED)
def test_relative_intervals_say_on_which_scale_they_are(read):
    delta, log = (read(values(0.5), Asked(relative_by=by)) for by in ("delta", "log"))
    assert (delta.relative_by, log.relative_by, delta.relative) == ("delta", "log", pytest.approx(log.relative))
    assert delta.relative_high - delta.relative == pytest.approx(delta.relative - delta.relative_low)
    assert (1 + log.relative_high) / (1 + log.relative) == pytest.approx((1 + log.relative) / (1 + log.relative_low))


@pytest.mark.parametrize(
    "rule", [Fixed(planned=N), GroupSequential(planned=2 * N), Anytime(planned=2 * N)], ids=["one look", "group", "anytime"]
)
def test_relative_intervals_keep_to_their_scale_at_every_look(rule):
    log = sequential_comparison(WAYS["Welch"](values(0.5), Asked(relative_by="log")), rule)
    assert log.relative_by == "log"
    assert (1 + log.relative_high) / (1 + log.relative) == pytest.approx((1 + log.relative) / (1 + log.relative_low))


def test_a_read_out_names_the_convention_of_obrien_and_fleming():
    read = WAYS["Welch"](values(0.1), Asked())
    each, both = (
        sequential_comparison(read, GroupSequential(planned=2 * N, spending=ObrienFleming(by))) for by in ("each side", "both sides")
    )
    assert "each side its half" in each.method
    assert "both sides together" in both.method
    assert both.high - both.low < each.high - each.low  # it spends more early


def test_a_third_arm_changes_nothing_in_what_is_said_of_the_first_two():
    """Neither by a coefficient of all arms, nor by their shared variance: only how sure one has to be, as more is asked."""
    g = np.random.default_rng(1)
    before = g.normal(5, 1, 3 * N)
    arm = np.repeat(["a", "b", "c"], N)
    watched = np.where(arm == "c", 10 - 3 * before, before) + g.normal(0, 1, 3 * N)
    card, two = Scorecard(Mean("watched", covariates=("before",))), arm != "c"
    of_three = card.read(summarise({"watched": watched, "before": before}, arm, card.needs()), control="a").findings[0].comparison
    of_two = (
        card.read(summarise({"watched": watched[two], "before": before[two]}, arm[two], card.needs()), control="a").findings[0].comparison
    )
    assert (of_three.difference, of_three.error, of_three.p_value) == (of_two.difference, of_two.error, of_two.p_value)
    assert of_three.confidence > of_two.confidence


ROWS = ([1.0, 0.0, 1.0, 0.0], [0.5] * 4, [1.0, 1.0, 0.0, 0.0])
"""Rewards, propensities and a target that makes two of four choices."""
PREDICTED = {"predicted": [0.5] * 4, "expected": [0.5] * 4}
JUDGES = {
    "ips": lambda: ips(*ROWS),
    "clipped": lambda: ips(*ROWS, clip=10.0),
    "snips": lambda: snips(*ROWS),
    "gain": lambda: gain(*ROWS),
    "doubly robust": lambda: doubly_robust(*ROWS, **PREDICTED),
    "switch": lambda: switch_dr(*ROWS, **PREDICTED),
    "mrdr": lambda: mrdr(*ROWS, logged=np.ones((4, 1)), chosen=np.ones((4, 1)), folds=2),
    "slates": lambda: slate_ips(*(np.array(each)[:, None] for each in ROWS), by="place"),
}


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_a_log_worth_two_choices_is_refused_by_every_estimator(judge):
    with pytest.raises(Refused, match=r"worth 2\.0 .* and 10 are needed") as refused:
        judge()
    assert refused.value.reason is Reason.FEW_EFFECTIVE
