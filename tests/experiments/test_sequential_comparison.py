"""Any comparison read at looks: the metric's own estimate, the rule's interval, p-value and words."""

import msgspec
import numpy as np
import pytest

from millrace.experiments.comparison import AT_ANY_LOOK, Arm, Asked
from millrace.experiments.contrast import contrast
from millrace.experiments.looks import AT_PLANNED_LOOKS
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.sequential_comparison import look, sequential_comparison
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential


def read(difference: float = 0.3, n: int = 1000, variance: float = 4.0, base: float = 5.0, **asked):
    arms = [
        Arm(name=name, value=value, variance=variance / n, units=n, df=n - 1) for name, value in (("a", base), ("b", base + difference))
    ]
    return contrast("watched", *arms, Asked(**asked))


def test_one_planned_look_is_the_comparison_itself():
    plain = read()
    found = sequential_comparison(plain, Fixed(planned=2000))
    assert (found.low, found.high) == (pytest.approx(plain.low, abs=1e-3), pytest.approx(plain.high, abs=1e-3))
    assert found.p_value == pytest.approx(plain.p_value, rel=0.02)
    assert (found.relative_low, found.relative_high) == (
        pytest.approx(plain.relative_low, abs=1e-3),
        pytest.approx(plain.relative_high, abs=1e-3),
    )


def test_a_test_for_one_look_says_nothing_before_and_that_it_was_looked_at():
    found = sequential_comparison(read(), Fixed(planned=5000))
    assert (found.low, found.high, found.p_value) == (-np.inf, np.inf, 1.0)
    assert [caution.reason for caution in found.cautions] == [Reason.PEEKED]
    assert not found.is_significant


def test_the_method_and_what_it_controls_are_said():
    found = sequential_comparison(read(), GroupSequential(planned=4000))
    assert found.method == "Welch; group sequential, O'Brien-Fleming-like spending, each side its half: 4(1 - Φ(z(α/4)/√t)) together"
    assert found.controls == AT_PLANNED_LOOKS
    assert sequential_comparison(read(), Anytime(planned=4000)).controls == AT_ANY_LOOK


@pytest.mark.parametrize("rule", [GroupSequential(planned=4000), Anytime(planned=4000), Anytime(planned=4000, kept=1.0)])
def test_intervals_are_wider_than_for_one_look_and_narrow_with_every_look(rule):
    plain = read()
    first = sequential_comparison(plain, rule)
    assert first.low < plain.low < plain.high < first.high
    assert first.relative_low < plain.relative_low
    later = sequential_comparison(read(n=1800), rule, [look(plain)])
    assert first.low <= later.low < later.high <= first.high
    assert later.log_p <= first.log_p


def test_the_interval_excludes_nothing_exactly_where_it_is_significant():
    for difference in (0.1, 0.2, 0.25, 0.3, 0.4):
        for alternative in ("two-sided", "greater"):
            found = sequential_comparison(read(difference), Anytime(planned=2000, alternative=alternative))
            assert found.is_significant == (found.low > 0)


def test_a_margin_is_shown_where_the_interval_excludes_it():
    rule = Anytime(planned=2000, alternative="greater", beyond=-0.2)
    found = sequential_comparison(read(0.1), rule)
    assert found.is_significant
    assert -0.2 < found.low < 0


def test_relative_intervals_keep_to_their_scale():
    found = sequential_comparison(read(relative_by="log"), Anytime(planned=2000))
    up, down = np.log1p(found.relative_high) - np.log1p(found.relative), np.log1p(found.relative) - np.log1p(found.relative_low)
    assert up == pytest.approx(down)
    assert sequential_comparison(read(base=0.001), Anytime(planned=2000)).relative_low is None


def test_looks_that_contradict_each_other_are_said():
    past = look(read(-3.0, n=500))
    found = sequential_comparison(read(3.0, n=1000), Anytime(planned=2000), [past])
    assert Reason.MOVED in [caution.reason for caution in found.cautions]
    assert found.low < 3.0 < found.high


def test_few_units_are_said():
    assert Reason.FEW_UNITS in [caution.reason for caution in sequential_comparison(read(n=40), Anytime(planned=2000)).cautions]


def test_comparisons_without_an_error_are_refused():
    for error, reason in ((float("nan"), Reason.NOT_A_NUMBER), (0.0, Reason.NO_VARIANCE)):
        with pytest.raises(Refused) as refused:
            sequential_comparison(msgspec.structs.replace(read(), error=error), Anytime(planned=2000))
        assert refused.value.reason == reason
