"""`millrace data`: a public data set imported, learned from, and our figure on its later part beside the simple answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from millrace.cli.bring import bring
from millrace.cli.learn import train
from millrace.cli.opening import reading, writing
from millrace.cli.printing import console, number, progress, table
from millrace.cli.trials import Figures, tried
from millrace.datasets.dataset import DataSet
from millrace.datasets.loading import VARIABLE, load
from millrace.datasets.registry import CHOICE_LOGS, DATA_SETS, data_set
from millrace.datasets.table import Table
from millrace.datasets.trial import Trial
from millrace.loading import load as load_system
from millrace.serve.engine import Engine
from millrace.types import Array, Columns, size

_FIGURES, _ROWS, _ASIDE = "figures.json", "rows", "set_aside.jsonl"


class Said(msgspec.Struct, frozen=True):
    """What one run found, as it is written beside the system's log.

    Attributes:
        data_set: Its name.
        system: The system's import path.
        release: What served.
        protocol: How it was split and what was asked.
        rows: Rows read, by table.
        set_aside: Rows left out, by table and reason.
        imported: Rows imported, by stream.
        figures: By metric, the system beside the simple answers.
        seconds: How long each part took.
    """

    data_set: str
    system: str
    release: str
    protocol: str
    rows: dict[str, int]
    set_aside: dict[str, dict[str, int]]
    imported: dict[str, int]
    figures: list[Figures]
    seconds: dict[str, float]


def public(name: str, home: Path) -> None:
    """Import a public data set, train its reference system on it, and print how well that answers what was kept back.

    It may be run again: what is in the log already is not added twice, and a system that serves is not trained again.

    Args:
        name: The data set; "" lists them.
        home: Where to work: the system gets the folder `<home>/<name>`, which keeps its log, its models, the rows that were imported,
            those set aside, and `figures.json`.

    Raises:
        NotFound: There is no such data set, or the network has not got it.
        Unavailable: It is not in the folder of data sets, and the network cannot be reached.
        BadInput: A file of it is not what it should be.
    """
    if not name:
        _list()
        return
    chosen = data_set(name)
    with progress() as shown:
        task = shown.add_task(f"reading {name}", total=1.0, said="")
        tables = load(chosen, progress=lambda what, share: shown.update(task, completed=share, said=what))
    try_out(chosen, tables, home / name)


def try_out(chosen: DataSet, tables: Mapping[str, Table], folder: Path) -> Said:
    """Try a data set's reference system on its tables, or on a part of them; say what happens, and write the figures down.

    Args:
        chosen: The data set.
        tables: Its tables.
        folder: The system's home.
    """
    clock = _Stopwatch()
    trial = chosen.trial(tables)
    _introduce(chosen, trial, folder)
    _import(chosen, trial, folder)
    clock.lap("import")
    _train(chosen, folder)
    clock.lap("train")
    release, figures = _tried(chosen, trial, folder)
    clock.lap("try")
    said = Said(
        data_set=chosen.name,
        system=chosen.system,
        release=release,
        protocol=trial.protocol,
        rows={one: size(table.rows) + size(table.aside) for one, table in trial.tables.items()},
        set_aside={one: reasons for one, table in trial.tables.items() if (reasons := table.reasons())},
        imported={stream: size(rows) for stream, rows in trial.streams.items()},
        figures=figures,
        seconds=clock.laps,
    )
    (folder / _FIGURES).write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n")
    _print(said, folder)
    return said


class _Stopwatch:
    def __init__(self) -> None:
        self._since = time.monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._since, 1)
        self._since = now


def _list() -> None:
    rows = table("Data sets", "name", "what", "system", "licence")
    for one in DATA_SETS:
        rows.add_row(one.name, one.title, one.system, one.licence)
    for one in CHOICE_LOGS:
        rows.add_row(one.name, one.title, "– (policies are judged on it)", one.licence)
    console().print(rows)
    console().print(f"read from {VARIABLE}=<folder>, <folder>/<name>/*.parquet, where that is set; else downloaded from their source")


def _introduce(chosen: DataSet, trial: Trial, folder: Path) -> None:
    out = console()
    out.print(f"{chosen.title} ({chosen.licence}): {chosen.source}")
    out.print(trial.protocol)
    folder.mkdir(parents=True, exist_ok=True)
    aside = {name: one for name, one in trial.tables.items() if size(one.aside)}
    if aside:
        rows = table("Set aside", "table", "rows", "why", numbers=("rows",))
        for name, one in aside.items():
            for why, count in one.reasons().items():
                rows.add_row(name, number(count), why)
        out.print(rows)
        out.print(f"each with its reason in {_write_aside(aside, folder)}")


def _write_aside(tables: Mapping[str, Table], folder: Path) -> Path:
    path, encode = folder / _ASIDE, msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for name, one in tables.items():
            for row, reason in zip(one.aside["number"].tolist(), one.aside["reason"].tolist(), strict=True):
                file.write(encode({"table": name, "row": row, "reason": reason}) + b"\n")
    return path


def _import(chosen: DataSet, trial: Trial, folder: Path) -> None:
    """Write each stream's rows as Parquet and import them, as `millrace import` would."""
    for stream, rows in trial.streams.items():
        path = folder / _ROWS / f"{stream}.parquet"
        _write(rows, path)
        bring(chosen.system, stream, path, {}, {}, "UTC", "at", trial.decided.get(stream), None, folder)


def _write(rows: Columns, path: Path) -> None:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    def column(name: str, values: Array) -> Any:
        return pa.array(values, pa.timestamp("us", tz="UTC")) if name == "at" else pa.array(values)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(pa.table({name: column(name, values) for name, values in rows.items()}), path)


def _train(chosen: DataSet, folder: Path) -> None:
    """Train unless every model of the system, as it is declared now, has a version that serves."""
    with reading(chosen.system, folder) as desk:
        champion = desk.standing.champion
        serving = desk.home.releases.get(champion).versions if champion else {}
        is_trained = all(name in serving and desk.versions.fits(serving[name]) for name in desk.loaded.models)
    if is_trained:
        console().print(f"{champion} serves already")
    else:
        train(chosen.system, folder, promote=True, seed=0)


def _tried(chosen: DataSet, trial: Trial, folder: Path) -> tuple[str, list[Figures]]:
    loaded = load_system(chosen.system)
    with writing(loaded, folder) as home, progress() as shown:
        task = shown.add_task("rebuilding the online view", total=1.0, said="")
        engine = Engine(loaded, home, now=lambda: trial.at, patient=True)
        try:
            figures = tried(engine, trial, progress=lambda what, share: shown.update(task, description=what, completed=share))
            return engine.standing.champion or "", figures
        finally:
            engine.close()


def _print(said: Said, folder: Path) -> None:
    out = console()
    for one in said.figures:
        better = "" if one.larger_is_better else ", less is better"
        title = f"{one.metric} on {number(one.cases)} questions kept back{better}"
        rows = table(title, "who", one.metric, "95 % interval", "we are ahead by", "95 % interval of that", numbers=(one.metric,))
        for who in one.contenders:
            ahead = [f"{who.ahead:+.4f}", f"{who.ahead_low:+.4f} to {who.ahead_high:+.4f}"] if who.ahead is not None else ["", ""]
            rows.add_row(who.name, f"{who.value:.4f}", f"{who.low:.4f} to {who.high:.4f}", *ahead)
        out.print(rows)
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in said.seconds.items())
    out.print(f"{took}; figures in {folder / _FIGURES}; look on with --home {folder}")
