"""A process that forks children which write features to a file and are killed: run by `test_materialise.py`."""

from pathlib import Path

import pyarrow.compute
import pyarrow.parquet  # noqa: F401  (so that no child needs to)

from millrace.operate import backfilling, materialise, spill
from millrace.operate.history import LogHistory
from millrace.serve.home import Home
from millrace.stores import durable, spills
from millrace.types import EVER
from tests.killing import answer
from tests.serve.remembering import loaded

AT_WORK = (backfilling, durable, materialise, spill, spills)
"""The modules whose lines are instants to be killed at."""


def write(folder: str) -> int:
    """Write what the club reads, for its decisions; return how many rows there are."""
    here = Path(folder)
    home = Home(here / "club", loaded(), read_only=True)
    try:
        history = LogHistory(home.log, system := loaded())
        decided = history.decided(EVER, -EVER)
        rows = {name: decided[name] for name in ("at", "watermark", "candidate", "member")}
        wanted = {f"feature {n}": one for n, one in enumerate(system.plan.features.values())}
        return materialise.materialise(home, history, system.plan, wanted, rows, None, here / "out.parquet", 1)
    finally:
        home.close()


if __name__ == "__main__":
    loaded()
    answer(write, AT_WORK)
