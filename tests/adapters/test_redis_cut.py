"""A cut of the view in Redis: as of when is learned with the first answer, and every answer after it is as of then."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from millrace.adapters.redis.connection import connect
from millrace.adapters.redis.reading import RedisView
from millrace.errors import Conflict
from millrace.features.declare import count
from millrace.serve.facts import ONLINE_VIEW
from millrace.types import SECOND
from tests.adapters.private_redis import PATIENCE, PrivateRedis
from tests.adapters.shared import Shared
from tests.adapters.test_redis_view import shared
from tests.features.test_online import Clip, Play, clips, played, plays, shown

by_topic = count(Play, per=Clip.topic, over="1h")


class Watched:
    """A client that counts its messages, and lets something happen before one is sent or after it was answered."""

    def __init__(self, client: Any, before: Callable[[int], None] | None = None, after: Callable[[int], None] | None = None) -> None:
        self.sent = 0
        self._client, self._before, self._after = client, before, after

    def _asked(self, ask: Callable[[], Any]) -> Any:
        self.sent += 1
        if self._before is not None:
            self._before(self.sent)
        found = ask()
        if self._after is not None:
            self._after(self.sent)
        return found

    def get(self, key: str) -> Any:
        return self._asked(lambda: self._client.get(key))

    def mget(self, keys: list[str]) -> Any:
        return self._asked(lambda: self._client.mget(keys))

    def pipeline(self, transaction: bool) -> Any:
        pipe = self._client.pipeline(transaction=transaction)
        execute = pipe.execute
        pipe.execute = lambda: self._asked(execute)
        return pipe


def filled(redis: PrivateRedis) -> Shared:
    view = shared(redis, plays, by_topic, Clip.topic)
    view.apply({"Clip": clips(("a", "c", "news", 0)), "Play": played(("u1", "a", 1.0, 0))})
    view.publish(SECOND)
    return view


def played_again(view: Shared, number: int) -> None:
    """Let the clip be played once more, and publish that."""
    view.apply({"Play": played(("u1", "a", 1.0, number * SECOND), position=100 + number)})
    view.publish(number * SECOND + 1)


def test_a_read_takes_a_message_for_each_step_and_none_for_the_standing(redis: PrivateRedis) -> None:
    view = filled(redis)
    view.reader.standing()
    for features, steps in (([plays], 1), ([Clip.topic, plays], 1), ([by_topic], 2)):
        view.reader.client = watched = Watched(view.publisher._client)
        cut = view.reader.cut()
        cut.lookup(features, shown("a"))
        assert (cut.watermark, cut.missed, watched.sent) == (SECOND, [], steps)


def test_a_reader_that_has_heard_nothing_yet_asks_once_more(redis: PrivateRedis) -> None:
    view = filled(redis)
    fresh = RedisView(Watched(view.publisher._client), view.reader.layout, view.reader.indices)
    cut = fresh.cut()
    assert cut.lookup([plays], shown("a"))[plays.column].tolist() == [1]
    assert (fresh.client.sent, fresh.generation) == (2, cut.generation)


def test_what_was_published_from_the_ground_up_meanwhile_is_read_in_its_own_generation(redis: PrivateRedis) -> None:
    view = filled(redis)
    view.reader.standing()
    again = shared(redis, plays, by_topic, Clip.topic, view=view.view, name=view.name)
    played_again(again, 2)
    cut = view.reader.cut()
    assert cut.lookup([plays, by_topic], shown("a"))[plays.column].tolist() == [2]
    assert (cut.watermark, cut.missed) == (2 * SECOND + 1, [])


def test_steps_after_the_first_are_as_of_the_first_whatever_is_published_between(redis: PrivateRedis) -> None:
    view = filled(redis)
    view.reader.standing()
    view.reader.client = Watched(view.publisher._client, before=lambda sent: played_again(view, 1 + sent) if sent > 1 else None)
    cut = view.reader.cut()
    found = cut.lookup([plays, by_topic], shown("a"))
    assert {column: values.tolist() for column, values in found.items()} == {plays.column: [1], by_topic.column: [1]}
    assert (cut.watermark, cut.missed) == (SECOND, [])


def test_an_answer_from_before_where_another_thread_made_it_stand_is_asked_for_again(redis: PrivateRedis) -> None:
    view = filled(redis)
    view.reader.standing()
    cut = view.reader.cut()
    seen: list[int] = []

    def other(sent: int) -> None:
        if sent == 1:  # the first answer is there and was not looked at; meanwhile another thread asks, and stands later
            played_again(view, 2)
            thread = threading.Thread(target=lambda: seen.extend(cut.lookup([plays], shown("a"))[plays.column].tolist()))
            thread.start()
            thread.join(PATIENCE)

    view.reader.client = watched = Watched(connect(redis.url, PATIENCE, tries=1), after=other)
    assert cut.lookup([plays], shown("a"))[plays.column].tolist() == [2]
    assert (seen, cut.watermark, cut.missed, watched.sent) == ([2], 2 * SECOND + 1, [], 3)


def test_a_redis_that_went_back_in_time_is_a_miss_and_never_an_earlier_value(redis: PrivateRedis) -> None:
    view = filled(redis)
    client = connect(redis.url, PATIENCE, tries=1)
    before = {key: client.dump(key) for key in client.scan_iter(match=f"millrace:{view.name}:*")}
    played_again(view, 2)
    cut = view.reader.cut()
    assert cut.watermark == 2 * SECOND + 1
    for key, value in before.items():
        client.restore(key, 0, value, replace=True)
    assert cut.lookup([plays], shown("a"))[plays.column].tolist() == [0]
    assert cut.missed == [ONLINE_VIEW]


def test_what_stands_nowhere_stands_there_for_good(redis: PrivateRedis) -> None:
    view = filled(redis)
    client = connect(redis.url, PATIENCE, tries=1)
    standing = client.getdel(view.reader.layout.standing)
    cut = view.reader.cut()
    assert cut.lookup([plays], shown("a"))[plays.column].tolist() == [0]
    client.set(view.reader.layout.standing, standing)
    assert cut.lookup([plays], shown("a"))[plays.column].tolist() == [0]
    assert (cut.missed, view.reader.missed) == ([ONLINE_VIEW], 2)
    assert view.reader.cut().lookup([plays], shown("a"))[plays.column].tolist() == [1]


def test_threads_that_share_a_cut_while_much_is_published_see_one_instant(redis: PrivateRedis) -> None:
    view = filled(redis)
    ended = threading.Event()

    def publish() -> None:
        for number in range(2, 3000):
            if ended.is_set():
                return
            played_again(view, number)

    thread = threading.Thread(target=publish)
    thread.start()
    reader = RedisView(connect(redis.url, PATIENCE, tries=1), view.reader.layout, view.reader.indices)
    try:
        for _ in range(60):
            cut, found = reader.cut(), []
            asks = [
                threading.Thread(target=lambda one=one, cut=cut, found=found: found.append(cut.lookup([one], shown("a"))[one.column][0]))
                for one in (plays, by_topic, plays, by_topic)
            ]
            for ask in asks:
                ask.start()
            for ask in asks:
                ask.join(PATIENCE)
            assert cut.missed == []
            at = cut.watermark
            known = sum(n * SECOND < at for n in (0, *range(2, 3000)))
            assert found == [known] * 4, "one cut, one instant"
    finally:
        ended.set()
        thread.join()


def test_another_instant_is_refused(redis: PrivateRedis) -> None:
    cut = filled(redis).reader.cut()
    with pytest.raises(Conflict, match="take another cut"):
        cut.lookup([plays], shown("a"), 5)
    np.testing.assert_array_equal(cut.lookup([plays], shown("a"), SECOND)[plays.column], [1])
