"""`millrace experiment natural`: a change that nobody drew by lot, read from a file of somebody's own."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.cli.main import main
from millrace.experiments.difference_in_differences import two_way
from millrace.experiments.interrupted_series import interrupted_series
from millrace.experiments.placebo import in_space
from millrace.experiments.synthetic_control import Panel, synthetic_control


class Asked:
    """The command in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.chdir(self.folder)
        self._monkeypatch.setattr(sys, "argv", ["millrace", "experiment", "natural", *words])
        self._monkeypatch.setenv("COLUMNS", "200")
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = self._capsys.readouterr()
        return status, printed.out, printed.err

    def write(self, name: str, header: list[str], rows: list[tuple[object, ...]]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    return Asked(tmp_path, monkeypatch, capsys)


def panel(units: int = 12, weeks: int = 20, treated: int = 1, effect: float = 6.0) -> np.ndarray:
    """Return sales by region and week, the first regions with something new from the thirteenth week on."""
    g = np.random.default_rng(1)
    sales = g.gamma(1.0, 1.0, (units, 2)) @ (50 + np.cumsum(g.normal(0, 1, (2, weeks)), axis=1)) + g.normal(0, 0.5, (units, weeks))
    sales[0] = 0.5 * sales[-1] + 0.5 * sales[-2] + g.normal(0, 0.5, weeks)
    sales[:treated, 12:] += effect
    return sales


def rows_of(sales: np.ndarray) -> list[tuple[object, ...]]:
    return [(f"r{unit}", f"2026-W{week:02d}", sales[unit, week]) for unit in range(len(sales)) for week in range(sales.shape[1])]


REGIONS = ("--outcome", "sales", "--period", "week", "--since", "2026-W12", "--unit", "region")


def test_one_unit_is_compared_with_a_mixture_of_the_others(asked: Asked) -> None:
    sales = panel()
    asked.write("regions.csv", ["region", "week", "sales"], rows_of(sales))
    status, out, err = asked("regions.csv", *REGIONS, "--treated", "r0", "--json")
    assert status == 0, err
    found = json.loads(out)
    of = Panel(sales, 0, 12)
    by_name = np.argsort([f"r{n}" for n in range(len(sales))])
    alike = Panel(sales[by_name], int(np.flatnonzero(by_name == 0)[0]), 12)
    fit = synthetic_control(alike)
    assert (found["method"], found["value"]) == ("synthetic", pytest.approx(fit.effect))
    assert found["value"] == pytest.approx(synthetic_control(of).effect, abs=0.05)
    assert found["p_value"] == in_space(alike, fit).p_value
    assert found["seen"] == pytest.approx(sales[0])


def test_several_units_are_compared_by_how_much_more_they_changed(asked: Asked) -> None:
    sales = panel(treated=4)
    asked.write("regions.csv", ["region", "week", "sales"], rows_of(sales))
    treated = [word for n in range(4) for word in ("--treated", f"r{n}")]
    status, out, err = asked("regions.csv", *REGIONS, *treated, "--json", "--page", "out.html")
    assert (status, err) == (0, "written to out.html\n")
    found = json.loads(out)["effects"]["effect"]
    unit, week = (one.ravel() for one in np.indices(sales.shape))
    wanted = two_way(sales.ravel(), unit, week, (unit < 4) & (week >= 12))
    assert [found["value"], found["low"], found["p_value"]] == pytest.approx([wanted.value, wanted.low, wanted.p_value])
    page = (asked.folder / "out.html").read_text()
    assert page.count('class="plot"') == 2
    assert "20 periods from 2026-W00 to 2026-W19, changed from 2026-W12 on; by differences" in page


def test_one_series_is_compared_with_its_own_past(asked: Asked) -> None:
    g = np.random.default_rng(2)
    sales = 10 + 0.1 * np.arange(60) + g.normal(0, 1, 60)
    sales[40:] += 5
    shuffled = g.permutation(60)
    pq.write_table(pa.table({"day": shuffled, "sales": sales[shuffled]}), asked.folder / "series.parquet")
    status, out, err = asked("series.parquet", "--outcome", "sales", "--period", "day", "--since", "40")
    assert status == 0, err
    wanted = interrupted_series(sales, 40)
    assert f"{wanted.level.value:.4g}" in out
    assert "It rests on this, which these rows cannot show: nothing else happened at that time." in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "2027"), "leaves no period before or none after: its periods go from 2026-W00 to 2026-W19"),
        (("--outcome", "price"), "regions.csv has no column 'price': it has region, week, sales"),
        (("--outcome", "region"), "region holds string, not numbers: name another --outcome"),
        ((), "name the column of the units with --unit and those that the change came to with --treated, both or neither"),
        (("--treated", "r99"), "no row is of 'r99': the units are r0, r1, r10, r11, "),
        (("--treated", "r0", "--method", "magic"), "'magic' is no method: use series, differences, synthetic"),
        (("--treated", "r0", "--treated", "r1", "--method", "synthetic"), "a synthetic control is of one unit"),
        (("--treated", "r0", "--method", "series"), "--method series takes one series, without --unit"),
        (("--treated", "r0", "--method", "differences"), "one cluster alone was treated"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(asked: Asked, words: tuple[str, ...], said: str) -> None:
    asked.write("regions.csv", ["region", "week", "sales"], rows_of(panel()))
    status, _, err = asked("regions.csv", *REGIONS, *words)
    assert (status, err.count("\n")) == (1, 1)
    assert said in err


def test_rows_that_lack_something_are_named(asked: Asked) -> None:
    rows = rows_of(panel())
    asked.write("less.csv", ["region", "week", "sales"], rows[:5] + rows[6:])
    assert (
        "r0 has no number for 2026-W05: this method needs every period of every unit" in asked("less.csv", *REGIONS, "--treated", "r0")[2]
    )
    asked.write("more.csv", ["region", "week", "sales"], [*rows, rows[0]])
    assert "a unit has two rows in a period" in asked("more.csv", *REGIONS, "--treated", "r0")[2]
    asked.write("empty.csv", ["region", "week", "sales"], [*rows[:2], ("r0", "2026-W02", None), *rows[3:]])
    assert "row 3: sales is missing, as in 1 rows in all" in asked("empty.csv", *REGIONS, "--treated", "r0")[2]
    (asked.folder / "regions.txt").write_text("region,week,sales\n")
    assert "regions.txt is read by its name: give a file that ends in .csv or .parquet" in asked("regions.txt", *REGIONS)[2]
