"""The diary of a kiosk: what was laid out and what came of it, as a history in memory and as a log on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.features.offline import backfill
from millrace.features.plan import Plan
from millrace.loaded import Loaded
from millrace.loading import load
from millrace.log.log import Log
from millrace.models.declare import Model
from millrace.operate.history import LogHistory
from millrace.training.examples import Material, gather
from millrace.types import HOUR, MINUTE, SECOND, Array, Columns, objects, size, take

START = 1_767_268_800_000_000
"""Noon of the first of January 2026, microseconds since 1970 UTC."""

READERS, PAPERS = 12, 15


@cache
def kiosk() -> Loaded:
    return load("tests.training.kiosk")


def model(name: str) -> Model:
    return kiosk().models[name]


@dataclass(frozen=True)
class Diary:
    """A history in memory.

    Attributes:
        streams: By stream name, its columns.
        rows: What was taken, as `History.decided` gives it.
        end: The instant after everything.
    """

    streams: Mapping[str, Columns]
    rows: Columns
    end: int

    def events(self, stream: type, until: int) -> Columns:
        rows = self.streams[stream.__name__]
        return take(rows, rows["known"] < until)

    def decided(self, since: int, until: int) -> Columns:
        return take(self.rows, (self.rows["at"] >= since) & (self.rows["at"] < until) & (self.rows["known"] < until))

    def features(self, plan: Plan, features: Iterable[Any], rows: Columns) -> dict[str, Array]:
        return backfill(plan, features, rows, self.events)

    def until(self, instant: int) -> Diary:
        """Return what was written down before an instant, and nothing else."""
        streams = {name: take(rows, rows["known"] < instant) for name, rows in self.streams.items()}
        return Diary(streams, take(self.rows, self.rows["known"] < instant), instant)

    def gather(self, name: str, since: int = START, until: int | None = None) -> Material:
        """Return a model's material."""
        return gather(model(name), kiosk().system.request, kiosk().system.candidate, self, since, until or self.end)


def diary(visits: int = 400, seed: int = 0, shown: int = 3, pull: float = 2.0, place: float = 1.0, is_worst_first: bool = False) -> Diary:
    """Draw the diary of a day or so.

    Args:
        visits: How many readers came by, one after another.
        seed: Of all that is drawn.
        shown: How many papers were laid out for each.
        pull: How much a paper's quality draws readers, in log-odds per unit.
        place: How much each place further down puts them off, in log-odds.
        is_worst_first: Whether the papers of a visit were laid out by quality, the worst in the best place.
    """
    g = np.random.default_rng(seed)
    at = START + HOUR + np.cumsum(g.integers(1, 5 * MINUTE, visits))
    reader = objects(f"r{n}" for n in g.integers(0, READERS, visits))
    quality = g.normal(size=PAPERS)
    chosen = np.array([g.permutation(PAPERS)[:shown] for _ in range(visits)]).reshape(visits, shown)
    if is_worst_first:
        chosen = np.take_along_axis(chosen, np.argsort(quality[chosen], axis=1), axis=1)
    rank = np.tile(np.arange(shown), visits)
    request = np.repeat(np.arange(visits), shown)
    paper = chosen.ravel()
    wanted = g.random(visits * shown) < 1 / (1 + np.exp(-(pull * quality[paper] - place * rank)))
    streams = {**_things(quality), "Visit": _visits(at, reader), "Read": _reads(g, at[request], reader[request], paper, wanted)}
    streams["Verdict"] = _verdicts(g, at, chosen, quality)
    rows = {
        "id": streams["Visit"]["id"][request],
        "at": at[request],
        "known": at[request] + 2,
        "watermark": at[request],
        "reader": reader[request],
        "candidate": objects(f"p{n}" for n in paper),
        "rank": rank,
        "propensity": np.full(len(rank), 0.5),
        "score": np.zeros(len(rank)),
        "arm_share": np.ones(len(rank)),
        **{name: objects([value] * len(rank)) for name, value in {"policy": "plain", "arm": "", "action": "shown"}.items()},
    }
    end = max(int(columns["known"].max()) for columns in streams.values() if size(columns)) + 1
    return Diary(streams, rows, end)


def _numbered(columns: dict[str, Array], known: Array) -> Columns:
    """Return the columns of a stream in the order they became known."""
    order = np.argsort(known, kind="stable")
    return {**take(columns, order), "known": known[order], "position": np.arange(len(known))}


def _things(quality: Array) -> dict[str, Columns]:
    papers = {
        "id": objects(f"p{n}" for n in range(PAPERS)),
        "at": START + np.arange(PAPERS),
        "topic": objects(f"t{n % 4}" for n in range(PAPERS)),
        "quality": quality,
        "printed_at": START - np.arange(PAPERS) * HOUR,
    }
    readers = {
        "id": objects(f"r{n}" for n in range(READERS)),
        "at": START + np.arange(READERS),
        "town": objects(f"w{n % 3}" for n in range(READERS)),
    }
    return {"Paper": _numbered(papers, papers["at"]), "Reader": _numbered(readers, readers["at"])}


def _visits(at: Array, reader: Array) -> Columns:
    return _numbered({"id": objects(f"v{n:05d}" for n in range(len(at))), "at": at, "reader": reader}, at + 1)


def _reads(g: np.random.Generator, at: Array, reader: Array, paper: Array, wanted: Array) -> Columns:
    """Return what was read of what was wanted; some of it after its time, and word of some of it late."""
    n = len(at)
    when = at + g.integers(SECOND, 13 * MINUTE, n)
    known = when + np.where(g.random(n) < 0.1, g.integers(0, 2 * HOUR, n), g.integers(1, SECOND, n))
    read = {"id": objects(f"e{n}" for n in range(n)), "at": when, "reader": reader, "paper": objects(f"p{n}" for n in paper)}
    return take(_numbered({**read, "minutes": g.exponential(5.0, n), "wanted": wanted}, known), _wanted(known, wanted))


def _wanted(known: Array, wanted: Array) -> Array:
    return wanted[np.argsort(known, kind="stable")]


def _verdicts(g: np.random.Generator, at: Array, chosen: Array, quality: Array) -> Columns:
    picked = np.flatnonzero(g.random(len(at)) < 0.4)
    paper = chosen[picked, 0] if chosen.size else picked
    when = at[picked] + g.integers(MINUTE, HOUR, len(picked))
    said = {
        "id": objects(f"j{n}" for n in picked),
        "at": when,
        "visit": objects(f"v{n:05d}" for n in picked),
        "paper": objects(f"p{n}" for n in paper),
        "good": g.random(len(picked)) < 1 / (1 + np.exp(-2 * quality[paper])),
    }
    return _numbered(said, when + 1)


def write(told: Diary, folder: Path) -> None:
    """Write a diary into a log on disk."""
    with Log.open(folder, kiosk().streams.values()) as log:
        for name, stream in kiosk().streams.items():
            columns = {field: column for field, column in told.streams[name].items() if field not in ("position", "wanted")}
            log.load(stream, columns)
        log.append(list(_decisions(told.rows)), known=told.end)


def _decisions(rows: Columns) -> Any:
    for first in np.flatnonzero(rows["rank"] == 0).tolist():
        mine = take(rows, rows["id"] == rows["id"][first])
        n = size(mine)
        yield Decision(
            id=mine["id"][0],
            at=int(mine["at"][0]),
            system="kiosk",
            watermark=int(mine["watermark"][0]),
            policy="plain",
            action="shown",
            taken=n,
            candidate=mine["candidate"].tolist(),
            source=["fresh"] * n,
            score=[0.0] * n,
            propensity=[0.5] * n,
        )


def read(folder: Path) -> tuple[Log, LogHistory]:
    """Open a log that was written."""
    log = Log.open(folder, kiosk().streams.values())
    return log, LogHistory(log, kiosk())
