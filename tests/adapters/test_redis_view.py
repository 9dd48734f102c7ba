"""What is written to Redis: how long it lives, what is left of earlier publications, and who may read it."""

import re
import time
from typing import Any

import numpy as np
import pytest

from millrace.adapters.redis import publishing
from millrace.adapters.redis.connection import connect, named
from millrace.adapters.redis.layout import KEPT, LEASE, PAST, SLACK, Layout, id_of, joint_piece, key_text
from millrace.adapters.redis.noting import Noted
from millrace.adapters.redis.ranking import Indices
from millrace.adapters.redis.reading import RedisView
from millrace.cli.online import store_of
from millrace.errors import BadInput, Conflict, DeclarationError, NotFound, Unavailable
from millrace.features.declare import count
from millrace.features.declare_patterns import since
from millrace.features.plan import plan
from millrace.features.snapshot import restore, snapshot
from millrace.serve.facts import ONLINE_VIEW
from millrace.types import HOUR, MINUTE, SECOND, objects
from tests.adapters.private_redis import PrivateRedis
from tests.adapters.shared import Shared
from tests.features.test_online import Clip, Home, Play, User, clips, played, plays, shown

ever = count(Play, per=User, over="ever")
joint = count(Play, per=(User, Clip), over="10m")


def shared(redis: PrivateRedis, *features: Any, **settings: Any) -> Shared:
    return Shared(plan(Home, Clip, features), redis.url, **settings)


def life(view: Shared, redis: PrivateRedis, name: str) -> int:
    """Return how many milliseconds the states of a key have to live; -1 is for ever."""
    client = connect(redis.url, 1.0, tries=1)
    (key,) = [key for key in client.scan_iter(match=f"millrace:{view.name}:*", count=1000) if re.search(rf":k\d+:{name}$", key.decode())]
    return client.pttl(key)


def test_rows_live_as_long_as_their_longest_window_and_no_longer_than_they_may_be_read_once_they_say_nothing(redis: PrivateRedis) -> None:
    view = shared(redis, plays, joint, ever)
    view.apply({"Play": played(("u1", "a", 1.0, 0), ("u2", "b", 1.0, MINUTE))})
    view.publish(MINUTE + 1)
    slack, soon = SLACK // 1000, 5000
    assert 0 < (HOUR + MINUTE) // 1000 + slack - life(view, redis, "sa") < soon
    assert 0 < (10 * MINUTE + 10 * SECOND) // 1000 + slack - life(view, redis, "3:su12:sa") < soon
    assert life(view, redis, "su1") == -1
    view.publish(30 * MINUTE)
    assert 0 < slack - life(view, redis, "3:su12:sa") < soon
    assert life(view, redis, "sa") > slack
    assert life(view, redis, "su1") == -1
    assert LEASE < SLACK, "a standing never speaks of rows that are gone"


def test_rows_that_were_replaced_are_kept_for_readers_and_not_longer(redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    view = shared(redis, plays)
    client = connect(redis.url, 1.0, tries=1)
    for n in range(200):
        view.apply({"Play": played(("u1", "a", 1.0, n * SECOND), position=n)})
        view.publish(n * SECOND + 1)
        now[0] += 0.1
    (past,) = [key for key in client.scan_iter(match=f"millrace:{view.name}:*") if key.endswith(f"sa{PAST}".encode())]
    kept = KEPT / SECOND / 0.1
    assert kept <= client.llen(past) <= kept + 3
    assert 0 < client.pttl(past) <= 60_000


def test_a_cut_too_old_to_be_read_is_a_miss_and_never_another_instant(redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    view = shared(redis, plays)
    view.apply({"Play": played(("u1", "a", 1.0, 0))})
    old = view.cut(1)
    for n in range(2, 4):
        now[0] += 2 * KEPT / SECOND
        view.apply({"Play": played(("u1", "a", 1.0, n), position=100 + n)})
        view.publish(n + 1)
    assert old.lookup([plays], shown("a"), 1)[plays.column].tolist() == [0]
    assert old.missed == [ONLINE_VIEW]
    with pytest.raises(Conflict, match="take another cut"):
        old.lookup([plays], shown("a"), 2)


def test_a_publisher_that_starts_again_from_an_old_snapshot_republishes_and_leaves_nothing_behind(redis: PrivateRedis) -> None:
    first = shared(redis, plays, ever, Clip.topic)
    first.apply({"Clip": clips(("a", "c", "news", 0)), "Play": played(("u1", "a", 1.0, 0))})
    saved = snapshot(first.view)
    more = {"Play": played(("u1", "a", 1.0, SECOND), ("u2", "b", 1.0, 2 * SECOND), position=101)}
    first.apply(more)
    old = first.cut(3 * SECOND)
    expected = old.lookup([plays, ever, Clip.topic], shown("a", "b"), 3 * SECOND)
    again = shared(redis, plays, ever, Clip.topic, view=restore(first.view.plan, saved), name=first.name)
    again.apply(more)  # delivered a second time
    found = again.lookup([plays, ever, Clip.topic], shown("a", "b"), 3 * SECOND)
    assert {name: values.tolist() for name, values in found.items()} == {name: values.tolist() for name, values in expected.items()}
    assert old.lookup([plays], shown("a"), 3 * SECOND)[plays.column].tolist() == [0]
    assert old.missed == [ONLINE_VIEW], "it read a publication that is being deleted"
    client = connect(redis.url, 1.0, tries=1)
    for _ in range(5):
        again.publisher.tidy()
    generations = {key.split(b":")[3] for key in client.scan_iter(match=f"millrace:{first.name}:*")} - {b"standing", b"claim"}
    assert generations == {again.reader.standing().generation.encode()}


def test_a_redis_that_was_emptied_is_noticed_at_the_next_beat_and_filled_again(redis: PrivateRedis) -> None:
    view = shared(redis, plays)
    view.apply({"Play": played(("u1", "a", 1.0, 0))})
    view.publish(1)
    client = connect(redis.url, 1.0, tries=1)
    client.delete(*client.scan_iter(match=f"millrace:{view.name}:*"))
    cut = view.reader.cut()
    assert cut.lookup([plays], shown("a"), cut.watermark)[plays.column].tolist() == [0]
    assert (cut.missed, view.reader.missed) == ([ONLINE_VIEW], 1)
    with pytest.raises(Conflict, match="emptied or restored"):
        view.publish(2)
    assert view.lookup([plays], shown("a"), 3)[plays.column].tolist() == [1]
    assert view.reader.trouble == ""


def test_a_value_of_which_only_the_half_arrived_leaves_no_trace_once_it_has_changed_again(
    redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_AT_ONCE", 1)
    view = shared(redis, Clip.channel)
    client = view.publisher._client
    view.apply({"Clip": clips(("a", "x", "t", 0), ("b", "x", "t", 0))})
    view.publish(1)
    view.apply({"Clip": clips(("a", "y", "t", 0), ("b", "y", "t", 0), known=2) | {"position": np.array([10, 11])}})
    view.publisher._client = Breaking(client, after=1)
    with pytest.raises(ConnectionError):
        view.publish(3)
    view.publisher._client = client
    assert view.reader.cut().having(Clip.channel, objects(["x"]))[1].tolist() == ["a", "b"], "nobody reads the half"
    view.apply({"Clip": clips(("a", "z", "t", 0), known=4) | {"position": np.array([12])}})
    where, ids = view.cut(5).having(Clip.channel, objects(["x", "y", "z"]))
    assert (where.tolist(), ids.tolist()) == ([1, 2], ["b", "a"])


class Breaking:
    """A connection that breaks after so many messages."""

    def __init__(self, client: Any, after: int) -> None:
        self._client = client
        self._left = after

    def pipeline(self, transaction: bool) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError("it broke")
        return self._client.pipeline(transaction=transaction)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_redis_that_would_drop_rows_in_silence_is_not_published_to(mortal_redis: PrivateRedis) -> None:
    connect(mortal_redis.url, 1.0, tries=1).config_set("maxmemory-policy", "allkeys-lru")
    view = shared(mortal_redis, plays)
    with pytest.raises(Unavailable, match=r"allkeys-lru.*set maxmemory-policy to noeviction"):
        view.publish(1)
    connect(mortal_redis.url, 1.0, tries=1).config_set("maxmemory-policy", "noeviction")
    assert view.lookup([plays], shown("a"), 1)[plays.column].tolist() == [0]


def test_what_is_noted_while_nobody_takes_it_does_not_grow() -> None:
    noted = Noted()
    for n in range(5000):
        noted.note(np.array([n % 7, 3]))
    assert len(noted._parts) <= 1001
    assert noted.take().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert noted.take().tolist() == []


def test_views_of_other_features_and_other_systems_are_never_mistaken_for_this_one(redis: PrivateRedis) -> None:
    view = shared(redis, plays)
    view.apply({"Play": played(("u1", "a", 1.0, 0))})
    view.publish(1)
    for system, features in ((view.name, [plays, ever]), ("another", [plays])):
        reader = RedisView(connect(redis.url, 1.0, tries=1), Layout(system, plan(Home, Clip, features)), Indices())
        assert reader.cut().missed == [ONLINE_VIEW]
        assert "nobody publishes" in reader.trouble


def test_only_what_a_source_asks_for_is_enumerated(redis: PrivateRedis) -> None:
    planned = plan(Home, Clip, [plays])
    reader = RedisView(connect(redis.url, 1.0, tries=1), Layout("unranked", planned), Indices())
    with pytest.raises(NotFound, match="keeps no ranking"):
        reader.cut().top(plays, 3, reader.cut().watermark)
    with pytest.raises(DeclarationError, match="changes as time passes"):
        Indices((since(Play, per=Clip, over="1h"),))


def test_keys_read_alike_when_they_are_equal_and_sort_as_they_do() -> None:
    numbers = [-1e300, -5, -0.5, 0, 0.5, 1, 2, 10, 2**60, 1e300]
    texts = [key_text(one) for one in numbers]
    assert texts == sorted(texts)
    assert [id_of(text) for text in texts] == numbers
    assert key_text(1) == key_text(1.0) == key_text(True) != key_text("1")
    assert key_text(-0.0) == key_text(0)
    assert id_of(key_text("a:b")) == "a:b"
    assert id_of(key_text(b"\xff")) == b"\xff"
    assert id_of(key_text(2**60 + 1)) == 2**60 + 1
    assert "".join(map(joint_piece, ["a", "bc"])) != "".join(map(joint_piece, ["ab", "c"]))


def test_a_url_that_is_none_is_refused_without_repeating_what_it_holds() -> None:
    for url in ("postgres://ada:hunter2@db/1", "hunter2", "redis:hunter2"):
        with pytest.raises(BadInput, match="--online takes a URL that begins with redis://") as refused:
            store_of(url)
        assert "hunter2" not in str(refused.value)
    assert named("redis://ada:hunter2@cache:6379/0?password=hunter2") == "redis://cache:6379/0"
    with pytest.raises(BadInput, match="redis://cache:port/0 is no URL"):
        connect("redis://:hunter2@cache:port/0", 1.0, tries=1)
