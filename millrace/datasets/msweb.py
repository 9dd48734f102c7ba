"""Anonymous Microsoft Web Data: which areas of www.microsoft.com 37 711 visitors went to in a week of February 1998."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO

import numpy as np

from millrace.datasets.dataset import DataSet, Raw, Remote
from millrace.datasets.shares import places, shares
from millrace.datasets.table import Column, Table
from millrace.datasets.trial import Ranking, Trial
from millrace.types import DAY, MINUTE, Array, instant, objects, size, take

_FOLDER = (
    "https://raw.githubusercontent.com/mhahsler/recommenderlab/c737fca94bc58652e750b03a3737ac7d9952f71b/Work/data/MSWeb/anonymous-msweb"
)
_START = instant(datetime(1998, 2, 2, tzinfo=UTC))
_KNOWN = 6 * DAY
"""Visitors of the first part come within this, the others on the day after."""

_VISIT = {"user_id": Column("a visitor", key=True), "item_id": Column("an area of the site that the visitor went to", key=True)}
_PLACES = 10


def _unpack(files: Sequence[bytes]) -> Raw:
    """Read the lines of the two files: A is an area, C the visitor whose V lines, the areas visited, follow."""
    items: dict[str, list[str]] = {"item_id": [], "title": [], "url": []}
    tables: dict[str, Mapping[str, list[str]]] = {"items": items}
    for name, file in zip(("train_visits", "test_visits"), files, strict=True):
        visits: dict[str, list[str]] = {"user_id": [], "item_id": []}
        visitor = ""
        for line in csv.reader(StringIO(file.decode("latin-1"))):
            if line[0] == "A" and name == "train_visits":
                for column, cell in zip(items.values(), (line[1], line[3], line[4]), strict=True):
                    column.append(cell)
            elif line[0] == "C":
                visitor = line[2]
            elif line[0] == "V":
                visits["user_id"].append(visitor)
                visits["item_id"].append(line[1])
        tables[name] = visits
    return tables


def _trial(tables: Mapping[str, Table]) -> Trial:
    """All but one: of every visitor of the test part with two visits or more, one is kept back and asked for.

    The data has no times. Each visitor is given a moment by the digest of the name, those of the test part a day that comes after all
    others; the pages of one visitor follow each other by the minute in the order of their digests, so no order says what is popular.
    """
    tables = {name: _once(table) if name != "items" else table for name, table in tables.items()}
    parts = [(part, tables[f"{part}_visits"].rows) for part in ("train", "test")]
    visitor = objects(f"{part}-{one}" for part, rows in parts for one in rows["user_id"].tolist())
    page = np.concatenate([rows["item_id"] for _, rows in parts])
    is_test = np.repeat([False, True], [size(rows) for _, rows in parts])
    names, number = np.unique(visitor.astype(str), return_inverse=True)
    comes = shares(names, "comes")[number]
    begins = _START + np.where(is_test, _KNOWN + comes * DAY, comes * _KNOWN).astype(np.int64)
    place = places(number, shares(map("/".join, zip(visitor.tolist(), page.tolist(), strict=True)), "order"))
    visits = {"at": begins + place * MINUTE, "visitor": visitor, "page": page}
    held = is_test & (place > 0) & (place == np.bincount(number)[number] - 1)
    asked = take(visits, held)
    end = _START + _KNOWN + 2 * DAY
    n = size(asked)
    pages = tables["items"].rows
    return Trial(
        protocol="All but one: of each visitor of the test part with two visits or more, one visit, drawn by digest, is kept back; the "
        "system has seen the others. The data has no times: a visitor's moment and the order of the pages are digests of the names.",
        streams={
            "Page": {"id": pages["item_id"], "at": np.full(size(pages), _START), "title": pages["title"], "url": pages["url"]},
            "Visit": take(visits, ~held),
        },
        decided={},
        requests={
            "id": objects(f"look-{one}" for one in asked["visitor"].tolist()),
            "at": np.full(n, end),
            "visitor": asked["visitor"],
            "limit": np.full(n, _PLACES),
        },
        at=end,
        answers=Ranking("visitor", "Visit", "page", {"request": np.arange(n), "candidate": asked["page"]}, _PLACES, f"hit@{_PLACES}"),
        tables=tables,
    )


def _once(table: Table) -> Table:
    pairs: Array = objects(zip(table.rows["user_id"].tolist(), table.rows["item_id"].tolist(), strict=True))
    first = dict(zip(reversed(pairs.tolist()), range(len(pairs) - 1, -1, -1), strict=True))
    again = np.ones(len(pairs), dtype=bool)
    again[list(first.values())] = False
    return table.without("the visitor's visit to that area is there already", again)


MSWEB = DataSet(
    name="msweb",
    title="Anonymous Microsoft Web Data: areas of a site visited, one week of 1998",
    system="millrace.systems.pages",
    licence="CC BY 4.0",
    source="https://archive.ics.uci.edu/dataset/4/anonymous+microsoft+web+data",
    citation="Breese, J., Heckerman, D. & Kadie, C. (1998). Anonymous Microsoft Web Data. UCI Machine Learning Repository. "
    "https://doi.org/10.24432/C5VS3Q",
    tables={
        "items": {
            "item_id": Column("an area of the site", key=True),
            "title": Column("what it is called"),
            "url": Column("its path on www.microsoft.com"),
        },
        "train_visits": _VISIT,
        "test_visits": _VISIT,
    },
    remotes=(Remote(f"{_FOLDER}.data", 1_000_000, 3_000_000), Remote(f"{_FOLDER}.test", 150_000, 1_000_000)),
    unpack=_unpack,
    rows={"items": 294, "train_visits": 98_654, "test_visits": 15_191},
    trial=_trial,
)
