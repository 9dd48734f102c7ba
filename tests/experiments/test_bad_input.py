"""Whatever reads data says in one sentence what is wrong with them and what to do: no error of another kind, and no silent number."""

import re

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.bayes_effect import learned_prior
from millrace.experiments.best_arm import best_arm
from millrace.experiments.bounded_mean import confidence_sequence
from millrace.experiments.clustered import clustered
from millrace.experiments.confidence_sequence import mean_sequence
from millrace.experiments.difference_in_differences import two_by_two, two_way
from millrace.experiments.empirical_bernstein import bernstein_difference
from millrace.experiments.interrupted_series import interrupted_series
from millrace.experiments.looks import Look
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.metrics import Mean, Quantile, Ratio
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.permutation import permutation
from millrace.experiments.power import power_of
from millrace.experiments.propensity import propensity
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.regret import regret
from millrace.experiments.resampling import bootstrap
from millrace.experiments.segments import by_segment
from millrace.experiments.shrinkage import shrunk
from millrace.experiments.spread import mean
from millrace.experiments.srm import sample_ratio
from millrace.experiments.srm_sequential import sample_ratio_so_far
from millrace.experiments.staggered import group_time
from millrace.experiments.stopping import Anytime, Fixed, decide
from millrace.experiments.stratified import stratified
from millrace.experiments.summary import summarise
from millrace.experiments.synthetic_control import Panel, synthetic_control
from millrace.experiments.two_arms import two_arms
from millrace.experiments.units import one_arm_each
from millrace.experiments.winners_curse import sum_of_winners

N = 40
G = np.random.default_rng(0)
VALUE, TREATED = G.normal(10, 1, N), np.arange(N) % 2 == 0
PAIR, HALF = np.arange(N) // 2, np.arange(N) // 20
NONE = np.empty(0)


def by(metric):
    def read(value, treated):
        arms = summarise({"x": value, "views": 1 + PAIR[: len(value)] % 7}, np.where(treated, "b", "a"), metric.needs(), ["a", "b"])
        return metric.compare(arms["a"], arms["b"])

    return read


BETWEEN_ARMS = {
    "mean": by(Mean("x")),
    "mean, covariate": by(Mean("x", covariates=("views",))),
    "ratio": by(Ratio("x", "views")),
    "quantile": by(Quantile("x", 0.5)),
    "permutation": lambda value, treated: permutation("m", two_arms(value, treated), seed=0, draws=99),
    "bootstrap": lambda value, treated: bootstrap("m", two_arms(value, treated), seed=0, draws=99),
    "clusters": lambda value, treated: clustered("m", value, treated, 2 * PAIR[: len(value)] + treated),
    "strata": lambda value, treated: stratified("m", value, treated, np.zeros(len(value))),
    "pairs": lambda value, treated: matched_pairs("m", value, treated, PAIR[: len(value)]),
    "segments": lambda value, treated: by_segment("m", value, treated, HALF[: len(value)]),
    "two by two": lambda value, treated: two_by_two(value, treated, np.arange(len(value)) % 8 < 4, PAIR[: len(value)] // 2 % 7),
    "propensity": lambda value, treated: propensity({"x": value}, treated),
}
"""What compares two arms of rows: (values, whether treated) -> a figure. Shape (n,) each."""

ALONE = {
    "two-way": lambda value: two_way(value, PAIR[: len(value)], np.arange(len(value)) % 2, (np.arange(len(value)) % 4) == 1),
    "group-time": lambda value: group_time(value.reshape(-1, 4), np.arange(len(value) // 4) % 2 * 7 + 2).overall(),
    "by age": lambda value: by_exposure_age(PAIR[: len(value)], PAIR[: len(value)] % 2 == 0, np.arange(len(value)) % 2, value),
    "interrupted series": lambda value: interrupted_series(value, len(value) // 2),
    "synthetic control": lambda value: synthetic_control(Panel(value.reshape(-1, 10), 0, 6), worst=np.inf),
}
"""What reads rows in the design they come in. Shape (n,)."""

MOST = {
    "confidence sequence": lambda value: mean_sequence(value, 30),
    "bounded mean": lambda value: confidence_sequence(value / 20, 0.05),
    "empirical Bernstein": lambda value: bernstein_difference(value, value, bounds=(0, 20)),
    "shrinkage": lambda value: shrunk(value, np.ones(len(value))),
    "learned prior": lambda value: learned_prior(value, np.ones(len(value))),
    "sum of winners": lambda value: sum_of_winners(value, np.ones(len(value))),
    "best arm": lambda value: best_arm(np.full(len(value), 50.0), value, of="means"),
    "regret": lambda value: regret(np.full(len(value), 20.0), value),
}
"""What may well be given values that are all alike, or none. Shape (n,)."""


def refusal(ask) -> Refused:
    with pytest.raises(Refused) as caught:
        ask()
    said = str(caught.value)
    assert is_one_sentence(said), said
    return caught.value


def is_one_sentence(said: str) -> bool:
    """Return whether it is one sentence that says what is wrong and, after a colon or a semicolon, what follows from it."""
    return "\n" not in said and not re.search(r"[.!?]\s+[A-Z]", said.rstrip(".")) and bool(re.search(r"[:;,] \S+ \S+", said))


def broken(by) -> np.ndarray:
    return np.where(np.arange(N) == 7, by, VALUE)


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("read", BETWEEN_ARMS.values(), ids=BETWEEN_ARMS)
def test_no_number_between_arms(read, what):
    assert refusal(lambda: read(broken(what), TREATED)).reason is Reason.NOT_A_NUMBER


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("read", [*ALONE.values(), *MOST.values()], ids=[*ALONE, *MOST])
def test_no_number_alone(read, what):
    assert refusal(lambda: read(broken(what))).reason in (Reason.NOT_A_NUMBER, Reason.OUT_OF_BOUNDS)


@pytest.mark.parametrize("read", BETWEEN_ARMS.values(), ids=BETWEEN_ARMS)
@pytest.mark.parametrize(
    "value, treated", [(VALUE, ~np.isnan(VALUE)), (VALUE, np.isnan(VALUE)), (NONE, NONE > 0)], ids=["all", "none", "no rows"]
)
def test_an_arm_without_units(read, value, treated):
    found = refusal(lambda: read(value, treated))
    assert found.reason in (Reason.EMPTY_ARM, Reason.FEW_UNITS, Reason.BAD_FIT)


@pytest.mark.parametrize("read", ALONE.values(), ids=ALONE)
def test_no_rows_at_all(read):
    with pytest.raises(BadInput) as caught:
        read(NONE)
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("level", [0.0, 3.0, 0.1, 1 / 3, 1e9 + 0.1])
@pytest.mark.parametrize("read", BETWEEN_ARMS.values(), ids=BETWEEN_ARMS)
def test_values_that_are_all_alike(read, level):
    """A tenth, added up and divided again, is not a tenth: what rounding leaves is no variance, and no difference either."""
    values = level * (1.0 + PAIR % 7) if read is BETWEEN_ARMS["ratio"] else np.full(N, level)
    treated = TREATED if read is BETWEEN_ARMS["pairs"] else np.arange(N) % 5 < 2  # arms of other sizes round otherwise
    found = refusal(lambda: read(values, treated))
    assert found.reason in (Reason.NO_VARIANCE, Reason.FEW_UNITS)


@pytest.mark.parametrize("level", [0.0, 3.0, 0.1, 1 / 3, 1e9 + 0.1])
@pytest.mark.parametrize("read", ALONE.values(), ids=ALONE)
def test_series_that_never_move(read, level):
    assert refusal(lambda: read(np.full(N, level))).reason is Reason.NO_VARIANCE


def test_a_series_on_two_straight_lines():
    assert refusal(lambda: interrupted_series(0.1 * np.arange(N) + 0.7 * (TREATED < 0), 20)).reason is Reason.NO_VARIANCE


def test_a_covariate_that_is_the_outcome_itself():
    arms = summarise(
        {"x": VALUE, "again": 3 * VALUE + 0.1}, np.where(TREATED, "b", "a"), (metric := Mean("x", covariates=("again",))).needs()
    )
    assert refusal(lambda: metric.compare(arms["a"], arms["b"])).reason is Reason.NO_VARIANCE


@pytest.mark.parametrize("units", [np.nan, np.inf, 5.5, -1])
def test_counts_of_units_that_are_none(units):
    for ask in (
        lambda: sample_ratio({"a": units, "b": 5}, {"a": 1, "b": 1}),
        lambda: sample_ratio_so_far({"a": np.array([1.0, units]), "b": np.array([5, 6])}, {"a": 1, "b": 1}),
    ):
        with pytest.raises(BadInput) as caught:
            ask()
        assert is_one_sentence(str(caught.value))


def test_a_million_strata_of_one_unit_and_a_unit_in_two_arms():
    many = 1_000_000
    assert refusal(lambda: stratified("m", np.zeros(many), np.arange(many) % 2 == 0, np.arange(many))).reason is Reason.LONE_STRATA
    assert refusal(lambda: one_arm_each(np.array(["u", "v", "u"]), np.array(["a", "a", "b"]))).reason is Reason.TWO_ARMS


def test_peeking_at_a_test_for_one_look():
    found = decide(Fixed(planned=100), [Look(n=10, difference=10.0, error=1.0)])
    assert (found.decision, [caution.reason for caution in found.cautions]) == ("go on", [Reason.PEEKED])
    assert is_one_sentence(found.cautions[0].said)


@pytest.mark.parametrize("difference, error", [(np.nan, 1.0), (1.0, np.nan), (1.0, 0.0), (1.0, -1.0)])
def test_a_look_without_a_figure(difference, error):
    with pytest.raises(BadInput, match="leave it out"):
        decide(Anytime(planned=100), [Look(n=10, difference=difference, error=error)])


@pytest.mark.parametrize("units", [np.nan, 0.0, -5.0])
def test_plans_of_no_units(units):
    with pytest.raises(BadInput, match="plan for more"):
        power_of(mean(1.0, 1.0), units, 0.1)
