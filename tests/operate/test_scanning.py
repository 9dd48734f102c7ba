"""What DuckDB sums up of units is what NumPy does, of the same units."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from millrace.experiments.metrics import Count, Mean, Proportion, Quantile, Ratio
from millrace.experiments.needs import Needs
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.summary import Summary, summarise, summarise_strata
from millrace.operate.scanning import scan
from millrace.types import objects

METRICS = (
    Mean("watched", covariates=("before",)),
    Mean("watched", name="winsorised", winsorise=0.9),
    Mean("watched", name="capped", cap=1.5),
    Count("likes"),
    Proportion("likes"),
    Ratio("watched", "views"),
    Quantile("watched", 0.5),
    Quantile("watched", 0.99),
)
NEEDS = Needs.union(metric.needs() for metric in METRICS)


def units(n: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    before = rng.normal(3.0, 1.0, n)
    return {
        "arm": objects(rng.choice(["control", "new"], n)),
        "watched": before + rng.lognormal(0.0, 1.0, n),
        "before": before,
        "likes": rng.poisson(0.3, n),
        "views": rng.integers(1, 9, n),
        "country": objects(rng.choice(["nl", "at"], n)),
    }


def assert_alike(found: Summary, plain: Summary, near: float = 1e-9) -> None:
    assert (found.arm, found.units, found.broken) == (plain.arm, plain.units, plain.broken)
    assert found.together.keys() == plain.together.keys()
    assert found.values.keys() == plain.values.keys()
    assert found.limits == pytest.approx(plain.limits)
    for group, moments in plain.together.items():
        here = found.together[group]
        assert (here.names, here.n) == (moments.names, moments.n)
        np.testing.assert_allclose(here.means, moments.means, rtol=near)
        scale = np.sqrt(np.outer(np.diag(moments.scatter), np.diag(moments.scatter)))
        np.testing.assert_allclose(here.scatter, moments.scatter, rtol=near, atol=near * float(scale.max()))
    for asked, values in plain.values.items():
        np.testing.assert_array_equal(found.values[asked], values)


@pytest.mark.parametrize("form", ["columns", "table", "file"])
def test_summaries_are_those_of_numpy(tmp_path: Path, form: str) -> None:
    columns = units(5000)
    table = pa.table({name: column.tolist() for name, column in columns.items()})
    parquet.write_table(table, tmp_path / "units.parquet")
    given: Any = {"columns": columns, "table": table, "file": tmp_path / "units.parquet"}[form]
    found = scan(given, NEEDS)[""]
    plain = summarise(columns, columns["arm"], NEEDS)
    assert list(found) == list(plain)
    for name, summary in plain.items():
        assert_alike(found[name], summary)
        assert_alike(scan(given, NEEDS, stratum="country")["nl"][name], strata(columns)["nl"][name])


def strata(columns: dict[str, Any]) -> dict[str, dict[str, Summary]]:
    return summarise_strata(columns, columns["arm"].astype(str), columns["country"].astype(str), NEEDS)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(-1e6, 1e6), st.integers(0, 3)), min_size=1, max_size=40),
    st.sampled_from([0.0, 1e9, -1e12]),
)
def test_summaries_are_those_of_numpy_wherever_values_lie(rows: list[tuple[str, float, int]], far: float) -> None:
    columns = {
        "arm": objects(arm for arm, _, _ in rows),
        "watched": np.array([far + round(value) for _, value, _ in rows]),
        "likes": np.array([likes for _, _, likes in rows]),
    }
    needs = Needs.union([Count("likes").needs(), Proportion("likes").needs(), Quantile("watched", 0.5).needs()])
    for name, summary in summarise(columns, columns["arm"], needs).items():
        assert_alike(scan(columns, needs)[""][name], summary)


def test_nothing_cancels_where_values_are_large_and_alike() -> None:
    columns = {"arm": objects(["a", "b"] * 50), "watched": np.array([1e16, -1e16] * 50) + np.array([0, 0, 2, 2] * 25)}
    needs = Mean("watched", covariates=("watched",)).needs()
    arms = scan(columns, needs)[""]
    [group] = [group for group in needs.together if len(group) == 2 and group[0] == group[1]]
    for name in "ab":
        assert arms[name].moments(group).scatter[0, 0] == pytest.approx(50.0)


def test_rows_of_a_unit_are_summed_up_first() -> None:
    columns = units(3000)
    whole = {**columns, "unit": objects(str(n) for n in range(3000))}
    twice = {name: np.concatenate([column, column]) for name, column in whole.items()}
    needs = Needs.union([Mean("watched").needs(), Ratio("watched", "views").needs()])
    doubled = {name: 2 * columns[name] for name in ("watched", "views")}
    for name, summary in summarise(doubled, columns["arm"], needs).items():
        assert_alike(scan(twice, needs, unit="unit")[""][name], summary)


def test_unit_in_two_arms_is_refused() -> None:
    columns = {"unit": objects("xxy"), "arm": objects("abb"), "watched": np.ones(3)}
    with pytest.raises(Refused, match="1 units have rows in two arms") as refused:
        scan(columns, Mean("watched").needs(), unit="unit")
    assert refused.value.reason == Reason.TWO_ARMS


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, None])
def test_what_is_no_number_is_counted_and_takes_no_part(wrong: float | None) -> None:
    columns = units(400)
    column = columns["watched"].astype(object if wrong is None else np.float64)
    column[np.flatnonzero(columns["arm"] == "new")[:3]] = wrong
    found = scan({**columns, "watched": column}, NEEDS)[""]
    plain = summarise({**columns, "watched": column.astype(np.float64)}, columns["arm"], NEEDS)
    for name, summary in plain.items():
        assert_alike(found[name], summary)
    assert found["new"].broken == {"watched": 3}
    with pytest.raises(Refused, match="watched is not a finite number for 3 of"):
        METRICS[0].compare(found["control"], found["new"])
    assert METRICS[3].compare(found["control"], found["new"]).control.units == found["control"].units


def test_names_of_columns_and_arms_are_data() -> None:
    columns = {"arm": objects(["it's", "b"] * 3), 'wat"ched': np.arange(6.0)}
    metric = Quantile('wat"ched', 0.5)
    found = scan(columns, metric.needs())[""]
    assert found["it's"].units == 3
    assert_alike(found["it's"], summarise(columns, columns["arm"], metric.needs())["it's"])
