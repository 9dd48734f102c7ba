"""Figures of the other side are what loops over viewers, pairs and ways to pick say, and do not depend on names or numbers."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.experiments.meeting_figures import FIGURES, Tables, tables
from millrace.experiments.meetings import meetings
from tests.experiments.markets import Market, market

PLACES = 3
TOP = PLACES / 10


def small(seed: int, control: int = 7, treatment: int = 9) -> Market:
    return market(np.random.default_rng(seed), control, treatment, sellers=10)


def dense(of: Market) -> np.ndarray:
    """Return what each viewer brought each seller; NaN where they did not meet."""
    found = np.full((len(of.unit), of.sellers), np.nan)
    for viewer, seller, value in zip(of.viewer, of.seller, of.value, strict=True):
        found[viewer, seller] = np.nan_to_num(found[viewer, seller]) + value
    return found


def slow(of: np.ndarray, whose: list[int], picked: int, sellers: int, top: np.ndarray) -> dict[str, float]:
    """Return every figure of some viewers, by loops."""
    value = np.nan_to_num(of)
    ways = list(combinations(whose, picked))
    pairs = [(i, j) for i in whose for j in whose if i != j]
    same = sum(value[i] @ value[j] for i, j in pairs)
    return {
        "reached": float(np.mean([(~np.isnan(of[list(way)])).any(axis=0).sum() / sellers for way in ways])),
        "each": float(np.mean([value[list(way)].sum() / sellers for way in ways])),
        "effective": sum(value[i].sum() * value[j].sum() for i, j in pairs) / same if same else float("nan"),
        "at top": float((value * top)[whose].sum() / value[whose].sum()),
    }


def top_without(of: np.ndarray, places: int) -> np.ndarray:
    """Return to which part each pair's seller is among the top ones without that viewer's part of it, by a loop."""
    value, found = np.nan_to_num(of), np.zeros(of.shape)
    for i, s in np.argwhere(~np.isnan(of)):
        totals = value.sum(axis=0)
        totals[s] = np.delete(value[:, s], i).sum()
        others = np.delete(totals, s)
        above, ties = (others > totals[s]).sum(), (others == totals[s]).sum()
        found[i, s] = min(max((places - above) / (ties + 1), 0), 1)
    return found


def made(of: Market) -> Tables:
    return tables(of.meetings(), TOP)


def of_arm(of: Market, is_treated: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return (values, errors) by figure."""
    mine = (of.meetings().treated == is_treated).astype(float)[:, None]
    found = {name: read(made(of), mine) for name, read in FIGURES.items()}
    return {name: float(one.value[0]) for name, one in found.items()}, {name: float(one.error[0]) for name, one in found.items()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_treated", [False, True])
def test_figures_and_errors_are_those_of_loops(seed: int, is_treated: bool) -> None:
    of = small(seed)
    table, whose = dense(of), np.flatnonzero(of.treated == is_treated).tolist()
    top = top_without(table, PLACES)
    values, errors = of_arm(of, is_treated)
    assert values == pytest.approx(slow(table, whose, 3, 10, top), nan_ok=True)
    # Those who are picked stay as many when one is left out.
    without = [slow(table, [one for one in whose if one != left], 3, 10, top) for left in whose]
    n = len(whose)
    for name, error in errors.items():
        spread = np.array([one[name] for one in without])
        expected = np.sqrt((n - 1) / n * ((spread - spread.mean()) ** 2).sum()) / values[name]
        assert error == pytest.approx(expected, nan_ok=True), name


def test_seller_whom_all_viewers_of_an_arm_met_is_reached_by_any_number_of_them() -> None:
    unit = np.arange(8)
    found = tables(meetings(unit, unit > 3, unit, np.zeros(8, dtype=int), known=2), 0.5)
    reached = FIGURES["reached"](found, (unit > 3).astype(float)[:, None])
    assert reached.value[0] == 0.5
    assert reached.error[0] == pytest.approx(0, abs=1e-12)


def test_picking_fewer_viewers_says_on_average_what_they_say() -> None:
    """The trap is not met: an arm's figures are those of as many of its viewers, whoever they are and however many there are."""
    of = market(np.random.default_rng(3), 6, 40, sellers=10)
    found = made(of)
    g, mine = np.random.default_rng(0), of.treated.astype(float)[:, None]
    parts = np.zeros((len(of.unit), 4000))
    for column in range(parts.shape[1]):
        parts[g.choice(np.flatnonzero(of.treated), 12, replace=False), column] = 1
    for name in ("reached", "each"):
        whole, few = FIGURES[name](found, mine).value[0], FIGURES[name](found, parts).value
        assert few.mean() == pytest.approx(whole, abs=4 * few.std() / np.sqrt(len(few))), name
    naive = [(found.met.T @ one > 0).sum() / 10 for one in (mine[:, 0], parts[:, 0])]
    assert naive[0] > naive[1], "as they are, more viewers reach more"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 12), st.integers(4, 12))
def test_names_and_order_say_nothing(seed: int, control: int, treatment: int) -> None:
    g = np.random.default_rng(seed)
    of = market(g, control, treatment, sellers=8)
    names, order = g.permutation(8), g.permutation(len(of.viewer))
    who = g.permutation(len(of.unit))
    other = Market(who, of.treated, who[of.viewer][order], np.array([f"s{one}" for one in names[of.seller]])[order], of.value[order], 8)
    if not all(of.value[of.treated[of.viewer] == side].sum() > 0 for side in (False, True)):
        return
    for is_treated in (False, True):
        for one, same in zip(of_arm(of, is_treated), of_arm(other, is_treated), strict=True):
            assert one == pytest.approx(same, rel=1e-6, abs=1e-9, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 1000))
def test_unit_of_the_value_matters_to_what_each_gets_alone(seed: int, times: float) -> None:
    of = small(seed)
    one, other = of_arm(of, True)[0], of_arm(of._replace(value=of.value * times), True)[0]
    for name in ("reached", "effective", "at top"):
        assert other[name] == pytest.approx(one[name], rel=1e-6, nan_ok=True)
    assert other["each"] == pytest.approx(times * one["each"], rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_figures_lie_where_they_can(seed: int) -> None:
    values, _ = of_arm(small(seed), False)
    assert 0 < values["reached"] <= 1
    assert 0 <= values["at top"] <= 1 + 1e-12
    assert values["each"] > 0
    assert np.isnan(values["effective"]) or values["effective"] > 0
