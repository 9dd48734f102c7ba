"""The other side of a market worked out by hand, and its p-value held against SciPy's."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from millrace.experiments.meeting_figures import FIGURES, tables
from millrace.experiments.meetings import meetings
from millrace.experiments.meetings_compared import compare_meetings

UNIT = np.array(list("abcdefgh"))
TREATED = np.arange(8) > 3
MET = meetings(UNIT, TREATED, np.array(list("abcefgh")), np.array(list("XXYXYZZ")), known=4)
"""Of four sellers the control's viewers meet X, X, Y and nobody, the treatment's X, Y, Z and Z."""


def figures(name: str) -> list[tuple[float, float]]:
    """Return (value, error of its logarithm) of the control and of the treatment."""
    sides = [FIGURES[name](tables(MET, 0.25), side.astype(float)[:, None]) for side in (~TREATED, TREATED)]
    return [(float(one.value[0]), float(one.error[0])) for one in sides]


def test_reach_of_two_of_four() -> None:
    # Who was met by one of four is met by two of them with 1/2, who was met by two with 1 - 1/6.
    (control, error), (treatment, _) = figures("reached")
    assert control == pytest.approx((5 / 6 + 1 / 2) / 4, abs=1e-12)
    assert treatment == pytest.approx((1 / 2 + 1 / 2 + 5 / 6) / 4, abs=1e-12)
    # Without a, b, c or d two of three are picked: 1/3, 1/3, 1/4, 5/12, whose mean is 1/3.
    assert error == pytest.approx(sqrt(3 / 4 * (2 / 144)) / (1 / 3), abs=1e-12)


def test_what_each_gets() -> None:
    (control, error), (treatment, _) = figures("each")
    assert control == pytest.approx(3 / 4 * 2 / 4, abs=1e-12)
    assert treatment == pytest.approx(4 / 4 * 2 / 4, abs=1e-12)
    assert error == pytest.approx(np.std([1, 1, 1, 0], ddof=1) / 2 / (3 / 4), abs=1e-12), "the mean's, over it"


def test_effective_number() -> None:
    # Of six ordered pairs of the control's meetings two go to X; of the treatment's twelve two go to Z.
    (control, _), (treatment, _) = figures("effective")
    assert control == pytest.approx(3, abs=1e-12)
    assert treatment == pytest.approx(6, abs=1e-12)


def test_part_of_the_top() -> None:
    # X has three, Y and Z two: without one's own, X ties with both for the one place, and neither Y nor Z has a chance.
    (control, _), (treatment, _) = figures("at top")
    assert control == pytest.approx(2 / 9, abs=1e-12)
    assert treatment == pytest.approx(1 / 12, abs=1e-12)


def test_equal_parts_are_as_many_as_there_are() -> None:
    unit = np.arange(2000)
    treated = unit % 4 > 1
    even = meetings(unit, treated, np.repeat(unit, 5), np.tile(np.arange(10), 1000))  # half of each arm's viewers to half the sellers
    found = FIGURES["effective"](tables(even, 0.1), treated.astype(float)[:, None])
    assert found.value[0] == pytest.approx((5000**2 - 1000 * 25) / (10 * 500**2 - 5000), rel=1e-12), "10.01: nobody is paired with oneself"


def test_p_value_is_that_of_all_allocations_by_scipy() -> None:
    each = np.array([1.0, 4, 2, 3, 9, 8, 3, 7])
    of = meetings(UNIT, TREATED, np.repeat(UNIT, 2), np.tile(["X", "Y"], 8), np.repeat(each / 2, 2))

    def far(one, other, axis):
        error = [side.std(axis=axis, ddof=1) / 2 / side.mean(axis=axis) for side in (one, other)]
        return np.abs(np.log(other.mean(axis=axis) / one.mean(axis=axis))) / np.hypot(*error)

    theirs = stats.permutation_test((each[:4], each[4:]), far, n_resamples=np.inf, alternative="greater", vectorized=True)
    ours = compare_meetings("sellers", of, draws=19_999).figures["each"]
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=4 * sqrt(theirs.pvalue / 20_000))
