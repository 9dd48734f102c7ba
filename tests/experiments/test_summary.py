"""What metrics need is asked for once, and what is known of parts is what is known of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from millrace.experiments.metrics import Mean, Proportion, Quantile, Ratio
from millrace.experiments.needs import Needs, Ordered, Term
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.summary import summarise, summarise_strata, summary_of

NUMBERS = arrays(np.float64, st.integers(2, 40), elements=st.floats(-100, 100, width=32))


def test_what_two_metrics_need_is_asked_for_once() -> None:
    one, other = Mean("watched", covariates=("before",)), Ratio("watched", "plays")
    both = Needs.union([one.needs(), other.needs(), one.needs()])
    assert both == one.needs() | other.needs()
    assert both.columns() == ("before", "plays", "watched")
    assert len({term.name for term in both.terms()}) == len(both.terms())


@given(NUMBERS)
def test_parts_merge_to_the_whole(x: np.ndarray) -> None:
    needs = Mean("x", covariates=("y",)).needs() | Proportion("x").needs()
    columns = {"x": x, "y": x[::-1] ** 2}
    whole = summary_of(columns, "a", needs, {})
    cut = len(x) // 3
    parts = [
        summary_of({name: column[rows] for name, column in columns.items()}, "a", needs, {}) for rows in (slice(cut), slice(cut, None))
    ]
    merged = parts[0].merged(parts[1])
    for group, moments in whole.together.items():
        assert np.allclose(merged.moments(group).means, moments.means, rtol=1e-9, atol=1e-9)
        assert np.allclose(merged.moments(group).scatter, moments.scatter, rtol=1e-9, atol=1e-3)
    assert merged.units == len(x)


def test_strata_together_are_the_arm() -> None:
    g = np.random.default_rng(0)
    columns, arm = {"x": g.gamma(1, 1, 500)}, g.choice(["a", "b"], 500)
    metric = Mean("x", winsorise=0.9)
    by_stratum = summarise_strata(columns, arm, g.choice(["new", "old"], 500), metric.needs())
    merged = by_stratum["new"]["a"].merged(by_stratum["old"]["a"])
    assert metric.figure(merged).value == pytest.approx(metric.figure(summarise(columns, arm, metric.needs())["a"]).value)


@given(NUMBERS, st.floats(0.05, 0.95))
def test_ordered_values_are_those_of_sorting(x: np.ndarray, q: float) -> None:
    asked = Ordered(Term("x"), q)
    found = summary_of({"x": x}, "a", Needs(ordered=frozenset({asked})), {}).ordered(asked)
    assert found.tolist() == np.sort(x)[asked.ranks(len(x))].tolist()


def test_limits_are_those_of_all_arms_together() -> None:
    columns, arm = {"x": np.array([1.0, 2.0, 3.0, 100.0])}, np.array(["a", "a", "b", "b"])
    found = summarise(columns, arm, Mean("x", winsorise=0.5).needs())
    assert found["a"].limits == found["b"].limits == {("x", 0.5): 2.5}
    assert Mean("x", winsorise=0.5).figure(found["b"]).value == 2.5


def test_a_broken_column_is_refused_by_the_metrics_that_read_it_and_by_no_other() -> None:
    columns = {"x": np.array([1.0, np.nan, 3.0, 4.0]), "y": np.array([1.0, 2.0, 3.0, 5.0])}
    needs = Needs.union([Mean("x").needs(), Mean("y").needs(), Quantile("x", 0.5).needs()])
    found = summarise(columns, np.array(["a", "a", "b", "b"]), needs)
    assert Mean("y").compare(found["a"], found["b"]).difference == 2.5
    for metric in (Mean("x"), Quantile("x", 0.5)):
        with pytest.raises(Refused, match="x is not a finite number for 1 of the 2 units of a") as refused:
            metric.compare(found["a"], found["b"])
        assert refused.value.reason is Reason.NOT_A_NUMBER


def test_an_arm_that_should_be_there_is_there_without_units() -> None:
    found = summarise({"x": np.ones(3)}, np.array(["a"] * 3), Mean("x").needs(), arms=["a", "b"])
    assert found["b"].units == 0


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_different_terms_have_different_names(one: float, other: float) -> None:
    assert (Term("x", above=one).name == Term("x", above=other).name) == (one == other and np.signbit(one) == np.signbit(other))
