"""Group commit: many submit, one writes; what is acknowledged is on disk and applied, and one bad submission fails alone."""

import re
import threading
from concurrent.futures import wait
from itertools import count

import pytest

from millrace.errors import BadInput, Conflict, MillraceError, Unavailable
from millrace.log.appending import commit
from millrace.log.log import Log
from millrace.log.submission import prepare
from millrace.log.writer import Writer
from millrace.types import take
from tests.log.world import NOON, STREAMS, Watch, decision, history, ids, refresh, same, watch


class Clock:
    """A clock that goes forward a microsecond each time it is read, as far as it is let."""

    def __init__(self, start=NOON):
        self._ticks = count(start)

    def __call__(self):
        return next(self._ticks)


class Gate:
    """Applies nothing, and holds the writer's thread back until it is opened, so that submissions form one group."""

    def __init__(self):
        self._is_open = threading.Event()
        self.entered = threading.Event()
        self.seen = []

    def __call__(self, batch, receipt):
        self.seen.append((batch, receipt))
        self.entered.set()
        assert self._is_open.wait(10)

    def open(self):
        self._is_open.set()


@pytest.fixture
def gate():
    return Gate()


def held(log, gate, **settings):
    """Return a writer that is busy with a first commit until the gate opens."""
    writer = Writer(log, Clock(), gate, **settings)
    writer.submit([watch("first")])
    assert gate.entered.wait(10)
    return writer


def test_receipt_comes_when_the_items_are_in_the_log(log):
    with Writer(log, Clock()) as writer:
        receipt = writer.submit([watch("a"), refresh("r"), decision("r", "x")]).result(10)
        assert receipt.ids.tolist() == ["a", "r", "r"]
        assert receipt.known.tolist() == [NOON, NOON + 1, NOON + 2]
        assert log.counts() == {"Watch": 1, "Refresh": 1, "decision": 1}


def test_what_many_threads_submit_is_all_there_once_and_in_order(log):
    received = {}

    def send(name):
        for i in range(40):
            receipt = writer.submit([watch(f"{name} {i}"), watch("shared")]).result(30)
            received[f"{name} {i}"] = int(receipt.known[0])

    with Writer(log, Clock()) as writer:
        threads = [threading.Thread(target=send, args=(f"thread {t}",)) for t in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = log.read(Watch)
    assert sorted(ids(rows)) == sorted([*received, "shared"])
    assert [received[id] for id in ids(rows) if id != "shared"] == [
        known for id, known in zip(ids(rows), rows["known"], strict=True) if id != "shared"
    ]
    assert (rows["known"][1:] > rows["known"][:-1]).all()


def test_what_waits_goes_into_one_commit(log, gate):
    writer = held(log, gate)
    futures = [writer.submit([watch(f"w{i}")]) for i in range(20)]
    gate.open()
    wait(futures, 10)
    writer.close()
    assert [len(receipt.positions) for _, receipt in gate.seen] == [1, 20]


def test_a_commit_holds_no_more_than_a_group(log, gate):
    writer = held(log, gate, group=3)
    futures = [writer.submit([watch(f"{i}a"), watch(f"{i}b")]) for i in range(3)] + [writer.submit([watch(f"c{i}") for i in range(5)])]
    gate.open()
    wait(futures, 10)
    writer.close()
    assert [len(receipt.positions) for _, receipt in gate.seen] == [1, 2, 2, 2, 5]


def test_acknowledged_event_is_applied(log):
    applied = []

    def apply(batch, receipt):
        applied.extend(ids(batch["Watch"]))

    with Writer(log, Clock(), apply) as writer:
        for i in range(50):
            id = writer.submit([watch(f"w{i}")]).result(10).ids[0]
            assert id in applied


def test_writer_says_when_those_of_a_group_have_been_told(log):
    told, done = threading.Event(), []
    with Writer(log, Clock(), told=lambda: (done.append(submitted.done()), told.set())) as writer:
        submitted = writer.submit([watch("a")])
        assert told.wait(10)
    assert done == [True]


def test_applied_batch_is_what_reading_gives(log):
    seen = []
    with Writer(log, Clock(), lambda batch, receipt: seen.append(batch)) as writer:
        writer.submit([watch("a", rating=3), watch("b", note="x"), decision("r", "x", "y")]).result(10)
        writer.submit([watch("a", rating=3), watch("c")]).result(10)
    rows, made = log.read(Watch), log.read(type(decision("r")))
    names = list(rows)
    assert same({name: seen[0]["Watch"][name] for name in names}, take(rows, slice(2)))
    assert same({name: seen[1]["Watch"][name] for name in names}, take(rows, slice(2, 3)))
    assert same({name: seen[0]["decision"][name] for name in made}, made)


def test_bad_submissions_of_a_group_fail_alone(log, gate):
    log.append([watch("old")], NOON - 10)
    writer = held(log, gate)
    futures = {
        "good": writer.submit([watch("good")]),
        "clash": writer.submit([watch("lost"), watch("old", seconds=9.0)]),
        "repeat": writer.submit([watch("good"), watch("old")]),
        "wrong": writer.submit([watch("wrong", seconds="long")]),
        "future": writer.submit([watch("future", at=NOON + 10**12)]),
        "rival": writer.submit([watch("good", seconds=5.0)]),
        "freed": writer.submit([watch("lost", seconds=3.0)]),
    }
    gate.open()
    writer.close()
    errors = {name: type(future.exception(10)) for name, future in futures.items() if future.exception(10)}
    assert errors == {"clash": Conflict, "wrong": BadInput, "future": BadInput, "rival": Conflict}
    assert futures["repeat"].result().duplicates.tolist() == [True, True]
    assert futures["repeat"].result().positions.tolist() == [futures["good"].result().positions[0], 1]
    assert ids(log.read(Watch)) == ["old", "first", "good", "lost"]
    assert log.find(Watch, "lost") == watch("lost", seconds=3.0)


def test_group_is_committed_as_if_one_after_the_other(tmp_path):
    submissions = [
        [watch("a")],
        [watch("a", seconds=2.0), watch("b")],
        [watch("b", seconds=2.0)],
        [watch("a")],
        [watch("c"), watch("c", seconds=2.0)],
        [refresh("r")],
        [watch("d"), refresh("r", limit=9)],
        [watch("d", seconds=4.0)],
        [watch("c", seconds=3.0), watch("b", seconds=2.0)],
    ]
    with Log.open(tmp_path / "together", STREAMS) as together, Log.open(tmp_path / "alone", STREAMS) as alone:
        done = commit(together.store, [prepare(together.store.streams, items) for items in submissions], NOON)
        for items, outcome in zip(submissions, done.outcomes, strict=True):
            known = max(NOON, alone.last_known + 1)
            if isinstance(outcome, MillraceError):
                with pytest.raises(type(outcome), match=re.escape(str(outcome))):
                    alone.append(items, known)
            else:
                assert alone.append(items, known).duplicates.tolist() == outcome.duplicates.tolist()
        assert ids(together.read(Watch)) == ids(alone.read(Watch)) == ["a", "b", "d", "c"]
        assert together.read(Watch)["seconds"].tolist() == alone.read(Watch)["seconds"].tolist() == [1.0, 2.0, 4.0, 3.0]


def test_full_queue_is_refused_at_once(log, gate):
    writer = held(log, gate, capacity=3)
    kept = writer.submit([watch("a"), watch("b")])
    with pytest.raises(Unavailable, match="2 items wait to be written, at most 3 may"):
        writer.submit([watch("c"), watch("d")])
    writer.submit([watch("e")])
    gate.open()
    writer.close()
    assert kept.result().ids.tolist() == ["a", "b"]
    assert ids(log.read(Watch)) == ["first", "a", "b", "e"]


def test_submission_larger_than_the_queue_is_taken_when_nothing_waits(log):
    with Writer(log, Clock(), capacity=2) as writer:
        assert writer.submit([watch(f"w{i}") for i in range(5)]).result(10).positions.tolist() == [1, 2, 3, 4, 5]


def test_closing_writes_what_waits_and_refuses_what_comes(log, gate):
    writer = held(log, gate)
    last = writer.submit([watch("last")])
    gate.open()
    writer.close()
    assert last.done()
    assert ids(log.read(Watch)) == ["first", "last"]
    with pytest.raises(Unavailable, match="closed"):
        writer.submit([watch("late")])
    writer.close()


def test_cancelled_submission_is_not_written(log, gate):
    writer = held(log, gate)
    cancelled, kept = writer.submit([watch("cancelled")]), writer.submit([watch("kept")])
    assert cancelled.cancel()
    gate.open()
    writer.close()
    assert kept.done()
    assert ids(log.read(Watch)) == ["first", "kept"]


def test_full_disk_fails_the_group_and_the_writer_lives_on(log):
    # SQLite's own limit on the size of a database stands for the disk's.
    with Writer(log, Clock()) as writer:
        writer.submit([watch("before")]).result(10)
        with log.store.transaction() as db:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages}")
        lost = writer.submit([watch("lost", note="x" * 100_000)])
        with pytest.raises(Unavailable, match="full"):
            lost.result(10)
        with log.store.transaction() as db:
            db.execute("PRAGMA max_page_count = 1000000")
        writer.submit([watch("after")]).result(10)
        assert ids(log.read(Watch)) == ["before", "after"]
        assert writer.submit([watch("lost", note="x" * 100_000)]).result(10).duplicates.tolist() == [False]


def test_view_that_fails_to_apply_is_told_and_sending_again_is_harmless(log):
    faults = [ValueError("broken view")]

    def apply(batch, receipt):
        if faults:
            raise faults.pop()

    with Writer(log, Clock(), apply) as writer:
        with pytest.raises(ValueError, match="broken view"):
            writer.submit([watch("a")]).result(10)
        assert writer.submit([watch("a")]).result(10).duplicates.tolist() == [True]
        assert writer.submit([watch("b")]).result(10).duplicates.tolist() == [False]
    assert ids(log.read(Watch)) == ["a", "b"]


def test_clock_that_stands_still_does_not_stop_known(log):
    with Writer(log, lambda: NOON) as writer:
        known = [int(writer.submit([watch(f"w{i}"), watch(f"v{i}")]).result(10).known[0]) for i in range(3)]
    assert known == [NOON, NOON + 2, NOON + 4]


def test_import_and_compaction_beside_the_writer_lose_nothing(log):
    with Writer(log, Clock(NOON + 10**9)) as writer:
        futures = []
        for i in range(20):
            futures += [writer.submit([watch(f"{i} {j}") for j in range(20)]) for _ in range(2)]
            log.load(Watch, history(10, first=10 * i))
            log.compact(slice_rows=50, fan_in=2)
        wait(futures, 30)
    assert sorted(ids(log.read(Watch))) == sorted([f"{i} {j}" for i in range(20) for j in range(20)] + [f"h{i}" for i in range(200)])
