"""Data nobody here wrote, where it lies on this machine: for tests that skip with a reason where it does not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from millrace.cli.public import Said, try_out
from millrace.cli.trials import Contender, Figures
from millrace.datasets.dataset import DataSet
from millrace.datasets.loading import VARIABLE, load, local_folder
from millrace.datasets.registry import data_set
from millrace.datasets.shares import shares
from millrace.datasets.table import Table
from tests.architecture.source import REPOSITORY

BESIDE = REPOSITORY.parent / "shared" / "data"


def folder_of(name: str) -> Path:
    """Return the folder of a data set; skip the test where it is not on this machine."""
    root = local_folder() or (BESIDE if BESIDE.is_dir() else None)
    if root is None or not (root / name).is_dir():
        pytest.skip(f"the data set {name} is not here: set {VARIABLE} to the folder that holds {name}/*.parquet")
    return root / name


def real(name: str) -> tuple[DataSet, dict[str, Table]]:
    """Return a data set and its tables; skip the test where they are not on this machine."""
    return data_set(name), load(data_set(name), folder_of(name).parent)


def sample(table: Table, by: str, share: float) -> Table:
    """Return the rows of a share of the ids in a column, drawn by digest."""
    return table.part(shares(table.rows[by].tolist(), "sample") < share)


def tried(chosen: DataSet, tables: Mapping[str, Table], folder: Path) -> tuple[Said, list[Figures]]:
    """Import, train and ask; return what was said, with its figures."""
    said = try_out(chosen, tables, folder)
    return said, said.figures


def by_name(figures: Figures) -> tuple[Contender, dict[str, Contender]]:
    """Return the system, and the others by the first word of their names."""
    first, *others = figures.contenders
    return first, {one.name.partition(":")[0]: one for one in others}
