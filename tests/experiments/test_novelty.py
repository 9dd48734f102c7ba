"""The effect by exposure age: of ratios and of parts of the control's value, each age as a comparison by itself has it."""

import numpy as np
import pytest

from millrace.experiments.comparison import Asked
from millrace.experiments.novelty import by_exposure_age
from millrace.experiments.reasons import Refused
from millrace.experiments.relative import relative
from millrace.experiments.two_arms import two_arms

N, AGES = 120, 5


def lived(rng: np.random.Generator, effect: np.ndarray) -> tuple[np.ndarray, ...]:
    """Units, arms, ages and values that fall to a tenth with age, those of the treated larger by a part of themselves."""
    unit, age = np.repeat(np.arange(N), AGES), np.tile(np.arange(AGES), N)
    treated = unit % 2 == 0
    usual = np.array([10.0, 5.0, 3.0, 2.0, 1.0])[age]
    return unit, treated, age, usual * rng.gamma(20.0, 0.05, len(unit)) * np.where(treated, 1 + effect[age], 1.0)


def test_relative_effect_at_an_age_is_that_of_its_units_by_the_delta_method() -> None:
    unit, treated, age, value = lived(np.random.default_rng(1), np.full(AGES, 0.2))
    found = by_exposure_age(unit, treated, age, value, relative=True)
    for one in found.ages:
        here = age == one.age
        base = relative(*two_arms(value[here], treated[here]).figures("m"), Asked())
        assert base is not None
        assert one.difference == pytest.approx(base.value, rel=1e-12)
        assert one.error == pytest.approx(base.error.size, rel=1e-12)


def test_what_falls_with_age_in_both_arms_is_no_novelty_of_the_effect() -> None:
    steady = lived(np.random.default_rng(2), np.full(AGES, 0.2))
    assert by_exposure_age(*steady).verdict == "novelty", "in the metric's unit it shrinks with everything else"
    assert by_exposure_age(*steady, relative=True).verdict == "steady"
    fading = lived(np.random.default_rng(2), np.array([0.4, 0.3, 0.2, 0.1, 0.0]))
    assert by_exposure_age(*fading, relative=True).verdict == "novelty"
    growing = lived(np.random.default_rng(2), np.array([0.0, 0.1, 0.2, 0.3, 0.4]))
    assert by_exposure_age(*growing, relative=True).verdict == "primacy"


def test_ratio_at_an_age_is_that_of_its_units_totals() -> None:
    rng = np.random.default_rng(3)
    unit, treated, age, value = lived(rng, np.full(AGES, 0.2))
    bottom = rng.integers(1, 6, len(unit)).astype(float)
    found = by_exposure_age(unit, treated, age, value, bottom=bottom)
    for one in found.ages:
        here = age == one.age
        control, treatment = two_arms(value[here], treated[here], bottom=bottom[here]).figures("m")
        assert one.difference == pytest.approx(treatment.value - control.value, rel=1e-12)
        assert one.error == pytest.approx(np.sqrt(control.variance + treatment.variance), rel=1e-9)


def test_line_heeds_how_well_each_age_is_known() -> None:
    """One wild age that is hardly known moves a relative trend by next to nothing."""
    rng = np.random.default_rng(4)
    unit, treated, age, value = lived(rng, np.full(AGES, 0.2))
    value = np.where(age == AGES - 1, value * rng.lognormal(0.0, 1.2, len(unit)), value)
    assert by_exposure_age(unit, treated, age, value, relative=True).verdict == "steady"


def test_ages_at_which_nothing_happens_are_left_out() -> None:
    unit, treated, age, value = lived(np.random.default_rng(5), np.full(AGES, 0.2))
    found = by_exposure_age(unit, treated, age, np.where(age > 2, 0.0, value), relative=True)
    assert [one.age for one in found.ages] == [0, 1, 2]
    with pytest.raises(Refused, match="a control that is surely not 0"):
        by_exposure_age(unit, treated, age, np.where(age > 0, 0.0, value), relative=True)
