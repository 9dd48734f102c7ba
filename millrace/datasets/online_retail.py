"""Online Retail II, first year: every invoice line of a British mail-order house for gifts, December 2009 to November 2010."""

from __future__ import annotations

import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np

from millrace.datasets.dataset import DataSet, Raw, Remote
from millrace.datasets.shares import places, shares
from millrace.datasets.table import Column, Table
from millrace.datasets.trial import Ranking, Trial
from millrace.datasets.workbook import instants, rows
from millrace.errors import BadInput
from millrace.log.kinds import Instant, Integer, Number
from millrace.types import MINUTE, Array, Columns, objects, take

_PRODUCT = re.compile(r"\d{5}[A-Z]{0,3}")
_LATE = 0.15
_SMALLEST = 4
"""A basket with fewer products cannot be halved to see something and to ask for something."""
_PLACES = 20

_WORKBOOK, _SHEET = "online_retail_II.xlsx", "Year 2009-2010"
_HEADER = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
_END = np.datetime64(datetime(2010, 12, 1), "us")


def _unpack(files: Sequence[bytes]) -> Raw:
    """Read the sheet of the first year; what a product is called is what most of its lines call it."""
    try:
        with zipfile.ZipFile(BytesIO(files[0])) as archive:
            lines = rows(archive.read(_WORKBOOK), _SHEET)
    except (zipfile.BadZipFile, KeyError) as error:
        raise BadInput(f"the archive does not hold {_WORKBOOK}: {error}") from None
    if next(lines, None) != _HEADER:
        raise BadInput(f"sheet {_SHEET!r} does not begin with {', '.join(_HEADER)}: it is another workbook")
    cells: list[list[Any]] = [[] for _ in _HEADER]
    for line in lines:
        for column, cell in zip(cells, [*line, *[None] * (len(_HEADER) - len(line))], strict=True):
            column.append(cell)
    invoice, code, described, quantity, when, price, customer, country = cells
    at = instants(np.array(when, dtype=np.float64))
    kept = np.flatnonzero(at < _END).tolist()
    taken = {"invoice": invoice, "stock_code": code, "quantity": quantity, "unit_price": price, "customer_id": customer, "country": country}
    columns: dict[str, Any] = {name: _plain([column[row] for row in kept], name) for name, column in taken.items()}
    columns["invoice_ts"] = _arrow(at[kept])
    return {"lines": columns, "products": _products(columns["stock_code"], [described[row] for row in kept], columns["unit_price"])}


def _plain(values: list[Any], name: str) -> list[Any]:
    """Return cells as one kind: a code that looks like a number stands in the workbook as one."""
    if name in ("quantity", "unit_price"):
        return values
    return [f"{value:.0f}" if isinstance(value, float) else value for value in values]


def _arrow(at: Array) -> Any:
    import pyarrow as pa

    return pa.array(at)


def _products(code: list[str], described: list[Any], price: list[Any]) -> dict[str, list[Any]]:
    names: dict[str, Counter[str]] = defaultdict(Counter)
    prices: dict[str, list[float]] = defaultdict(list)
    for one, name, cost in zip(code, described, price, strict=True):
        names[one][str(name or "").strip()] += 1
        prices[one].append(cost)
    known = sorted(names)
    return {
        "stock_code": known,
        "description": [names[one].most_common(1)[0][0] for one in known],
        "median_price": [float(np.median(prices[one])) for one in known],
    }


def _cleaned(lines: Table) -> Table:
    """Set aside what is not a product sold: cancellations, adjustments, postage, samples and write-offs."""
    invoice = lines.rows["invoice"]
    lines = lines.without("a cancellation", objects(one[:1].upper() == "C" for one in invoice.tolist()).astype(bool))
    lines = lines.without("an adjustment of accounts", ~objects(one.isdigit() for one in lines.rows["invoice"].tolist()).astype(bool))
    codes = objects(one.strip().upper() for one in lines.rows["stock_code"].tolist())
    lines = Table({**lines.rows, "stock_code": codes}, lines.number, lines.aside)
    lines = lines.without(
        "no product: postage, fees, vouchers, samples", ~objects(bool(_PRODUCT.fullmatch(one)) for one in codes.tolist()).astype(bool)
    )
    lines = lines.without("nothing was sold: the quantity is not above 0", lines.rows["quantity"] <= 0)
    return lines.without("nothing was paid: the price is not above 0", lines.rows["unit_price"] <= 0)


def _merged(lines: Table) -> dict[str, Array]:
    """Return a row per basket and product: lines of the same product in one basket are one."""
    pairs = objects(f"{one}/{code}" for one, code in zip(lines.rows["invoice"].tolist(), lines.rows["stock_code"].tolist(), strict=True))
    _, first, which = np.unique(pairs.astype(str), return_index=True, return_inverse=True)
    kept = np.sort(first)
    quantity = np.bincount(which, weights=lines.rows["quantity"]).astype(np.int64)[which[kept]]
    return {**take(lines.rows, kept), "quantity": quantity}


def _trial(tables: Mapping[str, Table]) -> Trial:
    """Half a basket: of every later basket of four products or more, one half is seen and the other asked for."""
    tables = {**tables, "lines": _cleaned(tables["lines"])}
    adds = _merged(tables["lines"])
    names, basket = np.unique(adds["invoice"].astype(str), return_inverse=True)
    begun = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(begun, basket, adds["invoice_ts"])
    late = np.zeros(len(names), dtype=bool)
    late[np.lexsort((names, begun))[int(len(names) * (1 - _LATE)) :]] = True
    products = np.bincount(basket)
    asked = np.flatnonzero(late & (products >= _SMALLEST))
    drawn = shares(map("/".join, zip(adds["invoice"].tolist(), adds["stock_code"].tolist(), strict=True)), "half")
    is_second_half = places(basket, drawn) >= products[basket] // 2
    held = np.isin(basket, asked) & is_second_half
    seen = ~late[basket] | (np.isin(basket, asked) & ~is_second_half)
    n, end = len(asked), int(adds["invoice_ts"].max()) + MINUTE
    return Trial(
        protocol=f"Half a basket: of the baskets of the last {_LATE:.0%} of the invoices, those of {_SMALLEST} products or more are halved "
        "by digest; one half is seen, the other asked for, all as of the end of the year. Smaller late baskets are left out.",
        streams={"Product": _described(tables["products"].rows, int(begun.min())), "Add": _events(take(adds, seen))},
        decided={},
        requests={
            "id": objects(f"complete-{one}" for one in names[asked].tolist()),
            "at": np.full(n, end),
            "basket": objects(names[asked].tolist()),
            "limit": np.full(n, _PLACES),
        },
        at=end,
        answers=Ranking(
            query="basket",
            taken="Add",
            candidate="product",
            held={"request": np.searchsorted(asked, basket[held]), "candidate": adds["stock_code"][held]},
            k=_PLACES,
            metric=f"recall@{_PLACES}",
        ),
        tables=tables,
    )


def _events(adds: Columns) -> Columns:
    return {
        "at": adds["invoice_ts"],
        "basket": adds["invoice"],
        "product": adds["stock_code"],
        "customer": adds["customer_id"],
        "country": adds["country"],
        "quantity": adds["quantity"],
        "price": adds["unit_price"],
    }


def _described(products: Columns, at: int) -> Columns:
    """Return the products that can be sold, each once: a code in small letters is the same product."""
    ids = objects(one.strip().upper() for one in products["stock_code"].tolist())
    _, first = np.unique(ids.astype(str), return_index=True)
    kept = np.array([row for row in np.sort(first).tolist() if _PRODUCT.fullmatch(str(ids[row]))], dtype=np.int64)
    text = products["description"][kept]
    return {
        "id": ids[kept],
        "at": np.full(len(kept), at),
        "description": objects((one or "").strip() for one in text.tolist()),
        "price": products["median_price"][kept],
    }


ONLINE_RETAIL = DataSet(
    name="online_retail_year1",
    title="Online Retail II: invoice lines of a gift shop, first of two years",
    system="millrace.systems.products",
    licence="CC BY 4.0",
    source="https://archive.ics.uci.edu/dataset/502/online+retail+ii",
    citation="Chen, D. (2012). Online Retail II. UCI Machine Learning Repository. https://doi.org/10.24432/C5CG6D",
    tables={
        "lines": {
            "invoice": Column("an invoice, the basket; C before the number: a cancellation", key=True),
            "stock_code": Column("a product; other codes are postage, fees and the like", key=True),
            "quantity": Column("how many, below 0 when they come back", Integer()),
            "invoice_ts": Column("when, British time", Instant()),
            "unit_price": Column("for one, in pounds", Number()),
            "customer_id": Column("who bought, where known", optional=True, key=True),
            "country": Column("where the customer lives"),
        },
        "products": {
            "stock_code": Column("a product", key=True),
            "description": Column("what most lines call it", optional=True),
            "median_price": Column("for one, in pounds", Number()),
        },
    },
    remotes=(
        Remote(
            "https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip",
            45_622_418,
            45_622_418,
            sha256="572e36277c2390fbfde10664750731e0a86f55e33470d91919085f0408e67bfb",
        ),
    ),
    unpack=_unpack,
    rows={"lines": 502_938},
    trial=_trial,
    zone="Europe/London",
)
