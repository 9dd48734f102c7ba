"""Compaction moves records and changes nothing: not what is read, not what is remembered, not after a crash in its middle."""

import resource
import threading
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest

from millrace.decision import Decision
from millrace.errors import MillraceError, Unavailable
from millrace.log import inbox, lake
from millrace.log.compaction import Compacted, compact
from millrace.log.log import Log
from millrace.log.merging import merge
from tests.log import evolved
from tests.log.world import NOON, STREAMS, Refresh, Viewer, Watch, decision, history, ids, refresh, same, watch, watches


def fill(log, batches=6):
    for i in range(batches):
        items = [*watches(4, start=4 * i), Viewer(id="ann", country=str(i)), refresh(f"r{i}"), decision(f"r{i}", "a", "b", taken=1)]
        log.append(items, NOON + 30_000_000 + 100 * i)


def contents(log):
    return {stream: log.read(stream) for stream in (*STREAMS, Decision)}


def equal(a, b):
    return all(same(a[stream], b[stream]) for stream in a)


def parts(log):
    with log.store.view() as db:
        return inbox.parts(db)


def waiting(log):
    """Return how many records are in the inbox."""
    with log.store.view() as db:
        return db.execute("SELECT count(*) FROM inbox").fetchone()[0]


@pytest.mark.parametrize("slice_rows", [1, 5, 42, 1000])
def test_reading_is_the_same_before_and_after(log, slice_rows):
    fill(log)
    before, counts, top = contents(log), log.counts(), (log.position, log.last_known)
    assert log.compact(slice_rows=slice_rows, fan_in=10**6) == Compacted(moved=42, merged=0)
    assert equal(before, contents(log))
    assert (counts, top) == (log.counts(), (log.position, log.last_known))
    assert waiting(log) == 0


def test_long_records_move_a_few_at_a_time_and_one_at_least(log):
    for n in range(8):
        log.append([refresh(f"r{n}"), decision(f"r{n}", *(f"candidate {one}" for one in range(300)), taken=1)], NOON + 100 * n)
    before = contents(log)
    with log.store.view() as db:
        keys = [(known, position) for known, position in db.execute("SELECT known, position FROM inbox ORDER BY position")]
        sizes = [size for (size,) in db.execute("SELECT length(body) FROM inbox ORDER BY position")]
        names = [codec.name for codec in log.store.streams]
        for most in (1, sum(sizes[:3]), sum(sizes[:3]) + 1, sum(sizes)):
            expected = [key for place, key in enumerate(keys) if sum(sizes[:place]) < most]
            assert inbox.first_slice(db, names, 100, most) == expected
            assert inbox.first_slice(db, names, 2, most) == expected[:2]
    assert compact(log.store, 100, 10**6, moved_bytes=1) == Compacted(moved=16, merged=0)
    assert len(parts(log)) == 16
    assert equal(before, contents(log))


def test_files_merge_while_what_they_become_stays_small_enough_for_memory(log):
    for n in range(8):
        log.append([decision(f"r{n}", *(f"candidate {one}" for one in range(300)), taken=1)], NOON + 100 * n)
        log.compact(fan_in=10**6)
    before, length = contents(log), lake.shape(log.store.lake, parts(log)[0])[1]
    compact(log.store, 100, 2, merged_bytes=length)
    assert len(parts(log)) == 8
    compact(log.store, 100, 2, merged_bytes=4 * length + length // 2)
    assert [part.rows for part in parts(log)] == [4, 4]
    assert equal(before, contents(log))


def test_merging_is_the_same_again_with_fewer_files(log):
    fill(log)
    log.load(Watch, history(9))
    before = contents(log)
    log.compact(slice_rows=4, fan_in=10**6)
    many = len(parts(log))
    merged = log.compact(fan_in=2)
    assert merged == Compacted(moved=0, merged=many)
    assert len(parts(log)) == 4
    assert equal(before, contents(log))
    assert {path.relative_to(log.store.lake).as_posix() for path in log.store.lake.glob("*/*")} == {part.file for part in parts(log)}


@pytest.mark.parametrize("lengths", [[3, 4, 1, 5], [12, 1, 9], [5, 5], [1, 1, 1]])
def test_groups_of_a_merged_file_are_full_but_the_last_and_the_same_as_sorted_together(log, lengths):
    codec, ends = log.store.streams.of(Watch), np.cumsum([0, *lengths]).tolist()
    for first, rows in zip(ends[:-1], lengths, strict=True):
        log.load(Watch, history(rows, first=first))
    codec.group_rows = 5
    made, lake_ = parts(log), log.store.lake
    expected = pa.concat_tables(lake.table(lake_, one) for one in made).sort_by([("known", "ascending"), ("position", "ascending")])
    merged = merge(lake_, codec, made[::-1])
    assert lake.table(lake_, merged).equals(expected)
    with lake.opened(lake_ / merged.file) as file:
        groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert groups == [5] * (sum(lengths) // 5) + [sum(lengths) % 5] * (sum(lengths) % 5 > 0)


def test_merge_that_meets_a_damaged_file_leaves_nothing_half_written(log):
    for first in (0, 5):
        log.load(Watch, history(5, first=first))
    before = parts(log)
    damaged = log.store.lake / before[-1].file
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"not Parque")
    with pytest.raises(MillraceError, match="is damaged"):
        merge(log.store.lake, log.store.streams.of(Watch), before)
    assert list(log.store.lake.glob("*/*.unfinished")) == []
    assert parts(log) == before


def test_files_that_overlap_are_sorted_together(log):
    log.append([watch("a")], NOON)
    log.load(Watch, history(2))
    log.append([watch("b")], NOON + 10_000_000)
    log.compact(fan_in=10**6)
    made = parts(log)
    merged = lake.table(log.store.lake, merge(log.store.lake, log.store.streams.of(Watch), made))
    keys = list(zip(merged["known"].to_pylist(), merged["position"].to_pylist(), strict=True))
    assert len(keys) == 4
    assert keys == sorted(keys)


def test_large_files_are_left_alone(log):
    codec = log.store.streams.of(Watch)
    codec.part_rows = 10
    for i in range(6):
        log.load(Watch, history(4, first=4 * i))
    for first, n in [(24, 7), (31, 3), (34, 3)]:
        log.load(Watch, history(n, first=first))
    before = log.read(Watch)
    assert log.compact(fan_in=2).merged == 8
    assert sorted(part.rows for part in parts(log)) == [6, 7, 8, 8, 8]
    assert same(before, log.read(Watch))


def test_compacting_an_empty_log_does_nothing(log):
    assert log.compact() == Compacted(0, 0)


def test_records_of_classes_not_named_stay_and_are_not_lost(tmp_path):
    with Log.open(tmp_path, STREAMS) as log:
        log.append([watch("a"), refresh("r"), watch("b")], NOON)
    with Log.open(tmp_path, [Refresh]) as log:
        assert log.compact().moved == 1
        assert log.counts() == {"Watch": 2, "Refresh": 1}
        assert [set(chunk) for chunk in log.replay()] == [{"Refresh"}]
        log.append([refresh("s")], NOON + 10)
    with Log.open(tmp_path, STREAMS) as log:
        assert ids(log.read(Watch)) == ["a", "b"]
        assert log.append([watch("a")], NOON + 20).duplicates.all()


def test_columns_of_a_field_no_longer_declared_survive_a_merge(tmp_path):
    with Log.open(tmp_path, [evolved.Watch]) as log:
        for i in range(3):
            log.append([evolved.watch(f"w{i}", device="tv")], NOON + i)
            log.compact(fan_in=10**6)
    with Log.open(tmp_path, [Watch]) as log:
        log.append([watch("new")], NOON + 10)
        assert log.compact(fan_in=2).merged == 3  # not the new one, whose columns are others
    with Log.open(tmp_path, [evolved.Watch]) as log:
        assert log.read(evolved.Watch)["device"].tolist() == ["tv", "tv", "tv", "unknown"]


def test_file_written_and_not_registered_is_ignored_and_swept(tmp_path):
    with Log.open(tmp_path, STREAMS) as log:
        fill(log, 1)
        before = contents(log)
        codec = log.store.streams.of(Watch)
        lake.write_part(log.store.lake, codec, log.read(Watch))  # as far as a compaction came when it was killed
        (log.store.lake / "Watch" / "0-0-0.unfinished").write_bytes(b"PAR1 half a fi")
        assert equal(before, contents(log))
    with Log.open(tmp_path, STREAMS, read_only=True) as reader:
        assert equal(before, contents(reader))
        assert len(list(reader.store.lake.glob("*/*"))) == 2
    with Log.open(tmp_path, STREAMS) as log:
        assert list(log.store.lake.glob("*/*")) == []
        assert equal(before, contents(log))
        log.compact()
        assert equal(before, contents(log))


def test_file_that_a_merge_replaced_and_did_not_delete_is_swept(tmp_path):
    with Log.open(tmp_path, STREAMS) as log:
        for i in range(3):
            log.load(Watch, history(4, first=4 * i))
        kept = {part.file: (log.store.lake / part.file).read_bytes() for part in parts(log)}
        before = contents(log)
        log.compact(fan_in=2)
        for file, text in kept.items():
            (log.store.lake / file).write_bytes(text)
        assert equal(before, contents(log))
    with Log.open(tmp_path, STREAMS) as log:
        assert equal(before, contents(log))
        assert len(list(log.store.lake.glob("*/*"))) == 1


def test_history_within_the_positions_of_live_records_merges_to_a_file_of_its_own_name(log):
    log.append([watch("a")], NOON)
    log.load(Watch, history(2))
    log.append([watch("b")], NOON + 10_000_000)
    log.compact(fan_in=10**6)
    before = log.read(Watch)
    log.compact(fan_in=2)
    assert same(before, log.read(Watch))
    assert len(parts(log)) == 1


@contextmanager
def no_room_for_files_of(size):
    """Let no file grow beyond a size in bytes: what a full disk looks like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_stops_compaction_and_loses_nothing(log):
    fill(log)
    before = contents(log)
    with no_room_for_files_of(1000), pytest.raises(Unavailable, match=r"lake/\w+/.*parquet cannot be written: .*; make room"):
        log.compact()
    assert equal(before, contents(log))
    assert list(log.store.lake.glob("*/*.unfinished")) == []
    assert log.compact().moved == 42
    assert equal(before, contents(log))


def test_full_disk_stops_loading_and_loading_again_adds_all(log):
    log.load(Watch, history(2))
    with no_room_for_files_of(1000), pytest.raises(Unavailable):
        log.load(Watch, history(5))
    assert ids(log.read(Watch)) == ["h0", "h1"]
    assert log.load(Watch, history(5)).added.tolist() == [False, False, True, True, True]


def test_readers_meanwhile_see_every_record_once(tmp_path):
    with Log.open(tmp_path, STREAMS) as log, Log.open(tmp_path, STREAMS, read_only=True) as reader:
        fill(log, 10)
        expected, wrong, is_done = contents(log), [], threading.Event()

        def read(one):
            while not is_done.is_set():
                if not same(one.read(Watch), expected[Watch]) or one.find(Watch, "w7") != watches(8)[7]:
                    wrong.append(one)

        threads = [threading.Thread(target=read, args=(one,)) for one in (log, reader)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            log.compact(slice_rows=7, fan_in=2)
        is_done.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert equal(contents(reader), expected)
