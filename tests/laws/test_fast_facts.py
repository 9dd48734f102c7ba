"""The facts of the online view are those of the events themselves: for whole systems in their worlds, at many instants."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.features.parity import compare
from millrace.serve.engine import Engine
from millrace.serve.facts import LiveFacts
from millrace.testing.policies import assert_same
from millrace.testing.slow import SlowView
from millrace.types import DAY, HOUR, Columns, objects, size, take
from tests.laws.lives import Life, begun, feed, fraud, thumbnails


def facts(engine: Engine, life: Life, view: Any, watermark: int) -> LiveFacts:
    return LiveFacts(view, watermark, engine.loaded.names, life.installed, life.versions.__getitem__)


def every_candidate(engine: Engine, asked: Columns, decided: Decisions) -> Decisions:
    """Return requests with every candidate that is known; where the request is its one candidate, the rows decided on."""
    if engine.loaded.system.candidate is None:
        return decided
    known = engine.view.known_ids(engine.loaded.system.candidate)
    n = size(asked)
    return Decisions(asked, {"request": np.repeat(np.arange(n), len(known)), "candidate": np.tile(known, n)})


def everything(known: LiveFacts, engine: Engine, d: Decisions) -> Columns:
    """Return every feature of the system on the rows of decisions."""
    return known.lookup(list(engine.loaded.plan.features.values()), d)


@pytest.mark.parametrize("make", [feed, fraud, thumbnails])
def test_decisions_and_features_from_the_view_are_those_from_the_events(make: Any, tmp_path: Path) -> None:
    life = make()
    seen = []
    with begun(life, tmp_path) as (engine, live):
        loaded = engine.loaded
        for look in range(1, life.looks + 1):
            now = live(look * life.every)
            asked = take(life.world.requests(now - 2 * HOUR, now + DAY), slice(0, 20))
            asked["id"] = objects(f"again {one}" for one in asked["id"])
            watermark = engine.clock.watermark()
            engine.view.advance(watermark)
            known = facts(engine, life, engine.view, watermark)
            decided = loaded.system.policy.decide(asked, known)
            assert known.missed == []
            rows = every_candidate(engine, asked, decided)
            seen.append((watermark, asked, decided, rows, everything(known, engine, rows)))
        events = {stream.__name__: engine.home.log.read(stream) for stream in loaded.plan.streams}
    slow = SlowView(loaded.plan, events)
    told = set()
    for watermark, asked, decided, rows, values in seen:
        slow.advance(watermark)
        known = facts(engine, life, slow, watermark)
        assert_same(decided, loaded.system.policy.decide(asked, known))
        ids = objects(str(row) for row in range(size(rows.rows)))
        assert compare(ids, values, everything(known, engine, rows)) == []
        told |= {column for column, found in values.items() if _says_something(found)}
    assert told == set(loaded.plan.features), "a feature that never moves is proven nothing about"


def _says_something(values: Any) -> bool:
    return len({value for value in values.tolist() if value is not None and value == value}) > 1 if len(values) else False


def test_sources_of_the_view_are_those_of_the_events(tmp_path: Path) -> None:
    """Every index, `having` among them, which no reference system asks; at instants with and without changes in between."""
    life = feed()
    with begun(life, tmp_path) as (engine, live):
        live(8 * HOUR)
        loaded, view = engine.loaded, engine.view
        events = {stream.__name__: engine.home.log.read(stream) for stream in loaded.plan.streams}
        slow = SlowView(loaded.plan, events)
        video = loaded.streams["Video"]
        counts = [read.aggregate for read in loaded.plan.reads.values() if read.aggregate.op == "count" and len(read.routes) == 1]
        for later in (0, HOUR, 5 * HOUR, DAY):
            watermark = engine.clock.watermark() + later
            view.advance(watermark)
            slow.advance(watermark)
            for most in (1, 7, 10_000):
                newest = slow.newest(video.uploaded_at, most, watermark)
                assert view.newest(video.uploaded_at, most, watermark).tolist() == newest.tolist()
                for count in (one for one in counts if not one.stream.__name__.startswith("Shown")):
                    fast, expected = view.top(count, most, watermark), slow.top(count, most, watermark)
                    assert [part.tolist() for part in fast] == [part.tolist() for part in expected]
            values = objects(["nothing", *np.unique(events["Video"]["topic"].astype(str))[:2], "c1"])
            for field in (video.topic, video.creator):
                fast, expected = view.having(field, values), slow.having(field, values)
                assert [part.tolist() for part in fast] == [part.tolist() for part in expected]
