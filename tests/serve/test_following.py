"""Other views of the log of an engine, on the same machine: exact, up to what was acknowledged, whatever happens meanwhile."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from millrace.errors import Unavailable
from millrace.log.streams import codec_of
from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.following import FollowedView, Pulse
from millrace.serve.forgetting import whom
from millrace.serve.home import Home
from millrace.serve.replica import Replica
from millrace.types import EVER, moment
from tests.serve.running import ask, install, running, stock, told_again, use


@contextmanager
def led(folder: Path) -> Iterator[Engine]:
    """Run an engine that says how its log stands."""
    with running(folder, now=wall) as engine:
        engine.lead(lambda *_: Pulse(folder / "pulse", engine.reached, lambda: engine.home.log.last_known))
        yield engine


@contextmanager
def following(engine: Engine) -> Iterator[Replica]:
    """Follow an engine as another process would."""
    home = Home(engine.home.folder, engine.loaded, read_only=True)
    try:
        with closing(
            Replica(engine.loaded, home, FollowedView(engine.loaded, home, engine.home.folder / "pulse"), patient=True)
        ) as replica:
            yield replica
    finally:
        home.close()


def _columns(engine: Engine, *names: str):
    return codec_of(engine.loaded.system.request).columns([ask(engine, name, "p1") for name in names])


def _hand_over(engine: Engine, replica: Replica, name: str) -> int:
    asked = ask(engine, name, "p1" if name[-1] in "05" else f"visitor {name}")
    decided = replica.answer(codec_of(type(asked)).columns([asked]))
    engine.ingest([asked, *decided])
    return decided[0].watermark


def test_what_was_acknowledged_is_seen_by_the_next_decision_and_verify_proves_it(tmp_path: Path) -> None:
    g = np.random.default_rng(1)
    with led(tmp_path) as engine, following(engine) as one, following(engine) as other:
        engine.ingest(stock(engine))
        install(engine)
        for replica in (one, other):
            assert replica.reload()
        for turn in range(40):
            known = engine.ingest([use(engine, g, f"u{turn}"), *([told_again(engine, g)] if turn % 3 == 0 else [])]).known
            watermark = _hand_over(engine, (one, other)[turn % 2], f"a{turn}")
            assert watermark > int(known.max()), "an acknowledged event is before the watermark"
        assert not one.failures + other.failures
        found = verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now())
        assert found.mismatches == ()
        assert found.decisions > 30, "those that took nothing have nothing to prove"


def test_it_answers_what_the_view_of_the_engine_answers(tmp_path: Path) -> None:
    g = np.random.default_rng(2)
    with led(tmp_path) as engine, following(engine) as replica:
        engine.ingest([*stock(engine), *(use(engine, g, f"u{n}") for n in range(50))])
        used = engine.loaded.plan.reads["count(Use) per (Item) over ever"].aggregate
        for turn in range(20):
            engine.ingest([use(engine, g, f"v{turn}")])
            with closing(replica.view.cut()) as cut:
                ids, values = cut.top(used, 10, cut.watermark)
            expected = engine.view.top(used, 10, engine.clock.watermark())
            assert dict(zip(ids.tolist(), values.tolist(), strict=True)) == dict(zip(*(one.tolist() for one in expected), strict=True))


def test_windows_lose_their_tails_while_nothing_is_logged(tmp_path: Path) -> None:
    with led(tmp_path) as engine, following(engine) as replica:
        engine.ingest(stock(engine))
        before = replica.answer(_columns(engine, "before"))[0].watermark
        while replica.answer(_columns(engine, "after"))[0].watermark < before + 100_000:
            pass  # the engine's beat, not a record, moves it on


def test_snapshot_and_compaction_on_the_way_change_nothing(tmp_path: Path) -> None:
    g = np.random.default_rng(3)
    with led(tmp_path) as engine:
        engine.ingest(stock(engine))
        with following(engine) as replica:
            for turn in range(12):
                engine.ingest([use(engine, g, f"u{turn}-{n}") for n in range(5)])
                if turn % 4 == 1:
                    engine.snapshot()
                if turn % 4 == 2:
                    engine.home.log.compact(slice_rows=7)
                _hand_over(engine, replica, f"a{turn}")
                with following(engine) as late:
                    _hand_over(engine, late, f"b{turn}")
        found = verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now())
        assert found.mismatches == ()
        assert found.decisions > 15, "those that took nothing have nothing to prove"


def test_who_was_forgotten_is_in_no_view(tmp_path: Path) -> None:
    with led(tmp_path) as engine, following(engine) as replica:
        engine.ingest(stock(engine))
        event = engine.loaded.streams["Use"]
        engine.ingest([event(id="u", at=moment(engine.clock.now()), person="p0", item="i1")])
        used = engine.loaded.plan.reads["count(Use) per (Item) over ever"].aggregate
        with closing(replica.view.cut()) as cut:
            assert cut.top(used, 9, cut.watermark)[0].tolist() == ["i1"]
        engine.forget(whom(engine.loaded, "Person:p0"))
        with closing(replica.view.cut()) as cut:
            assert engine.view.top(used, 9, engine.clock.watermark())[0].tolist() == cut.top(used, 9, cut.watermark)[0].tolist()
            assert (
                cut.view.known_ids(engine.loaded.streams["Person"]).tolist()
                == engine.view.known_ids(engine.loaded.streams["Person"]).tolist()
            )


def test_no_owner_that_says_how_the_log_stands_is_said(tmp_path: Path) -> None:
    with running(tmp_path, now=wall) as engine, pytest.raises(Unavailable, match="start the process that owns it"):
        FollowedView(engine.loaded, engine.home, tmp_path / "pulse")
