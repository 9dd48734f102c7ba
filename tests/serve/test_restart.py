"""Starting again: from a snapshot, from nothing, after a kill, after an import, with a clock that was set back."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from millrace.log.streams import codec_of
from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.serve.clock import wall
from millrace.types import EVER, SECOND, Array
from tests.serve.running import PATIENCE, PEOPLE, START, Hurrying, ask, everything, lived, running, stock, use, use_named


def test_restart_from_a_snapshot_and_from_nothing_give_the_same_view(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        lived(engine, threads=2, turns=15, asking=15)
        engine.snapshot()
        later = [use(engine, np.random.default_rng(5), f"later{n}") for n in range(20)]
        engine.ingest(later)
        engine.decide([ask(engine, "last", PEOPLE[1])])
        kept = {path.name for path in (tmp_path / "snapshots" / "busy").iterdir()}
        watermark = engine.clock.now() + SECOND // 2
        expected = everything(engine, watermark)
        position = engine.view.position
        engine.home.saving(engine.view)()
    assert kept
    for is_from_nothing in (False, True):
        if is_from_nothing:
            for path in sorted((tmp_path / "snapshots").rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
        with running(tmp_path, now=Hurrying(watermark - SECOND // 10, 0)) as engine:
            assert engine.view.position == position
            _assert_equal(everything(engine, watermark), expected)


def _assert_equal(found: dict[str, Array], expected: dict[str, Array]) -> None:
    for column, values in expected.items():
        assert found[column].dtype == values.dtype, column
        np.testing.assert_array_equal(found[column], values, err_msg=column)


def test_kill_between_commit_and_apply_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """Another process is killed when its events are on disk and its view has not seen them yet."""
    done = subprocess.run([sys.executable, "-m", "tests.serve.dying", str(tmp_path)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 9, done.stderr
    with running(tmp_path, now=Hurrying(START + 60 * SECOND)) as engine:
        counts = engine.home.log.counts()
        assert (counts["Use"], counts["Ask"]) == (6, 1), "three before the snapshot, one after it, two that were not applied"
        used = engine.loaded.plan.reads["count(Use) per (Item) over ever"].aggregate
        names, values = engine.view.top(used, 10, engine.clock.now())
        assert dict(zip(names.tolist(), values.tolist(), strict=True)) == {"i0": 3, "i1": 3}
        duplicates = engine.ingest([use_named(engine, "u4"), use_named(engine, "u5")]).duplicates
        assert duplicates.tolist() == [True, True], "sending again what was not acknowledged counts once"
        engine.decide([ask(engine, "after")])
        assert verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, engine.clock.now()).mismatches == ()


def test_clock_that_was_set_back_between_two_starts_does_not_bring_decisions_before_what_was_seen(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest([*stock(engine), use_named(engine, "u1")])
        (before,) = engine.decide([ask(engine, "before")])
        engine.answer(codec_of(engine.loaded.system.request).columns([ask(engine, "looked at")]))
    with running(tmp_path, now=Hurrying(START - 5 * SECOND)) as engine:
        (after,) = engine.decide([ask(engine, "after")])
        assert after.watermark > before.watermark
        assert engine.ingest([use_named(engine, "u2")]).known[0] > after.watermark


def test_history_imported_behind_a_snapshot_is_taken_in_at_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest([*stock(engine), use_named(engine, "u1")])
    with running(tmp_path) as engine:
        n = 4
        columns = codec_of(engine.loaded.streams["Use"]).columns([use_named(engine, f"u{2 * n}") for n in range(5, 5 + n)])
        engine.home.log.load(
            engine.loaded.streams["Use"], {**columns, "at": columns["at"] - 9 * SECOND, "known": columns["at"] - 9 * SECOND}
        )
    with running(tmp_path) as engine:
        used = engine.loaded.plan.reads["count(Use) per (Item) over ever"].aggregate
        names, values = engine.view.top(used, 10, engine.clock.watermark())
        assert dict(zip(names.tolist(), values.tolist(), strict=True)) == {"i0": 4, "i1": 1}


def test_reopened_empty_log_is_empty(tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path, now=wall) as engine:
            assert (engine.view.position, engine.home.log.position) == (-1, 0)


def test_snapshot_is_of_when_it_was_taken_whatever_is_applied_before_it_is_written(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        engine.ingest([use_named(engine, f"u{n}") for n in range(5)])
        save, position = engine.home.saving(engine.view), engine.view.position
        engine.ingest([use_named(engine, f"u{5 + n}") for n in range(7)])
        save()
        plan, watermark = engine.loaded.plan, engine.clock.now()
        then, after = engine.home.view(plan)
        assert (then.position, after) == (position, position)
        used = plan.reads["count(Use) per (Item) over ever"].aggregate
        now = engine.home.caught_up(plan)
        assert then.top(used, 10, watermark)[1].sum() == 5
        assert now.top(used, 10, watermark)[1].sum() == engine.view.top(used, 10, watermark)[1].sum() == 12
