"""Texas, which doubled its prisons in 1993, among the other states: the panel of a textbook, and what R's Synth prints of it."""

import numpy as np
import pandas as pd
import pytest

from millrace.experiments.simplex import mixture
from millrace.experiments.synthetic_control import Panel, synthetic_control
from tests.golden.experiments.published import data_of

PREDICTORS = [
    ("poverty", range(1985, 1994)),
    ("income", range(1985, 1994)),
    ("bmprison", [1988, 1990, 1991, 1992]),
    ("alcohol", [1990]),
    ("aidscapita", [1990, 1991]),
    ("black", [1990, 1991, 1992]),
    ("perc1519", [1990]),
]
IMPORTANCE = np.array([0.07154915, 0.02736536, 0.8923763, 5.5e-09, 2.42e-08, 0.008709159, 7.6e-09])
"""What Synth found the predictors to be worth, from its default starts, with a mean squared error before of 2,015,107."""


@pytest.fixture(scope="module")
def texas():
    """Cunningham's panel (Causal Inference: The Mixtape, chapter 10): black men in prison by state and year, 1985 to 2000."""
    rows = pd.read_stata(data_of("causaldata", "texas/texas.dta"))
    outcome = rows.pivot_table(index="statefip", columns="year", values="bmprison")
    columns = [rows[rows["year"].isin(list(when))].groupby("statefip")[name].mean() for name, when in PREDICTORS]
    names = rows.groupby("statefip")["state"].first()
    return Panel(outcome.to_numpy(), list(outcome.index).index(48), 9, np.column_stack(columns)), names


def test_weights_for_the_importances_that_synth_found_are_its_own(texas):
    panel, names = texas
    scaled = panel.predictors / panel.predictors.std(axis=0, ddof=1) * np.sqrt(IMPORTANCE)
    weights = mixture(scaled[panel.donors].T, scaled[panel.treated])
    by_name = dict(zip(names.to_numpy()[panel.donors], weights, strict=True))
    assert [by_name[state] for state in ("California", "Florida", "Louisiana")] == pytest.approx([0.3414, 0.2981, 0.3600], abs=0.003)
    gaps = panel.outcome[panel.treated] - weights @ panel.outcome[panel.donors]
    assert (gaps[:9] ** 2).mean() == pytest.approx(2_015_107, rel=0.005)


@pytest.mark.slow
def test_many_starts_fit_three_times_better_than_what_synth_prints(texas):
    """Its search began where the error has another minimum, so its answer rests on other states than those that resemble Texas most."""
    panel, _ = texas
    found = synthetic_control(panel)
    print("mean squared error before", round(found.before**2), "least of any weights", round(found.floor**2), "effect", round(found.effect))
    assert found.before**2 < 2_015_107 / 2.5
    assert found.before**2 < 1.01 * found.floor**2
    assert (found.reached < 1.001 * found.before).sum() > 10
    assert found.effect > 15_000
