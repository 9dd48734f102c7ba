"""What is no longer kept goes, and what is left says the same as before."""

from pathlib import Path

import numpy as np
import pytest

from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.operate.retention import cutoffs, tidy, whole_from
from millrace.operate.simulation import SimulatedTime
from millrace.operate.verify import verify
from millrace.serve.engine import Engine
from millrace.types import DAY, EVER, HOUR, MINUTE, moment, size
from tests.serve.running import ITEMS, PEOPLE, START, ask, everything, install, running, stock

NIGHT = START // DAY * DAY


@pytest.fixture(scope="module")
def kiosk():
    return load("tests.operate.kept")


def live(engine: Engine, time: SimulatedTime, days: int) -> None:
    """Let the kiosk be used and asked every half hour."""
    g = np.random.default_rng(days)
    for turn in range(48 * days):
        time.now += 30 * MINUTE
        use = engine.loaded.streams["Use"]
        engine.ingest(
            [
                use(
                    id=f"u{turn}-{n}",
                    at=moment(time.now - int(g.integers(0, 3 * HOUR))),
                    person=str(g.choice(PEOPLE)),
                    item=str(g.choice(ITEMS)),
                    seconds=float(g.integers(1, 9)),
                )
                for n in range(3)
            ]
        )
        if turn % 4 == 0:
            engine.decide([ask(engine, f"a{turn}", str(g.choice(PEOPLE)))])


@pytest.fixture
def lived(tmp_path: Path, kiosk):
    """A home whose kiosk has lived for nine days."""
    time = SimulatedTime(START)
    with running(tmp_path, now=time, of=kiosk) as engine:
        engine.ingest(stock(engine))
        install(engine)
        live(engine, time, 9)
        yield engine, time


def test_features_are_the_same_after_old_events_are_dropped(tmp_path, kiosk, lived):
    engine, _ = lived
    now = engine.clock.now()
    before = everything(engine, engine.clock.watermark())
    position, counts = engine.home.log.position, engine.home.log.counts()
    _, dropped = tidy(engine.loaded, engine.home.log, now)
    assert set(dropped) == {"Use", "Ask", "decision"}
    assert dropped["Ask"] == dropped["decision"]
    assert engine.home.log.position == position
    assert engine.home.log.counts() == {name: counts[name] - dropped.get(name, 0) for name in counts}
    assert not (tmp_path / "snapshots").exists()  # so that a start makes its view of the log alone
    engine.view = engine._rebuilt()
    after = everything(engine, engine.clock.watermark())
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_decisions_that_can_still_be_told_are_proven_and_the_others_are_left_out(kiosk, lived):
    engine, _ = lived
    log = engine.home.log
    tidy(kiosk, log, engine.clock.now())
    history = LogHistory(log, kiosk)
    proof = verify(kiosk, history, EVER, -EVER)
    assert proof.mismatches == ()
    assert 12 < proof.decisions < sum(1 for _ in log.decisions())
    first = whole_from(kiosk, log.retained())
    rows = history.decided(EVER, -EVER)
    assert rows["at"].min() >= first
    assert size(history.events(kiosk.streams["Ask"], -EVER)) == log.counts()["decision"]


def test_what_is_kept_moves_a_day_at_a_time(kiosk):
    first = cutoffs(kiosk, NIGHT)
    assert first == {"Use": NIGHT - 3 * DAY, "Ask": NIGHT - 6 * DAY, "decision": NIGHT - 6 * DAY}
    assert cutoffs(kiosk, NIGHT + DAY - 1) == first
    assert cutoffs(kiosk, NIGHT + DAY)["Use"] == NIGHT - 2 * DAY


def test_tidying_twice_drops_nothing_more(kiosk, lived):
    engine, _ = lived
    tidy(kiosk, engine.home.log, engine.clock.now())
    files = sorted(path.name for path in engine.home.log.store.lake.rglob("*.parquet"))
    assert tidy(kiosk, engine.home.log, engine.clock.now())[1] == {}
    assert sorted(path.name for path in engine.home.log.store.lake.rglob("*.parquet")) == files


def test_system_that_keeps_all_has_no_first_decision_that_counts(kiosk):
    assert whole_from(kiosk, {}) == EVER
    assert cutoffs(load("tests.serve.busy"), START) == {}
