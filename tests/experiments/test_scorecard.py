"""A scorecard: one primary metric at the level, secondary ones with few false finds, guardrails that must be shown to hold."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from scipy import stats

from millrace.errors import BadInput, DeclarationError
from millrace.experiments.comparison import AT_ANY_LOOK, Asked, Comparison
from millrace.experiments.metrics import Mean, Proportion
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.readout import ReadOut
from millrace.experiments.reasons import Reason
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.srm import Shares
from millrace.experiments.srm_sequential import sample_ratio_so_far
from millrace.experiments.summary import summarise
from millrace.experiments.verdict import verdicts
from millrace.types import Array, Columns

CARD = Scorecard(
    Mean("watched"),
    secondary=[Mean("liked"), Mean("shared")],
    guardrails=[NonInferior(Mean("latency_ms", better="less"), margin=2.0), NonInferior(Proportion("back"), margin=0.05, relative=True)],
)


def people(n: int = 20_000, arms: tuple[str, ...] = ("a", "b"), seed: int = 0, **effects: float) -> tuple[dict[str, Array], Array]:
    """Return units of several arms, the effects being those of every arm but the first."""
    g = np.random.default_rng(seed)
    arm = np.array(arms)[np.arange(n) % len(arms)]
    means = {"watched": 10.0, "liked": 3.0, "shared": 3.0, "latency_ms": 100.0}
    columns = {name: g.normal(mean, mean / 5, n) + effects.get(name, 0.0) * (arm != arms[0]) for name, mean in means.items()}
    back = g.random(n) < 0.6 + effects.get("back", 0.0) * (arm != arms[0])
    return {**columns, "back": back}, arm


def read(columns: Columns, arm: Array, card: Scorecard = CARD, weights: dict[str, float] | None = None) -> ReadOut:
    names = sorted(set(arm.tolist()))
    return card.read(summarise(columns, arm, card.needs()), "a", weights or dict.fromkeys(names, 1.0))


def test_what_is_better_everywhere_is_better() -> None:
    found = read(*people(seed=1, watched=0.5, liked=0.5))
    shown = {each.metric: each.shown for each in found.findings}
    names = ["watched", "liked", "shared", "latency_ms"]
    assert [shown[f"mean of {name}"] for name in names] == ["better", "better", "nothing", "no worse"]
    (verdict,) = verdicts(found)
    assert verdict.decision == "better"
    assert verdict.sentences[0].startswith("b was shown to be better than a in mean of watched: 10.48 against 9.975")
    assert "Found besides: mean of liked better" in verdict.text
    assert "Nothing was shown of mean of shared" in verdict.text
    assert "mean of latency_ms was shown to be no worse by 2 or more" in verdict.text


def test_nothing_shown_is_not_shown_to_be_nothing() -> None:
    (verdict,) = verdicts(read(*people()))
    assert verdict.decision == "not shown"
    assert "That is no proof that it does not: anything from" in verdict.sentences[0]


def test_a_guardrail_that_got_worse_overrules_the_primary_metric() -> None:
    (verdict,) = verdicts(read(*people(watched=0.5, latency_ms=4.0)))
    assert verdict.decision == "harmful"
    assert "But a guardrail got worse" in verdict.sentences[0]


def test_few_units_never_pass_a_guardrail() -> None:
    (verdict,) = verdicts(read(*people(n=100, watched=5.0)))
    assert verdict.decision == "not shown to be harmless"
    assert "was shown neither to be worse nor to be safe from a loss of 5 %" in verdict.text


def test_other_shares_than_planned_make_everything_invalid() -> None:
    found = read(*people(watched=0.5), weights={"a": 1.0, "b": 2.0})
    assert [fault.reason for fault in found.faults] == [Reason.WRONG_SHARES]
    (verdict,) = verdicts(found)
    assert verdict.decision == "invalid"
    assert verdict.text.startswith("Nothing may be concluded about b: arms have other shares than planned")


def test_an_arm_that_was_to_have_no_units_makes_everything_invalid() -> None:
    found = read(*people(), weights={"a": 1.0, "b": 1.0, "c": 1.0} | {"b": 0.0})
    assert [fault.reason for fault in found.faults] == [Reason.ZERO_WEIGHT]


def test_unchecked_shares_are_told() -> None:
    columns, arm = people()
    found = CARD.read(summarise(columns, arm, CARD.needs()), "a")
    assert [caution.reason for caution in found.cautions] == [Reason.WRONG_SHARES]
    assert "it was not checked" in verdicts(found)[0].text


def test_a_metric_that_is_refused_does_not_keep_the_others_from_being_read() -> None:
    columns, arm = people(watched=0.5)
    columns["liked"][3] = np.nan
    found = read(columns, arm)
    (liked,) = (each for each in found.findings if each.metric == "mean of liked")
    assert (liked.shown, liked.comparison, liked.adjusted) == ("unread", None, None)
    assert liked.refused is not None
    assert liked.refused.reason is Reason.NOT_A_NUMBER
    (verdict,) = verdicts(found)
    assert verdict.decision == "better"
    assert "mean of liked could not be read: liked is not a finite number for 1 of the 10000 units of b" in verdict.text


def test_an_arm_without_units_is_told() -> None:
    columns, arm = people()
    found = CARD.read(summarise(columns, arm, CARD.needs(), ["a", "b", "c"]), "a", {"a": 1.0, "b": 1.0, "c": 1e-9})
    assert [verdict.decision for verdict in verdicts(found)] == ["not shown", "unread"]
    assert "c has no units for mean of watched" in verdicts(found)[1].text


def test_intervals_of_several_arms_hold_together_and_agree_with_the_adjusted_p_values() -> None:
    for seed in range(20):
        found = read(*people(3000, ("a", "b", "c", "d"), seed, watched=0.15))
        for each in found.of("primary"):
            comparison = each.comparison
            assert comparison is not None
            assert comparison.confidence == pytest.approx(2 * stats.norm.cdf(2.35) - 1, abs=1e-3)  # Dunnett's table
            assert each.adjusted is not None
            assert each.adjusted > comparison.log_p
            assert (each.shown == "nothing") == (comparison.low <= 0 <= comparison.high)


def test_margins_as_a_part_agree_with_the_relative_interval() -> None:
    g = np.random.default_rng(1)
    for shift in np.linspace(-0.6, 0.2, 30):
        columns, arm = {"x": g.normal(10, 2, 400)}, np.array(["a", "b"])[np.arange(400) % 2]
        columns["x"] += shift * (arm == "b")
        guardrail = NonInferior(Mean("x"), margin=0.05, relative=True)
        found = summarise(columns, arm, guardrail.metric.needs())
        for by in ("delta", "log"):
            comparison = guardrail.compare(found["a"], found["b"], Asked(relative_by=by))
            assert comparison.relative_low is not None
            assert comparison.is_significant == (comparison.relative_low > -0.05)


def test_a_margin_is_tested_by_the_shifted_t_test() -> None:
    columns, arm = people(500)
    found = summarise(columns, arm, Mean("latency_ms").needs())
    comparison = NonInferior(Mean("latency_ms", better="less"), margin=2.0).compare(found["a"], found["b"])
    a, b = columns["latency_ms"][arm == "a"], columns["latency_ms"][arm == "b"]
    assert comparison.p_value == pytest.approx(stats.ttest_ind(b - 2.0, a, equal_var=False, alternative="less").pvalue, rel=1e-9)


def test_what_may_be_looked_at_any_time_is_adjusted_without_knowing_how_arms_hang_together() -> None:
    def any_time(metric, control, treatment, asked: Asked) -> Comparison:
        return msgspec.structs.replace(metric.compare(control, treatment, asked), controls=AT_ANY_LOOK)

    columns, arm = people(3000, ("a", "b", "c"))
    found = CARD.read(summarise(columns, arm, CARD.needs()), "a", dict.fromkeys("abc", 1.0), any_time)
    for each in found.of("primary"):
        assert each.comparison is not None
        assert each.adjusted == pytest.approx(min(each.comparison.log_p + np.log(2), 0.0))


def test_a_read_out_can_be_written_down() -> None:
    found = read(*people(200))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=ReadOut) == found
    assert b'"mean of watched"' in msgspec.json.encode(found)


def test_wrong_scorecards_and_controls_are_refused() -> None:
    with pytest.raises(DeclarationError, match="'mean of x' is twice among its primary and secondary metrics"):
        Scorecard(Mean("x"), secondary=[Mean("x")])
    with pytest.raises(DeclarationError, match=r"guardrails=\[Mean\(\.\.\.\)\] does not say how much worse .* write NonInferior\("):
        Scorecard(Mean("x"), guardrails=[Mean("y")])
    for wrong in ("x", [Mean("x")], Mean, NonInferior(Mean("x"), margin=1.0)):
        with pytest.raises(DeclarationError, match="is no metric: write one such as"):
            Scorecard(wrong)
        with pytest.raises(DeclarationError, match="is no metric: write one such as"):
            Scorecard(Mean("z"), secondary=[wrong])
    with pytest.raises(DeclarationError, match=r"write 0\.01 for 1 %"):
        NonInferior(Mean("x"), margin=5, relative=True)
    with pytest.raises(DeclarationError, match="say above 0"):
        NonInferior(Mean("x"), margin=-0.01)
    columns, arm = people(10)
    with pytest.raises(BadInput, match="z cannot be compared: the arms are a, b"):
        CARD.read(summarise(columns, arm, CARD.needs()), "z")


def test_shares_are_checked_as_was_asked() -> None:
    def at_looks(units: Mapping[str, int], weights: Mapping[str, float]) -> Shares:
        return sample_ratio_so_far({"a": np.array([0, units["a"]]), "b": np.array([50, units["b"]])}, weights)

    columns, arm = people()
    even = {"a": 1.0, "b": 1.0}
    once = read(columns, arm, weights=even)
    ever = CARD.read(summarise(columns, arm, CARD.needs()), "a", even, check=at_looks)
    assert once.shares is not None
    assert not once.shares.is_mismatch
    assert ever.shares == at_looks(once.shares.units, even)
    assert [one.reason for one in ever.faults] == [Reason.WRONG_SHARES], "fifty units of one arm and none of the other is no luck"
    assert ever.findings == once.findings
