"""What is said of a data set: its name, licence, source and columns, and what to do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from millrace.datasets.table import Column, Table
from millrace.datasets.trial import Trial

Raw = Mapping[str, Mapping[str, Any]]
"""By table and column: an Arrow array or a list of text, numbers or None."""


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Attributes:
        url: Where it is.
        least: Fewer bytes than this are not the file.
        most: More bytes than this are not read.
        sha256: Its digest in hex, where its publisher never changes it; "" where only size and rows are checked.
    """

    url: str
    least: int
    most: int
    sha256: str = ""


@dataclass(frozen=True)
class DataSet:
    """A public data set, and how a system is tried on it.

    Attributes:
        name: What it is called here; the folder of its files too.
        title: One line.
        system: The import path of the reference system that runs on it.
        licence: Under which it may be used.
        source: Where people read about it.
        citation: What to cite.
        tables: The columns of each table; the file `<name>/<table>.parquet` of a local folder holds one.
        remotes: Where it is downloaded from.
        unpack: Makes raw columns of the downloaded files, given in the order of `remotes`.
        rows: How many rows each table has when it is downloaded; a local folder may hold a part.
        zone: The time zone of its instants, where they do not say it.
        trial: Cleans the tables and makes them a trial.
    """

    name: str
    title: str
    system: str
    licence: str
    source: str
    citation: str
    tables: Mapping[str, Mapping[str, Column]]
    remotes: tuple[Remote, ...]
    unpack: Callable[[Sequence[bytes]], Raw] = field(repr=False)
    rows: Mapping[str, int]
    trial: Callable[[Mapping[str, Table]], Trial] = field(repr=False)
    zone: str | None = None


@dataclass(frozen=True)
class ChoiceLog:
    """A public log of choices and of what came of them: policies are judged on it, and no system runs on it. It is read, never downloaded.

    Attributes:
        name: What it is called here; the folder of its files too.
        title: One line.
        licence: Under which it may be used.
        source: Where people read about it, and get it from.
        citation: What to cite.
        tables: The columns of each table; the file `<name>/<table>.parquet` of a local folder holds one.
        zone: The time zone of its instants, where they do not say it.
    """

    name: str
    title: str
    licence: str
    source: str
    citation: str
    tables: Mapping[str, Mapping[str, Column]]
    zone: str | None = None
