"""A data set's tables: from a local folder where it lies there, else from the network. Nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from millrace.datasets.dataset import ChoiceLog, DataSet
from millrace.datasets.download import fetch
from millrace.datasets.table import Table, read_parquet, typed
from millrace.errors import BadInput, MillraceError, NotFound
from millrace.types import size

VARIABLE = "MILLRACE_DATA"
"""The environment variable that names the folder of data sets: `<folder>/<data set>/<table>.parquet`."""

Progress = Callable[[str, float], object]
"""Told what is being read, and which share of it has been."""


def local_folder(given: Path | None = None) -> Path | None:
    """Return the folder of data sets: the one given, else that of `MILLRACE_DATA`, else None.

    Raises:
        NotFound: It does not exist.
    """
    named = os.environ.get(VARIABLE)
    folder = given if given is not None else Path(named) if named else None
    if folder is not None and not folder.is_dir():
        raise NotFound(f"{folder} is not a folder: {VARIABLE} names the one that holds <data set>/<table>.parquet")
    return folder


def load(data_set: DataSet, folder: Path | None = None, progress: Progress = lambda *_: None) -> dict[str, Table]:
    """Return the tables of a data set.

    Args:
        data_set: Which.
        folder: The folder of data sets, where there is one; a data set that is not in it is downloaded.
        progress: Told how far it is.

    Raises:
        BadInput: A file is not what it should be.
        NotFound: The folder given does not exist, or the network has no such file.
        Unavailable: The network cannot be reached.
    """
    root = local_folder(folder)
    if root is not None and (root / data_set.name).is_dir():
        return _local(data_set, root / data_set.name, progress)
    try:
        return _downloaded(data_set, progress)
    except MillraceError as error:
        remedy = f"put its Parquet files into <folder>/{data_set.name} and set {VARIABLE}=<folder>"
        raise type(error)(f"{data_set.name}: {error}; without the network, {remedy}") from error


def read(log: ChoiceLog, folder: Path | None = None, progress: Progress = lambda *_: None) -> dict[str, Table]:
    """Return the tables of a log of choices, from a local folder.

    Args:
        log: Which.
        folder: The folder of data sets.
        progress: Told how far it is.

    Raises:
        BadInput: A file is not what it should be.
        NotFound: There is no such folder, or it does not hold the log; the message says where to get it.
    """
    root = local_folder(folder)
    if root is None or not (root / log.name).is_dir():
        remedy = f"put its Parquet files ({', '.join(log.tables)}) into <folder>/{log.name} and set {VARIABLE}=<folder>"
        raise NotFound(f"{log.name} is not here: get it from {log.source}, {remedy}")
    return _local(log, root / log.name, progress)


def _local(data_set: DataSet | ChoiceLog, folder: Path, progress: Progress) -> dict[str, Table]:
    tables = {}
    for done, (name, columns) in enumerate(data_set.tables.items()):
        progress(name, done / len(data_set.tables))
        tables[name] = read_parquet(folder / f"{name}.parquet", columns, data_set.zone)
    progress("read", 1.0)
    return tables


def _downloaded(data_set: DataSet, progress: Progress) -> dict[str, Table]:
    files = []
    for remote in data_set.remotes:
        name = remote.url.rpartition("/")[2]
        files.append(fetch(remote, lambda share, name=name: progress(name, share)))
    raw = data_set.unpack(files)
    tables = {name: typed(name, columns, raw[name], data_set.zone) for name, columns in data_set.tables.items()}
    for name, expected in data_set.rows.items():
        found = size(tables[name].rows) + size(tables[name].aside)
        if found != expected:
            raise BadInput(f"{name} has {found} rows and had {expected} when this was written: the source has changed")
    return tables
