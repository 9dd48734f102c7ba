"""A source published hours late: imported with its lag, history says what serving saw; without it, it says what nobody could know."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.errors import DeclarationError
from millrace.evaluation.metrics import metric
from millrace.features.declare import count
from millrace.features.offline import backfill
from millrace.features.online import OnlineView
from millrace.features.parity import compare
from millrace.features.plan import plan
from millrace.log.importing import import_file
from millrace.log.log import Log
from millrace.operate.lateness import known_too_early
from millrace.schema import Entity, Event, Ref, Request, lag
from millrace.types import DAY, HOUR, MINUTE, Columns, moment, objects
from tests.log.world import NOON


class Device(Entity):
    kind: str


class Payment(Request):
    device: Ref[Device]


class Ring(Event, lag="6h"):
    """A device was seen in a ring of fraud: found in the night, published in the morning."""

    device: Ref[Device]


def without_lag() -> Any:
    """Return the same class, as one who forgot its lag would declare it."""
    return type(Event)("Ring", (Event,), {"__annotations__": {"device": Ref[Device]}, "__module__": __name__})


DEVICES = 30
PAID = np.sort(NOON + np.random.default_rng(1).integers(0, 2 * DAY, 400))
BY = np.random.default_rng(2).integers(0, DEVICES, len(PAID))
FRAUD = BY < 10
FOUND = PAID[FRAUD] - MINUTE  # each fraud leaves a trace a minute before the payment


def rows() -> Columns:
    return {
        "id": objects(f"p{i}" for i in range(len(PAID))),
        "at": PAID,
        "watermark": PAID,
        "device": objects(f"d{device}" for device in BY),
    }


def seen_live(tmp_path, stream: Any) -> dict[str, np.ndarray]:
    """Return what serving saw: each ring arrives six hours after it happened."""
    feature = count(stream, per=Device, over="1d")
    rings = [(int(at) + 6 * HOUR, stream(at=moment(int(at)), id=f"r{i}", device=f"d{BY[FRAUD][i]}")) for i, at in enumerate(FOUND)]
    view, parts, last = OnlineView(plan(Payment, None, [feature])), [], None
    with Log.open(tmp_path / "live", [Payment, stream]) as log:
        for known, ring in sorted(rings, key=lambda pair: pair[0]):
            log.append([ring], known=known if last is None else max(known, last + 1))
            last = log.last_known
        seen = log.read(stream)
    done = 0
    for i, watermark in enumerate(PAID.tolist()):
        new = int(np.searchsorted(seen["known"], watermark))
        view.apply({stream.__name__: {name: column[done:new] for name, column in seen.items()}})
        done = new
        asked = {name: column[[i]] for name, column in rows().items() if name != "watermark"}
        parts.append(
            view.lookup([feature], Decisions(asked, {"request": np.zeros(1, dtype=np.int64), "candidate": objects([None])}), watermark)
        )
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}


def seen_in_history(tmp_path, stream: Any) -> dict[str, np.ndarray]:
    """Return what training computes when the rings are imported as a table of what happened."""
    feature = count(stream, per=Device, over="1d")
    file = tmp_path / "rings.csv"
    lines = [f"r{i},{moment(int(at)).isoformat()},d{BY[FRAUD][i]}" for i, at in enumerate(FOUND)]
    file.write_text("\n".join(["id,at,device", *lines]))
    with Log.open(tmp_path / f"history {lag(stream)}", [Payment, stream]) as log:
        assert import_file(log, stream, file, now=NOON + 9 * DAY).added == len(FOUND)
        return backfill(plan(Payment, None, [feature]), [feature], rows(), lambda of, until: log.read(of, known_until=until))


def auc(found: dict[str, np.ndarray]) -> float:
    [score] = found.values()
    return metric("auc").of({"score": score.astype(float), "label": FRAUD.astype(float), "group": np.arange(len(FRAUD))})


def test_with_its_lag_imported_history_is_what_serving_saw(tmp_path):
    assert compare(rows()["id"], seen_live(tmp_path, Ring), seen_in_history(tmp_path, Ring)) == []


def test_without_its_lag_imported_history_leaks_and_looks_too_good(tmp_path):
    forgotten = without_lag()
    live, leaked = seen_live(tmp_path, forgotten), seen_in_history(tmp_path, forgotten)
    assert len(compare(rows()["id"], live, leaked)) > 100
    assert auc(leaked) > 0.999
    assert auc(live) < 0.99


def test_nothing_is_known_after_the_import_that_brought_it(tmp_path):
    file = tmp_path / "rings.csv"
    file.write_text(f"id,at,device\nr,{moment(NOON).isoformat()},d1\n")
    with Log.open(tmp_path / "log", [Ring]) as log:
        import_file(log, Ring, file, now=NOON + HOUR)
        assert log.read(Ring)["known"].tolist() == [NOON + HOUR]


def test_columns_loaded_without_known_are_known_as_late(tmp_path):
    with Log.open(tmp_path / "log", [Ring]) as log:
        log.load(Ring, {"id": objects(["r"]), "at": np.array([NOON]), "device": objects(["d1"])})
        assert log.read(Ring)["known"].tolist() == [NOON + 6 * HOUR]


def test_a_request_has_no_lag():
    with pytest.raises(DeclarationError, match="a request is known when it is asked"):
        type(Event)("Ask", (Request,), {"__annotations__": {}, "__module__": __name__}, lag="6h")


def test_history_imported_before_the_lag_was_declared_is_found(tmp_path):
    @dataclass
    class Streams:
        streams: dict

    forgotten = without_lag()
    with Log.open(tmp_path / "log", [forgotten, Device]) as log:
        log.load(forgotten, {"id": objects(["r", "s"]), "at": np.array([NOON, NOON + 1]), "device": objects(["d1", "d2"])})
        log.load(Device, {"id": objects(["d1"]), "at": np.array([NOON]), "kind": objects(["phone"])})
    with Log.open(tmp_path / "log", [Ring, Device]) as log:
        log.append([Ring(at=moment(NOON + 2), device="d3")], known=NOON + HOUR)
        assert known_too_early(Streams({"Ring": Ring, "Device": Device}), log) == {"Ring": 2}
