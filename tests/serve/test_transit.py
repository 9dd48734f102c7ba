"""Records on their way arrive as they were sent, and what is none is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from millrace.errors import BadInput, Conflict, MillraceError, Unavailable
from millrace.log.appending import Receipt
from millrace.log.streams import codec_of
from millrace.serve.engine import Engine
from millrace.serve.transit import Told, packed, unpacked
from millrace.types import moment, objects
from tests.serve.running import START, ask, running, stock


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with running(tmp_path) as one:
        one.ingest(stock(one))
        yield one


def test_records_arrive_as_they_were_sent(engine):
    streams = engine.home.log.store.streams
    asked = ask(engine, "q")
    (decided,) = engine.answer(codec_of(type(asked)).columns([asked]))
    sent = [asked, decided, *stock(engine), engine.loaded.streams["Use"](id="u", at=datetime(2026, 1, 1, tzinfo=UTC), person="p", item="i")]
    assert unpacked(packed(sent), streams) == sent
    infinite = engine.loaded.streams["Use"](id="u", at=moment(START), person="p", item="i", seconds=float("inf"))
    assert np.isinf(unpacked(packed([infinite]), streams)[0].seconds), "so that the log refuses it as it would have done at once"


@pytest.mark.parametrize("body", [b"", b"\x93", b"{}", b"\x91\x92\xa3Nix\x80", b"\x91\x92\xa3Use\x80"])
def test_what_is_no_record_is_refused(engine, body):
    with pytest.raises(BadInput, match="both sides must run the same system"):
        unpacked(body, engine.home.log.store.streams)


@pytest.mark.parametrize("error", [BadInput("no", "cents"), Conflict("used"), Unavailable("busy", 7.0), MillraceError("else")])
def test_refusal_is_told_as_it_was(error):
    told = Told.of(error).outcome()
    assert (type(told), str(told), vars(told)) == (type(error), str(error), vars(error))


def test_receipt_is_told_as_it_was():
    receipt = Receipt(objects(["a", "b"]), np.array([3, 4]), np.array([5, 6]), np.array([False, True]))
    told = Told.of(receipt).outcome()
    assert isinstance(told, Receipt)
    for name in ("ids", "positions", "known", "duplicates"):
        one, other = getattr(told, name), getattr(receipt, name)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
