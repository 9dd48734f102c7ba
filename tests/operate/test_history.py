"""The log as training reads it: read bit by bit it is what is read at once, and text stays text where none is known."""

from pathlib import Path

import numpy as np
import pytest

from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.types import EVER, HOUR, MINUTE, Columns
from tests.operate.stall import SLICE, START, Glance, Good, Take, living, stall
from tests.serve.running import Hurrying, ask, install, running, stock


def assert_same(one: Columns, other: Columns) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_history_read_slice_by_slice_is_the_history_read_at_once(tmp_path: Path) -> None:
    """Asked at instants that overlap, stand still and go back, before there is anything and after."""
    with living(tmp_path, stall()) as life:
        log, loaded = life.engine.home.log, life.engine.loaded
        grown = LogHistory(log, loaded)
        for hour in range(1, 5):
            grown.decided(EVER, life.time.now)
            life.until(hour)
            for until in (life.time.now, life.time.now - HOUR // 2, life.time.now + HOUR):
                grown.decided(EVER, until)
                grown.events(Take, until)
        end = life.time.now + HOUR
        assert_same(grown.decided(EVER, end), LogHistory(log, loaded).decided(EVER, end))
        for stream in (Take, Glance, Good):
            assert_same(grown.events(stream, end), LogHistory(log, loaded).events(stream, end))


def test_nothing_is_seen_that_was_not_known_or_asked_by_then(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(3)
        history = life.operator.history
        middle = START + HOUR
        rows, takes = history.decided(START + SLICE, middle), history.events(Take, middle)
        assert rows["at"].min() >= START + SLICE
        assert max(rows["at"].max(), rows["known"].max(), takes["known"].max()) < middle
        assert (np.diff(rows["at"]) >= 0).all()
        assert (rows["watermark"] <= rows["known"]).all()


def test_first_decision_is_found_and_there_may_be_none(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        assert life.operator.history.first_decided(START + HOUR) is None
        life.until(1)
        first = life.operator.history.first_decided(START + HOUR)
        assert first is not None
        assert START + 10 * MINUTE <= first < START + 20 * MINUTE
        assert life.operator.history.first_decided(first) is None


def test_text_that_is_missing_throughout_is_text_all_the_same(tmp_path: Path) -> None:
    """Read first while nobody is known, then when somebody is: one column, of text."""
    with running(tmp_path, now=Hurrying()) as engine:
        install(engine)
        engine.ingest(stock(engine)[4:])  # the items, nobody's city
        engine.decide([ask(engine, "unknown")])
        history = LogHistory(engine.home.log, engine.loaded)
        before = history.decided(EVER, engine.clock.now())
        assert before["served Person.city"].dtype == object
        assert set(before["served Person.city"]) == {None}
        engine.ingest(stock(engine)[:4])
        engine.decide([ask(engine, "known")])
        after = history.decided(EVER, engine.clock.now())
        assert after["served Person.city"].dtype == object
        assert set(after["served Person.city"]) == {None, "here"}
        assert after["served last(Use.seconds) per (Person) over ever"].dtype == np.float64


def test_features_computed_part_by_part_on_disk_are_those_computed_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millrace.operate.history._CHUNK", 37)
    with living(tmp_path, stall()) as life:
        life.until(3)
        log, loaded = life.engine.home.log, life.engine.loaded
        here, on_disk = LogHistory(log, loaded), LogHistory(log, loaded, at_once=0)
        rows = here.decided(EVER, life.time.now)
        wanted = list(loaded.plan.features.values())
        assert_same(on_disk.features(loaded.plan, wanted, rows), here.features(loaded.plan, wanted, rows))
        assert not list(tmp_path.rglob("backfill-*"))
        proof = verify(loaded, on_disk, EVER, life.time.now)
        assert proof.values > 0
        assert proof.mismatches == ()
