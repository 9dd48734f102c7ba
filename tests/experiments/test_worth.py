"""What a shown difference is worth: at one look as the winner's curse has it, at several as boundaries counted by hand have it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.experiments.crossing import crossings
from millrace.experiments.looks import Look
from millrace.experiments.stopping import Anytime, Fixed, GroupSequential, Rule
from millrace.experiments.winners_curse import after_selection
from millrace.experiments.worth import worth


def looks_of(z: list[float], planned: int = 1000) -> list[Look]:
    """Looks at even numbers of units up to the planned, at which the difference lies so many standard errors off 0."""
    n = [planned * (at + 1) // len(z) for at in range(len(z))]
    errors = [float(np.sqrt(planned / each)) for each in n]
    return [Look(units, one * error, error) for units, one, error in zip(n, z, errors, strict=True)]


@settings(max_examples=40, deadline=None)
@given(st.floats(1.97, 12), st.sampled_from([1.0, -1.0]), st.floats(1e-3, 1e3))
def test_one_look_is_worth_what_the_winners_curse_leaves(z: float, side: float, error: float) -> None:
    found = worth([Look(400, side * z * error, error)], Fixed(planned=400))
    assert found is not None
    assert found.difference == pytest.approx(after_selection(side * z * error, error).estimate, rel=1e-6, abs=1e-6 * error)
    assert abs(found.difference) <= z * error * (1 + 1e-6)
    assert found.low < found.difference < found.high


@pytest.mark.parametrize("rule", [Anytime(planned=1000), GroupSequential(planned=1000)])
def test_several_looks_are_judged_by_all_that_could_have_been_shown(rule: Rule) -> None:
    """The slow way: every drift's likelihood over its chance to cross, by `crossings`, on a fine grid."""
    looks = looks_of([1.1, 1.9, 2.9])
    standing = rule.at(looks)
    times = np.array([1 / 3, 2 / 3, 1.0])
    drifts = np.linspace(-1, 4, 1001)
    chance = [sum(side.sum() for side in crossings(times, standing.low, standing.high, drift)) for drift in drifts]
    likely = drifts * 2.9 - drifts**2 / 2 - np.log(chance)
    found = worth(looks, rule)
    assert found is not None
    assert found.difference == pytest.approx(drifts[likely.argmax()], abs=0.006)
    within = drifts[likely >= likely.max() - 1.959964**2 / 2]
    assert found.low == pytest.approx(within[0], abs=0.006)
    assert found.kept == pytest.approx(found.difference / 2.9)


def test_what_was_not_shown_is_worth_nothing_that_could_be_said() -> None:
    assert worth(looks_of([0.5, 1.0, 1.5]), Anytime(planned=1000)) is None
    assert worth([Look(400, 3.0, 1.0)], Fixed(planned=1000)) is None, "before its end a test for one look shows nothing"


def test_what_lies_far_beyond_is_hardly_moved_and_keeps_its_interval() -> None:
    found = worth([Look(400, 30.0, 1.0)], Fixed(planned=400))
    assert found is not None
    assert (found.difference, found.low, found.high) == pytest.approx((30.0, 28.040036, 31.959964), abs=1e-5)
    assert found.kept == pytest.approx(1.0)


def test_what_was_shown_early_still_counts_once_it_has_shrunk() -> None:
    found = worth(looks_of([0.4, 4.2, 2.0]), Anytime(planned=1000))
    assert found is not None
    assert 0 < found.difference < 2.0
