"""California's tobacco programme of 1989 among 38 other states, the panel on which searches begun once are known to get stuck."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from millrace.experiments.placebo import in_space
from millrace.experiments.synthetic_control import Panel, synthetic_control
from tests.datasets.real import folder_of


@pytest.fixture(scope="module")
def california():
    """The panel of Abadie, Diamond & Hainmueller: packs a head by state and year, 1970 to 2000, and their seven predictors."""
    table = pq.read_table(folder_of("proposition_99") / "smoking.parquet").to_pandas()
    table = table.sort_values(["state", "year"])
    states, years = sorted(table["state"].unique()), sorted(table["year"].unique())
    by_name = {name: table[name].to_numpy().reshape(len(states), len(years)) for name in table.columns if name not in ("state", "year")}
    packs, year = by_name["cigsale"], np.array(years)
    means = [np.nanmean(by_name[name][:, (year >= 1980) & (year <= 1988)], axis=1) for name in ("lnincome", "age15to24", "retprice")]
    beer = np.nanmean(by_name["beer"][:, (year >= 1984) & (year <= 1988)], axis=1)
    once = [packs[:, year == when][:, 0] for when in (1975, 1980, 1988)]
    return Panel(packs, states.index("California"), years.index(1989), np.column_stack([*means, beer, *once]))


@pytest.mark.slow
def test_many_starts_reach_the_published_fit(california):
    found = synthetic_control(california)
    print("mean squared error before:", round(found.before**2, 2), "starts", np.round(found.reached**2, 1).tolist())
    assert found.before**2 < 3.2
    assert found.effect == pytest.approx(-19, abs=2)


@pytest.mark.slow
def test_california_stands_out_among_the_states(california):
    found = in_space(california, synthetic_control(california), starts=4)
    assert found.p_value <= 2 / 39
