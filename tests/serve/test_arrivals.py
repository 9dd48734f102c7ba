"""What is logged while somebody reads the view: seen by whoever reads next, in order, each once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from millrace.serve.arrivals import MOST_ROWS, Arrivals
from millrace.serve.clock import Clock

PATIENCE = 60.0


def batch(known, rows=1):
    return {"Buy": {"known": np.full(rows, known)}}


def test_free_view_takes_a_batch_in_at_once_and_one_that_is_read_afterwards():
    clock, applied = Clock(lambda: 100), []
    arrivals = Arrivals(clock, applied.append)
    one, two = batch(clock.begin()), batch(0)
    arrivals.leave(one, 101, wait=False)
    assert applied == []
    arrivals.bring_in()
    assert applied == [one]
    with ThreadPoolExecutor(1) as other, arrivals.reading():
        before = arrivals.watermark()
        first = clock.begin()
        assert before <= first
        other.submit(arrivals.leave, two, first, wait=False).result(PATIENCE)
        other.submit(arrivals.bring_in).result(PATIENCE)
        assert applied == [one], "the view stands still while it is read"
    assert applied == [one, two]


def test_next_reader_sees_what_was_left_before_it_takes_its_watermark():
    clock, applied = Clock(lambda: 100), []
    arrivals = Arrivals(clock, applied.append)
    with ThreadPoolExecutor(1) as other, arrivals.lock:
        known = clock.begin()
        other.submit(arrivals.leave, batch(known), known, wait=False).result(PATIENCE)
        assert applied == []
        assert arrivals.watermark() > known
        assert len(applied) == 1


def test_what_another_brings_in_has_come_in_when_it_is_asked_for():
    clock, applied = Clock(lambda: 100), []
    entered, go = threading.Event(), threading.Event()

    def slowly(one):
        entered.set()
        assert go.wait(PATIENCE)
        applied.append(one)

    arrivals, one = Arrivals(clock, slowly), batch(1)
    arrivals.leave(one, 101, wait=False)
    with ThreadPoolExecutor(2) as others:
        first = others.submit(arrivals.bring_in)
        assert entered.wait(PATIENCE)
        second = others.submit(lambda: (arrivals.bring_in(), list(applied))[1])
        threading.Event().wait(0.02)
        assert not second.done()
        go.set()
        first.result(PATIENCE)
        assert second.result(PATIENCE) == [one]


def test_who_must_wait_waits_and_so_do_those_who_come_when_too_much_does():
    clock, applied = Clock(lambda: 100), []
    arrivals = Arrivals(clock, applied.append)
    with ThreadPoolExecutor(2) as others:
        with arrivals.reading():
            follows = others.submit(arrivals.leave, batch(1), 101, wait=True)
            much = others.submit(arrivals.leave, batch(2, MOST_ROWS + 1), 102, wait=False)
            threading.Event().wait(0.02)
            assert not follows.done()
            assert not much.done()
        follows.result(PATIENCE)
        much.result(PATIENCE)
    assert len(applied) == 2


def test_every_reader_finds_exactly_what_was_known_before_its_watermark():
    """One writer as the log has it, many readers; the view is a list of what was applied."""
    clock, view = Clock(), []
    arrivals = Arrivals(clock, lambda one: view.append(one["Buy"]["known"][0]))
    wrote, ended = [], threading.Event()

    def write():
        for _ in range(3000):
            known = clock.begin()
            wrote.append(known)
            arrivals.leave(batch(known), known, wait=False)
            clock.finish()
            arrivals.bring_in()
        ended.set()

    def read():
        seen = []
        while not ended.is_set():
            with arrivals.reading():
                watermark = arrivals.watermark()
                seen.append((watermark, len(view), view[-1] if view else 0))
        return seen

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        threads.submit(write).result(PATIENCE)
        seen = [one for reader in readers for one in reader.result(PATIENCE)]
    assert view == wrote, "each once, in order, and none is left at the door"
    order = np.array(wrote)
    for watermark, length, last in seen:
        assert length == np.searchsorted(order, watermark), (watermark, last)
