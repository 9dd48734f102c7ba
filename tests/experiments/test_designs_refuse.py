"""Bad data is refused by name, or read with a caution: never a silent number."""

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.balance import balance
from millrace.experiments.clustered import clustered
from millrace.experiments.matched_pairs import matched_pairs
from millrace.experiments.matching import matched, pairs
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.permutation import permutation
from millrace.experiments.propensity import propensity
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.rerandomised import rerandomised
from millrace.experiments.resampling import bootstrap
from millrace.experiments.segments import by_segment
from millrace.experiments.shrinkage import shrunk
from millrace.experiments.srm import sample_ratio
from millrace.experiments.srm_sequential import sample_ratio_so_far
from millrace.experiments.stratified import stratified
from millrace.experiments.two_arms import two_arms
from millrace.experiments.units import one_arm_each
from millrace.experiments.winners_curse import after_selection

N = 40
G = np.random.default_rng(0)
VALUE, TREATED, TEN = G.normal(10, 1, size=N), np.arange(N) % 2 == 0, np.arange(N) // 4
READ_OUTS = {
    "permutation": lambda value, treated: permutation("m", two_arms(value, treated), seed=0, draws=99),
    "bootstrap": lambda value, treated: bootstrap("m", two_arms(value, treated), seed=0, draws=99),
    "clustered": lambda value, treated: clustered("m", value, treated, np.arange(N)),
    "stratified": lambda value, treated: stratified("m", value, treated, np.zeros(N)),
}


def refusal(ask) -> Refused:
    with pytest.raises(Refused) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("read", READ_OUTS.values(), ids=READ_OUTS)
def test_an_empty_arm_is_named(read):
    for treated, name in ((np.zeros(N, dtype=bool), "treatment"), (np.ones(N, dtype=bool), "control")):
        found = refusal(lambda treated=treated: read(VALUE, treated))
        assert (found.reason, name in str(found)) == (Reason.EMPTY_ARM, True)


@pytest.mark.parametrize("read", READ_OUTS.values(), ids=READ_OUTS)
def test_what_never_varies_is_refused(read):
    assert refusal(lambda: read(np.full(N, 0.1), TREATED)).reason == Reason.NO_VARIANCE


@pytest.mark.parametrize("read", READ_OUTS.values(), ids=READ_OUTS)
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_no_number_is_refused_and_counted(read, broken):
    found = refusal(lambda: read(np.where(np.arange(N) == 7, broken, VALUE), TREATED))
    assert (found.reason, "1 of 40 rows" in str(found)) == (Reason.NOT_A_NUMBER, True)


def test_an_arm_of_weight_zero_that_has_units_is_named():
    found = refusal(lambda: sample_ratio({"control": 100, "treatment": 90, "off": 3}, {"control": 1, "treatment": 1, "off": 0}))
    assert (found.reason, found.field, "has 3" in str(found)) == (Reason.ZERO_WEIGHT, "off", True)
    looks = {"control": np.array([50, 100]), "treatment": np.array([50, 90]), "off": np.array([0, 3])}
    assert refusal(lambda: sample_ratio_so_far(looks, {"control": 1, "treatment": 1, "off": 0})).field == "off"


def test_an_arm_of_weight_zero_without_units_is_left_out():
    both, three = {"control": 100, "treatment": 90}, {"control": 1, "treatment": 1, "off": 0}
    assert sample_ratio({**both, "off": 0}, three).p_value == sample_ratio(both, {"control": 1, "treatment": 1}).p_value
    assert "off" not in sample_ratio(both, three).expected


def test_an_arm_with_a_weight_and_without_units_is_a_mismatch():
    found = sample_ratio({"control": 100, "treatment": 0}, {"control": 1, "treatment": 1})
    assert found.is_mismatch
    assert sample_ratio_so_far({"control": np.array([100]), "treatment": np.array([0])}, {"control": 1, "treatment": 1}).is_mismatch


@pytest.mark.parametrize(
    "units, weights, said",
    [
        ({"a": 1, "b": 2}, {"a": 1}, "no weight"),
        ({"a": 1, "b": -2}, {"a": 1, "b": 1}, "0 or more"),
        ({"a": 1}, {"a": 1, "b": -1}, "0 or more"),
        ({"a": 1}, {"a": 1}, "fewer than two"),
        ({"a": 0, "b": 0}, {"a": 1, "b": 1}, "no arm has any units"),
    ],
)
def test_shares_that_cannot_be_checked_are_refused(units, weights, said):
    with pytest.raises(BadInput, match=said):
        sample_ratio(units, weights)
    with pytest.raises(BadInput, match=said):
        sample_ratio_so_far({name: np.array([count]) for name, count in units.items()}, weights)


def test_counts_that_fall_are_no_looks():
    with pytest.raises(BadInput, match="fall"):
        sample_ratio_so_far({"a": np.array([5, 4]), "b": np.array([5, 6])}, {"a": 1, "b": 1})
    with pytest.raises(BadInput, match="every look"):
        sample_ratio_so_far({"a": np.array([5, 6]), "b": np.array([5])}, {"a": 1, "b": 1})


def test_a_unit_seen_by_two_arms_is_found_and_refused():
    unit, arm = np.array(["u", "v", "w", "v"]), np.array(["control", "control", "treatment", "treatment"])
    found = refusal(lambda: one_arm_each(unit, arm))
    assert (found.reason, "1 of 3 units" in str(found), " v " in str(found)) == (Reason.TWO_ARMS, True, True)
    assert refusal(lambda: one_arm_each(unit, arm, "drop")).reason == Reason.TWO_ARMS  # a third of the units is no slip


def test_few_units_in_two_arms_are_left_out_of_both_by_the_rule_drop():
    unit = np.concatenate([np.arange(3000), [17, 17]])
    arm = np.concatenate([np.arange(3000) % 2, [0, 1]])
    found = one_arm_each(unit, arm, "drop")
    assert (found.mixed, found.units) == (1, 3000)
    assert unit[~found.keep].tolist() == [17, 17, 17]
    assert found.cautions[0].reason == Reason.TWO_ARMS
    with pytest.raises(BadInput, match="refuse"):
        one_arm_each(unit, arm, "first")


def test_a_unit_with_many_rows_in_one_arm_is_none_in_two():
    assert one_arm_each(np.tile(np.arange(5), 3), np.tile([0, 1, 0, 1, 1], 3)).keep.all()


def test_a_cluster_in_both_arms_is_no_unit_of_assignment():
    assert refusal(lambda: two_arms(VALUE, TREATED, cluster=TEN)).reason == Reason.TWO_ARMS


def test_a_negative_bottom_is_refused():
    assert refusal(lambda: two_arms(VALUE, TREATED, bottom=-VALUE)).reason == Reason.OUT_OF_BOUNDS


def test_a_million_strata_of_one_unit_are_refused():
    n = 1_000_000
    found = refusal(lambda: stratified("m", np.zeros(n), np.arange(n) % 2 == 0, np.arange(n)))
    assert (found.reason, "1000000 of 1000000 strata" in str(found)) == (Reason.LONE_STRATA, True)


def test_a_few_lone_strata_count_as_one_and_that_is_said():
    stratum = np.where(np.arange(N) < 30, "large", np.arange(N).astype(str))
    found = stratified("m", VALUE, TREATED, stratum)
    again = stratified("m", VALUE, TREATED, np.where(np.arange(N) < 30, "large", "others"))
    assert [caution.reason for caution in found.cautions] == [Reason.LONE_STRATA]
    assert (found.difference, found.error) == (again.difference, again.error)
    assert refusal(lambda: stratified("m", VALUE, TREATED, stratum, weights=dict.fromkeys(stratum, 1))).reason == Reason.LONE_STRATA


def test_lone_strata_of_one_arm_take_the_next_smallest_with_them():
    stratum = np.array(["a"] * 20 + ["b"] * 19 + ["c"])
    assert stratified("m", VALUE, TREATED, stratum).cautions
    with pytest.raises(BadInput, match="no weight"):
        stratified("m", VALUE, TREATED, TREATED.astype(int) * 0 + TEN % 2, weights={0: 1.0})


def test_an_arm_of_one_cluster_is_refused_however_many_rows_it_has():
    found = refusal(lambda: clustered("m", VALUE, np.arange(N) < 20, np.where(np.arange(N) < 20, 0, np.arange(N))))
    assert (found.reason, found.field) == (Reason.FEW_CLUSTERS, "treatment")


def test_few_degrees_of_freedom_are_said():
    assert [caution.reason for caution in clustered("m", VALUE, TEN < 2, TEN).cautions] == [Reason.FEW_CLUSTERS]
    assert not clustered("m", VALUE, TEN < 5, TEN).cautions


def test_covariates_that_say_who_was_treated_are_refused():
    assert refusal(lambda: clustered("m", VALUE, TREATED, np.arange(N), covariates=TREATED * 2.0)).reason == Reason.BAD_FIT


def test_pairs_must_be_one_of_each():
    assert refusal(lambda: matched_pairs("m", VALUE, TREATED, np.arange(N) // 4)).reason == Reason.BAD_FIT
    assert refusal(lambda: matched_pairs("m", np.repeat(0.0, N), TREATED, np.arange(N) // 2)).reason == Reason.NO_VARIANCE


def test_too_few_units_for_any_small_p_value_are_said():
    few = permutation("m", two_arms(VALUE[:6], TREATED[:6]), seed=0)
    assert [caution.reason for caution in few.cautions] == [Reason.FEW_UNITS]
    with pytest.raises(BadInput, match="yes or no"):
        permutation("m", two_arms(VALUE, TREATED), seed=0, allocations=np.zeros((3, 2), dtype=bool))


def test_a_bootstrap_of_few_units_or_of_an_unknown_kind_is_said():
    assert Reason.FEW_UNITS in [caution.reason for caution in bootstrap("m", two_arms(VALUE[:30], TREATED[:30]), seed=0).cautions]
    with pytest.raises(BadInput, match="by='normal'"):
        bootstrap("m", two_arms(VALUE, TREATED), seed=0, by="normal")


def test_a_ratio_whose_bottom_is_mostly_nothing_is_refused():
    bottom = np.where(np.arange(N) < 4, 1.0, 0.0)
    assert refusal(lambda: bootstrap("m", two_arms(bottom * VALUE, TREATED, bottom=bottom), seed=0)).reason == Reason.FEW_UNITS
    assert refusal(lambda: bootstrap("m", two_arms(VALUE, TREATED, bottom=np.zeros(N)), seed=0)).reason == Reason.NO_BASE


def test_matching_without_anybody_alike_is_refused():
    rows = {"a": np.where(TREATED, 100.0, 0.0) + VALUE}
    assert refusal(lambda: matched(rows, TREATED, within=0.1)).reason == Reason.NO_SUPPORT
    assert refusal(lambda: propensity(rows, TREATED)).reason == Reason.NO_SUPPORT
    assert refusal(lambda: matched(rows, np.zeros(N, dtype=bool))).reason == Reason.EMPTY_ARM
    assert refusal(lambda: pairs({"a": np.zeros(N)})).reason == Reason.NO_VARIANCE
    with pytest.raises(BadInput, match="no covariates"):
        pairs({})


def test_lots_that_are_never_near_enough_are_refused():
    assert refusal(lambda: rerandomised({"a": VALUE}, seed=0, accept=1e-6, most=100)).reason == Reason.BAD_FIT
    assert refusal(lambda: rerandomised({"a": VALUE}, seed=0, share=0.001)).reason == Reason.EMPTY_ARM
    with pytest.raises(BadInput, match="between 0 and 1"):
        rerandomised({"a": VALUE}, seed=0, accept=0.0)


def test_a_balance_of_one_arm_is_refused():
    assert refusal(lambda: balance({"a": VALUE}, np.ones(N, dtype=bool))).reason == Reason.EMPTY_ARM


def test_a_trend_needs_two_ages_and_units_of_one_arm():
    assert refusal(lambda: by_exposure_age(np.arange(N), TREATED, np.zeros(N), VALUE)).reason == Reason.FEW_UNITS
    assert refusal(lambda: by_exposure_age(np.zeros(N), TREATED, TEN, VALUE)).reason == Reason.TWO_ARMS
    assert refusal(lambda: by_exposure_age(np.arange(N), TREATED, TEN, np.zeros(N))).reason == Reason.NO_VARIANCE


def test_arms_that_keep_other_units_as_they_age_are_said():
    n = 4000
    unit, treated = np.repeat(np.arange(n), 2), np.repeat(np.arange(n) % 2 == 0, 2)
    age, stays = np.tile([0, 1], n), np.repeat(np.arange(n) % 6 != 0, 2)
    kept = (age == 0) | stays
    found = by_exposure_age(unit[kept], treated[kept], age[kept], G.normal(size=kept.sum()))
    assert [caution.reason for caution in found.cautions] == [Reason.WRONG_SHARES]


def test_segments_too_small_are_left_out_and_one_alone_is_refused():
    segment = np.where(np.arange(N) < 39, np.arange(N) % 4 // 2, 9)
    assert [caution.reason for caution in by_segment("m", VALUE, TREATED, segment).cautions] == [Reason.FEW_UNITS]
    assert refusal(lambda: by_segment("m", VALUE, TREATED, np.zeros(N))).reason == Reason.FEW_UNITS
    assert refusal(lambda: shrunk(np.array([1.0, 2.0]), np.array([1.0, 0.0]))).reason == Reason.NOT_A_NUMBER


def test_what_was_not_selected_is_not_corrected():
    with pytest.raises(BadInput, match="not selected"):
        after_selection(1.0, 1.0)
    with pytest.raises(BadInput, match="not selected"):
        after_selection(-3.0, 1.0, alternative="greater")
