"""Disks that are full or read-only, files that are damaged while they are used, values of any size: the loop stays up, nothing is lost."""

import pytest

from millrace.decision import Decision
from millrace.errors import BadInput, MillraceError, Unavailable
from millrace.log.log import Log
from millrace.log.writer import Writer
from millrace.types import DAY, SECOND
from tests.log.test_damage import flip
from tests.log.world import NOON, STREAMS, Watch, decision, history, ids, refresh, same, watch, watches


def test_full_disk_refuses_what_comes_and_the_writer_goes_on_once_there_is_room(disk):
    with Log.open(disk.folder / "log", STREAMS) as log, Writer(log, lambda: NOON + DAY) as writer:
        kept = [writer.submit([watch(f"before {n}", note="x" * 10_000)]).result(10).ids[0] for n in range(5)]
        lost = []
        with disk.full():
            while len(lost) < 3:  # what is left of the last pages may take one more
                done = writer.submit([watch(f"full {len(kept)}-{len(lost)}", note="x" * 20_000)])
                error = done.exception(10)
                if error is None:
                    kept.append(done.result().ids[0])
                else:
                    assert isinstance(error, Unavailable)
                    assert "full" in str(error) or "disk I/O" in str(error)
                    lost.append(f"full {len(kept)}-{len(lost)}")
            assert ids(log.read(Watch)) == kept  # and reading goes on
            with pytest.raises(Unavailable, match=r"make room|full|disk I/O"):
                log.compact()
        kept.append(writer.submit([watch("after", note="x" * 20_000)]).result(10).ids[0])
        kept += writer.submit([watch(one, note="y") for one in lost]).result(10).ids.tolist()
        log.compact()
        assert ids(log.read(Watch)) == kept
    with Log.open(disk.folder / "log", STREAMS) as log:
        assert ids(log.read(Watch)) == kept


def test_full_disk_at_the_start_is_said_and_the_next_start_is_whole(disk):
    with Log.open(disk.folder / "log", STREAMS) as log:
        log.append(watches(20), NOON + DAY)
    with disk.full(), pytest.raises(Unavailable, match=r"inbox\.sqlite"):
        Log.open(disk.folder / "log", STREAMS)
    with Log.open(disk.folder / "log", STREAMS) as log:
        assert len(ids(log.read(Watch))) == 20


def test_full_disk_stops_retention_and_doing_it_again_finishes_it(disk):
    with Log.open(disk.folder / "log", STREAMS) as log:
        for file in range(3):
            log.append([watch(f"{file}-{n}", NOON + n * SECOND, seconds=float(n)) for n in range(50)], NOON + DAY * (1 + file))
            log.compact(fan_in=100)
        before, floor = log.read(Watch), NOON + 25 * SECOND
        with disk.full(), pytest.raises(Unavailable):
            log.retain({"Watch": floor})
        assert same(log.read(Watch), before)
        assert log.retain({"Watch": floor}) == {"Watch": 75}
        assert log.read(Watch)["at"].min() == floor


def test_read_only_folder_is_named_and_can_still_be_read(disk):
    folder = disk.folder / "log"
    with Log.open(folder, STREAMS) as log:
        log.append(watches(5), NOON + DAY)
    with disk.read_only():
        with pytest.raises(Unavailable, match=f"{folder} cannot be written to .*: make it writable, or open it with read_only=True"):
            Log.open(folder, STREAMS)
        with Log.open(folder, STREAMS, read_only=True) as log:
            assert len(ids(log.read(Watch))) == 5
    with Log.open(folder, STREAMS) as log:
        assert len(ids(log.read(Watch))) == 5


def test_damaged_file_of_the_lake_stops_neither_the_writer_nor_what_else_is_compacted(log):
    with Writer(log, lambda: NOON + DAY) as writer:
        for n in range(3):
            writer.submit([watch(f"w{n}")]).result(10)
            log.compact(fan_in=100)
        (first, *_) = sorted(log.store.lake.glob("Watch/*.parquet"))
        flip(first, 0.3)
        writer.submit([refresh("r"), decision("r", "a"), watch("after")]).result(10)
        with pytest.raises(MillraceError, match=first.name):
            log.compact(fan_in=2)
        assert [made.id for _, made in log.decisions()] == ["r"]
        with log.store.view() as db:
            assert db.execute("SELECT count(*) FROM inbox").fetchone()[0] == 0  # all was moved before the merge met the damage
        writer.submit([watch("later")]).result(10)
        assert ids(log.read(Watch, known_from=instant_of(log, "after"))) == ["after", "later"]


def instant_of(log, id):
    """Return when a record became known, without reading the files before it."""
    with log.store.view() as db:
        (position,) = db.execute("SELECT position FROM ids WHERE id = ?", (id,)).fetchone()
    return NOON + DAY + position - 1


def test_record_beyond_the_limit_is_refused_and_those_beside_it_are_not(log):
    with Writer(log, lambda: NOON + DAY) as writer:
        long = writer.submit([watch("a"), watch("long", note="x" * 10_000_000)])
        fine = writer.submit([watch("b", note="x" * 1_000_000)])
        with pytest.raises(
            BadInput, match=r"Watch, item 1: it takes 10\.0 MB, a record at most 4 MB: keep what is large elsewhere"
        ) as error:
            long.result(10)
        assert "xxx" not in str(error.value)
        fine.result(10)
    assert ids(log.read(Watch)) == ["b"]


def test_decision_may_be_larger_than_what_others_send(log):
    many = [f"candidate {n:040d}" for n in range(100_000)]
    log.append([decision("r", *many)], NOON)
    assert log.decision("r").candidate == many


def test_history_beyond_the_limit_is_refused_with_its_row(log):
    notes = history(3)
    notes["note"] = notes["id"].copy()
    notes["note"][1] = "x" * 5_000_000
    with pytest.raises(BadInput, match=r"Watch, row 1: note: it takes 5\.0 MB, a value at most 4 MB"):
        log.load(Watch, notes)


@pytest.mark.parametrize("ahead", [6 * 60 * SECOND, DAY, 365 * DAY])
def test_clock_of_a_sender_that_is_ahead_is_named_and_others_are_heard(log, ahead):
    with Writer(log, lambda: NOON) as writer:
        skewed, right = writer.submit([watch("skewed", NOON + ahead)]), writer.submit([watch("right", NOON + 4 * 60 * SECOND)])
        with pytest.raises(BadInput, match=f"Watch skewed happened at .*, {ahead // SECOND:,} s from now: .*set the sender's clock"):
            skewed.result(10)
        right.result(10)
    assert ids(log.read(Watch)) == ["right"]


def test_clock_of_this_machine_that_goes_back_does_not_turn_time_back(log):
    times = iter([NOON + DAY, NOON, NOON - DAY, NOON + 2 * DAY])
    with Writer(log, lambda: next(times)) as writer:
        known = [int(writer.submit([watch(f"w{n}")]).result(10).known[0]) for n in range(4)]
    assert known == [NOON + DAY, NOON + DAY + 1, NOON + DAY + 2, NOON + 2 * DAY]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_number_that_is_none_is_refused_beside_others(log, number):
    with Writer(log, lambda: NOON + DAY) as writer:
        wrong, right = writer.submit([watch("wrong", seconds=number)]), writer.submit([watch("right")])
        with pytest.raises(BadInput, match="seconds") as error:
            wrong.result(10)
        assert error.value.field == "seconds"
        right.result(10)
    assert ids(log.read(Watch)) == ["right"]


def test_instant_beyond_all_years_does_not_stop_the_loop(log):
    with Writer(log, lambda: NOON + DAY) as writer:
        with pytest.raises(BadInput, match=r"at"):
            writer.submit([refresh("r"), decision("r", "a", at=2**62)]).result(10)
        writer.submit([refresh("r"), decision("r", "a")]).result(10)
    assert ids(log.read(Decision)) == ["r"]
