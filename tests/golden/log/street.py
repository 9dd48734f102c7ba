"""A street of shops whose log is kept as it was written: the classes as they are now, and how the log of a version is made.

    python -m tests.golden.log.street tests/golden/log/0.1.0.tar.gz

is run once for a version, before it is released, and its archive is never made again.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from millrace.decision import Decision
from millrace.features.declare import count, last, mean, total
from millrace.log.log import Log
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import DAY, HOUR, moment

START = 1_767_225_600_000_000
"""The first of January 2026, microseconds since 1970 UTC."""


class Shop(Entity):
    kind: str
    opened: datetime | None = None


class Sale(Event):
    shop: Ref[Shop]
    euros: float
    pieces: int = 1
    is_gift: bool | None = None
    note: str | None = None
    till: str = "front"  # declared later than the others: the first sales have no such field


class Visit(Request):
    shop: Ref[Shop]


FEATURES: list[Any] = [
    count(Sale, per=Shop, over="1d"),
    total(Sale.euros, per=Shop, over="7d"),
    total(Sale.pieces, per=Shop.kind, over="ever"),
    mean(Sale.euros, per=Shop, over="2d", where=Sale.till == "back"),
    last(Sale.note, per=Shop),
]


def _first_sale() -> Any:
    """Return the class `Sale` as it was before it had a till."""
    hints = {"shop": Ref[Shop], "euros": float, "pieces": int, "is_gift": bool | None, "note": str | None}
    return type(Event)("Sale", (Event,), {"__annotations__": hints, "__module__": __name__, "pieces": 1, "is_gift": None, "note": None})


def make(folder: Path) -> None:
    """Write the street's log: four days, in the lake and in the inbox, an update of a shop, a decision, a field that came later."""
    first = _first_sale()
    with Log.open(folder, [Shop, first, Visit]) as log:
        log.append([Shop(id="north", kind="bread", opened=moment(START)), Shop(id="south", kind="books")], START, at=[START, START])
        log.append([_sale(first, n, "north", 1.5, pieces=2) for n in range(4)], START + DAY)
        log.compact()
    with Log.open(folder, [Shop, Sale, Visit]) as log:
        later = [_sale(Sale, 4, "north", 2.0, till="back", note="warm"), _sale(Sale, 5, "south", 10.25, is_gift=True, till="back")]
        log.append(later, START + 2 * DAY)
        log.compact()
        log.append([Shop(id="south", kind="bread")], START + 2 * DAY + HOUR)
        asked = Visit(id="v1", at=moment(START + 3 * DAY), shop="south")
        made = Decision(id="v1", at=START + 3 * DAY, system="street", watermark=START + 3 * DAY, candidate=["south"], taken=1)
        log.append([asked, made, _sale(Sale, 6, "south", 4.75, pieces=3, till="back", note="Grüße")], START + 3 * DAY)


def _sale(of: Any, number: int, shop: str, euros: float, **more: Any) -> Any:
    return of(id=f"s{number}", at=moment(START + number * 6 * HOUR), shop=shop, euros=euros, **more)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "log")
        (Path(folder) / "log" / "writer.lock").unlink()
        with tarfile.open(sys.argv[1], "w:gz") as archive:
            archive.add(Path(folder) / "log", "log")


if __name__ == "__main__":
    main()
