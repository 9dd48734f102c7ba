"""An experiment read out: twenty metrics over exposures in a Parquet file, beside DuckDB's bare scan of the same columns and groups.

Ours asks for all that means, counts, shares, ratios and their cautions need: sums, products and third and fourth powers about a near value,
and whether a number is broken. The peer sums each column up by arm and does nothing else. Figures are held against NumPy's on a part of
the file. Times are this process's on the processor, all threads together, so that others on the machine do not count; the least of runs.

    .venv/bin/python benchmarks/experiments.py --huge        # 100 M exposures
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import duckdb
import numpy as np
import typer
from pyarrow import parquet

from millrace.experiments.metrics import Count, Mean, Proportion, Ratio
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.summary import summarise
from millrace.operate.scanning import MEMORY, scan

EXPOSURES, HUGE, RUNS = 20_000_000, 100_000_000, 3

MEANS = [f"mean{n}" for n in range(10)]
EVENTS = [f"count{n}" for n in range(6)]
CARD = Scorecard(
    Mean("mean0", covariates=("mean1",)),
    secondary=[
        *(Mean(name) for name in MEANS[1:]),
        *(Count(name) for name in EVENTS[:3]),
        *(Proportion(name) for name in EVENTS),
        Ratio("mean2", "count0"),
    ],
)


def written(path: Path, n: int) -> None:
    """Write n exposures, each of a unit of its own: two arms, ten amounts, six counts."""
    amounts = ", ".join(f"(-ln(1 - random()) * {k + 1})::DOUBLE AS {name}" for k, name in enumerate(MEANS))
    counts = ", ".join(f"(random() * {k + 2})::INTEGER AS {name}" for k, name in enumerate(EVENTS))
    query = f"SELECT CASE WHEN random() < 0.5 THEN 'control' ELSE 'new' END AS arm, {amounts}, {counts} FROM range({n})"
    with duckdb.connect(config={"memory_limit": MEMORY, "preserve_insertion_order": False}) as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def bare(path: Path) -> Any:
    """Return each arm's rows and sums."""
    sums = ", ".join(f"sum({name})" for name in (*MEANS, *EVENTS))
    with duckdb.connect(config={"memory_limit": MEMORY, "preserve_insertion_order": False}) as connection:
        return connection.execute(f"SELECT arm, count(*), {sums} FROM read_parquet('{path}') GROUP BY arm").fetchall()


def read_out(path: Path) -> Any:
    """Return the read-out of all twenty metrics."""
    return CARD.read(scan(path, CARD.needs())[""], "control", {"control": 1, "new": 1})


def check(folder: Path) -> None:
    """Refuse a scan that says something else than NumPy does."""
    written(folder / "part.parquet", 200_000)
    table = parquet.read_table(folder / "part.parquet")
    columns = {name: table[name].to_numpy() for name in table.column_names}
    plain = CARD.read(summarise(columns, columns["arm"].astype(str), CARD.needs()), "control", {"control": 1, "new": 1})
    for one, other in zip(read_out(folder / "part.parquet").findings, plain.findings, strict=True):
        assert one.comparison is not None
        assert other.comparison is not None
        here, there = one.comparison, other.comparison
        np.testing.assert_allclose([here.difference, here.error, here.log_p], [there.difference, there.error, there.log_p], rtol=1e-7)


def took(call: Callable[[Path], Any], path: Path) -> float:
    """Return processor seconds."""
    began = time.process_time()
    call(path)
    return time.process_time() - began


def main(
    huge: Annotated[bool, typer.Option(help="Read 100 M exposures rather than 20 M.")] = False,
    exposures: Annotated[int, typer.Option(help="How many, where neither will do.")] = 0,
) -> None:
    """Read the file by turns, ours and the peer's."""
    n = exposures or (HUGE if huge else EXPOSURES)
    assert len(CARD.metrics()) == 20
    with tempfile.TemporaryDirectory() as name:
        check(Path(name))
        path = Path(name) / "exposures.parquet"
        written(path, n)
        print(f"{n:,} exposures, {path.stat().st_size / 2**20:,.0f} MiB, {len(CARD.metrics())} metrics")
        runs = [(took(read_out, path), took(bare, path)) for _ in range(RUNS)]
    ours, peer = (min(times) for times in zip(*runs, strict=True))
    print(f"ours {ours:.2f} s, bare scan {peer:.2f} s of processor time; at most {_peak_gb():.2f} GB of memory in the whole run")
    print(f"experiments ratio={peer / ours:.3f}")


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    typer.run(main)
