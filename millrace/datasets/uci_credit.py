"""Default of Credit Card Clients: 30 000 card holders in Taiwan, 2005, their six months before and whether they then defaulted."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO

import numpy as np

from millrace.datasets.dataset import DataSet, Raw, Remote
from millrace.datasets.shares import shares
from millrace.datasets.table import Column, Table
from millrace.datasets.trial import Scoring, Trial
from millrace.log.kinds import Integer
from millrace.types import DAY, Array, Columns, instant, objects, take

_START = instant(datetime(2005, 10, 1, tzinfo=UTC))
_MONTHS = 200 * DAY
"""The applications that are learned from are spread over this time, in the order of their digests."""
_DEFAULTS_AFTER = 30 * DAY
_CLOSED = 61 * DAY
_HELD = 0.2

_SEX = {1: "male", 2: "female"}
_EDUCATION = {1: "graduate school", 2: "university", 3: "high school", 4: "other"}
_MARRIAGE = {1: "married", 2: "single", 3: "other"}
_LATE = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")


def _unpack(files: Sequence[bytes]) -> Raw:
    header, *lines = csv.reader(StringIO(files[0].decode()))
    columns = dict(zip(header, map(list, zip(*lines, strict=True)), strict=True))
    columns["default"] = columns.pop("default payment", [])
    return {"clients": columns}


def _cleaned(clients: Table) -> Table:
    clients = clients.without("the limit is not above 0", clients.rows["LIMIT_BAL"] <= 0)
    clients = clients.without("under age", clients.rows["AGE"] < 18)
    return clients.without("default is neither 0 nor 1", ~np.isin(clients.rows["default"], (0, 1)))


def _trial(tables: Mapping[str, Table]) -> Trial:
    """Hold-out: a fifth of the clients, drawn by digest, apply after all others and are scored."""
    tables = {**tables, "clients": _cleaned(tables["clients"])}
    clients = tables["clients"].rows
    ids = objects(f"client-{row}" for row in tables["clients"].number.tolist())
    drawn = shares(ids.tolist(), "hold-out")
    held = drawn < _HELD
    # Learned from are those drawn above the share held out: their digests are spread evenly over what is left.
    at = _START + ((drawn - _HELD) / (1 - _HELD) * _MONTHS).astype(np.int64)
    end = _START + _MONTHS + _CLOSED
    applications = {"id": ids, "at": np.where(held, end, at), **_fields(clients)}
    order = np.argsort(at, kind="stable")
    history = order[~held[order]]
    defaulted = history[clients["default"][history] == 1]
    return Trial(
        protocol=f"Hold-out: {_HELD:.0%} of the clients, drawn by digest, are scored by what was learned from the others. The data has no "
        "times: the others applied in the order of their digests, were all approved, and defaulted a month later or not at all.",
        streams={
            "Application": {**take(applications, history), "action": np.full(len(history), "approve", dtype=object)},
            "Default": {"at": at[defaulted] + _DEFAULTS_AFTER, "application": ids[defaulted]},
        },
        decided={"Application": "action"},
        requests=take(applications, held),
        at=end,
        answers=Scoring(clients["default"][held].astype(np.float64), ("auc", "brier")),
        tables=tables,
    )


def _fields(clients: Columns) -> Columns:
    return {
        "limit": clients["LIMIT_BAL"],
        "education": _named(clients["EDUCATION"], _EDUCATION),
        "sex": _named(clients["SEX"], _SEX),
        "marriage": _named(clients["MARRIAGE"], _MARRIAGE),
        "age": clients["AGE"],
        **{f"late_{month}": clients[name] for month, name in enumerate(_LATE, 1)},
        **{f"bill_{month}": clients[f"BILL_AMT{month}"] for month in range(1, 7)},
        **{f"paid_{month}": clients[f"PAY_AMT{month}"] for month in range(1, 7)},
    }


def _named(codes: Array, names: Mapping[int, str]) -> Array:
    """Return codes as words; what the codebook does not explain is `unknown`."""
    return objects(names.get(code, "unknown") for code in codes.tolist())


def _columns() -> dict[str, Column]:
    months = ("September", "August", "July", "June", "May", "April")
    late = "at the end of {} 2005: months late, 0 for revolving credit, -1 paid duly, -2 nothing spent"
    return {
        "LIMIT_BAL": Column("credit given, in New Taiwan dollars", Integer()),
        "SEX": Column("1 male, 2 female", Integer()),
        "EDUCATION": Column("1 graduate school, 2 university, 3 high school, 4 other; 0, 5, 6 are not explained", Integer()),
        "MARRIAGE": Column("1 married, 2 single, 3 other; 0 is not explained", Integer()),
        "AGE": Column("in years", Integer()),
        **{name: Column(late.format(month), Integer()) for name, month in zip(_LATE, months, strict=True)},
        **{f"BILL_AMT{i}": Column(f"the bill of {month} 2005, in New Taiwan dollars", Integer()) for i, month in enumerate(months, 1)},
        **{f"PAY_AMT{i}": Column(f"paid in {month} 2005, in New Taiwan dollars", Integer()) for i, month in enumerate(months, 1)},
        "default": Column("1 if the payment of October 2005 was missed", Integer()),
    }


UCI_CREDIT = DataSet(
    name="uci_credit_default",
    title="Default of Credit Card Clients: payments of six months, and whether the next was missed",
    system="millrace.systems.credit",
    licence="CC BY 4.0",
    source="https://archive.ics.uci.edu/dataset/350/default+of+credit+card+clients",
    citation="Yeh, I. (2009). Default of Credit Card Clients. UCI Machine Learning Repository. https://doi.org/10.24432/C55S3H",
    tables={"clients": _columns()},
    remotes=(
        Remote(
            "https://raw.githubusercontent.com/tailequy/fairness_dataset/abb5a18b822ba56a221c5311082e192e85000b95/"
            "experiments/data/credit-card-clients.csv",
            2_500_000,
            3_500_000,
        ),
    ),
    unpack=_unpack,
    rows={"clients": 30_000},
    trial=_trial,
)
