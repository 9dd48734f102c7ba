"""Gathering: every item gets its own answer, whoever asks beside it, and calls never overlap."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput, Unavailable
from millrace.serve.gathering import AT_ONCE_S, Gatherer


class Work:
    """Squares items; negative ones fail. Notes its batches; waits at a gate while that is shut."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = 0
        self.overlapped = False

    def __call__(self, items):
        self.running += 1
        self.overlapped |= self.running > 1
        self.gate.wait(30)
        self.batches.append(list(items))
        self.running -= 1
        if any(item < 0 for item in items):
            raise BadInput(f"{min(items)} is negative")
        return [item * item for item in items]


def test_who_asks_while_a_call_runs_is_answered_by_the_next_call_together():
    work = Work()

    async def ask():
        gathered = Gatherer(work, lambda _: 1)
        work.gate.clear()
        first = asyncio.ensure_future(gathered(1))
        while not work.running:  # it runs on a thread, for it is not known yet how long it takes
            await asyncio.sleep(0.001)
        others = [asyncio.ensure_future(gathered(n)) for n in range(2, 7)]
        await asyncio.sleep(0)
        work.gate.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(ask()) == [1, 4, 9, 16, 25, 36]
    assert work.batches == [[1], [2, 3, 4, 5, 6]]


def test_one_that_asks_when_nothing_runs_is_answered_alone():
    work = Work()

    async def ask():
        gathered = Gatherer(work, lambda _: 1)
        return [await gathered(n) for n in range(30)]

    assert asyncio.run(ask()) == [n * n for n in range(30)]
    assert work.batches == [[n] for n in range(30)]


@given(st.lists(st.integers(-3, 9), max_size=40), st.integers(1, 7))
def test_everybody_gets_what_asking_alone_would_give(items, most):
    work = Work()

    async def ask():
        gathered = Gatherer(work, lambda _: 1, most=most)
        return await asyncio.gather(*map(gathered, items), return_exceptions=True)

    for item, said in zip(items, asyncio.run(ask()), strict=True):
        if item < 0:
            assert isinstance(said, BadInput)
            assert str(said) == f"{item} is negative"
        else:
            assert said == item * item
    assert not work.overlapped
    assert all(len(batch) <= most for batch in work.batches)


def test_more_than_may_wait_are_refused():
    work = Work()

    async def ask():
        gathered = Gatherer(work, lambda _: 1, room=3)
        return await asyncio.gather(*map(gathered, range(5)), return_exceptions=True)

    said = asyncio.run(ask())
    assert said[:3] == [0, 1, 4]
    assert all(isinstance(one, Unavailable) for one in said[3:])


def test_one_who_has_gone_is_not_worked_for():
    work = Work()

    async def ask():
        gathered = Gatherer(work, lambda _: 1)
        asking = [asyncio.ensure_future(gathered(n)) for n in range(3)]
        await asyncio.sleep(0)
        asking[1].cancel()
        return await asyncio.gather(*asking, return_exceptions=True)

    said = asyncio.run(ask())
    assert (said[0], said[2]) == (0, 4)
    assert isinstance(said[1], asyncio.CancelledError)
    assert [item for batch in work.batches for item in batch] == [0, 2]


def test_what_should_take_long_runs_on_a_thread():
    threads = []

    def call(items):
        threads.append(threading.current_thread())
        return items

    async def ask():
        gathered = Gatherer(call, lambda item: item)
        for _ in range(100):
            await gathered(1)
        await gathered(int(1e9 * AT_ONCE_S))

    asyncio.run(ask())
    assert threads[0] is not threading.main_thread()
    assert threads[-1] is not threading.main_thread()


@pytest.mark.parametrize("most", [1, 5])
def test_an_answer_too_few_is_an_error_and_not_a_wait(most):
    async def ask():
        gathered = Gatherer(lambda items: items[1:], lambda _: 1, most=most)
        return await asyncio.wait_for(asyncio.gather(*map(gathered, range(3)), return_exceptions=True), 30)

    assert all(isinstance(one, Exception) for one in asyncio.run(ask()))
