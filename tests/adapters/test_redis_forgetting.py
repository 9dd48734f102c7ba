"""Somebody is forgotten while nobody serves: what was published to Redis goes too, or it is said, owed, and done as soon as it can be."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from millrace.adapters.redis.connection import connect
from millrace.adapters.redis.online import place, publish, read
from millrace.decision import Decisions
from millrace.loading import load
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.facts import ONLINE_VIEW
from millrace.serve.home import Home
from millrace.stores.publications import Publications
from millrace.types import moment, objects
from tests.adapters.private_redis import PATIENCE, PrivateRedis
from tests.adapters.test_redis_replicas import until
from tests.cli.shop import Shop, opened
from tests.cli.test_serving import ITEM, answer, server

GONE = "user-17"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    (tmp_path / "shop").mkdir()
    return opened(tmp_path / "shop", monkeypatch, capsys)


def served(shop: Shop, url: str) -> None:
    """Publish the shop as a server does, with what somebody did in it, and end as a server ends."""
    loaded = load(str(shop.folder / "shop.py"))
    home = Home(shop.folder / ".millrace", loaded)
    engine = Engine(loaded, home)
    Publications(home.folder).note(loaded.name, place(url))
    engine.lead(partial(publish, url, loaded))
    at = moment(wall())
    stream = loaded.streams
    some = [stream["Item"](id=f"item-{n}", category="mugs", added_at=at) for n in range(3)]
    people = [stream["User"](id=one, country="nl") for one in (GONE, "user-8")]
    clicks = [stream["Click"](id=f"{one.id}-{n}", at=at, user=one.id, item=f"item-{n}") for one in people for n in range(3)]
    engine.ingest([*some, *people, *clicks])
    until(lambda: counted(shop, url) == ([1, 1, 1], []), "the clicks were not published")
    engine.close()
    home.close()


def counted(shop: Shop, url: str) -> tuple[list[int], list[str]]:
    """Return how often a reader sees that the forgotten one clicked mugs beyond others, of each item, and what it missed."""
    loaded = load(str(shop.folder / "shop.py"))
    view = read(url, loaded)
    found = looked(view.cut(), loaded)
    view.close()
    return found


def looked(cut, loaded) -> tuple[list[int], list[str]]:
    (taste,) = (one.aggregate for one in loaded.plan.reads.values() if len(one.routes) == 2)
    visit = {"id": objects(["r"]), "user": objects([GONE]), "at": np.zeros(1, dtype=np.int64)}
    items = Decisions(visit, {"request": np.zeros(3, dtype=np.int64), "candidate": objects(f"item-{n}" for n in range(3))})
    values = cut.lookup([taste], items)[taste.column]
    return [int(value > 0) for value in values.tolist()], cut.missed


def keys_of_the_gone(redis: PrivateRedis) -> list[bytes]:
    return [key for key in connect(redis.url, PATIENCE, tries=1).scan_iter(count=10_000) if GONE.encode() in key]


def test_after_forget_no_reader_sees_the_person_and_the_next_server_publishes_without(tmp_path, shop, monkeypatch):
    redis = PrivateRedis(tmp_path, password="hunter2")
    served(shop, redis.url)
    loaded = load(str(shop.folder / "shop.py"))
    reader = read(redis.url, loaded)
    old = reader.cut()
    assert looked(old, loaded) == ([1, 1, 1], []), "the standing is good for some minutes without a server"
    assert keys_of_the_gone(redis)

    monkeypatch.setenv("MILLRACE_ONLINE", redis.url)
    said = shop.millrace("forget", "shop.py", f"User:{GONE}", "--yes")
    assert (said.status, said.err) == (0, "")
    assert f"published to redis://127.0.0.1:{redis.port}/0" in said.out
    assert looked(old, loaded) == ([0, 0, 0], [ONLINE_VIEW])
    assert looked(reader.cut(), loaded) == ([0, 0, 0], [ONLINE_VIEW])
    assert reader.missed == 2
    assert connect(redis.url, PATIENCE, tries=1).dbsize() == 0
    assert Publications(shop.folder / ".millrace").all() == []
    assert "hunter2" not in said.out + "".join(path.read_text(errors="replace") for path in (shop.folder / ".millrace").glob("*.json"))

    engine_home = Home(shop.folder / ".millrace", loaded)
    engine = Engine(loaded, engine_home)
    engine.lead(partial(publish, redis.url, loaded))
    until(lambda: reader.cut().missed == [], "it was not published again")
    assert looked(reader.cut(), loaded) == ([0, 0, 0], [])
    assert not keys_of_the_gone(redis)
    engine.close()
    engine_home.close()
    redis.kill()


def test_a_redis_that_does_not_answer_is_said_and_done_by_the_next_forget(tmp_path, shop):
    redis = PrivateRedis(tmp_path)
    served(shop, redis.url)
    redis.pause()
    said = shop.millrace("forget", "shop.py", f"User:{GONE}", "--yes")
    assert said.status == 1
    assert "tombstone 1, " in said.out
    assert "NOT DONE: the view of shop" in said.out
    assert f"redis://127.0.0.1:{redis.port}/0 still holds what was forgotten: Redis does not answer (TimeoutError)" in said.out
    said = shop.millrace("forget", "shop.py", "--check")
    assert said.status == 1
    assert "still holds what was forgotten: millrace forget shop.py" in said.out
    redis.resume()
    assert keys_of_the_gone(redis), "nothing could be deleted"
    said = shop.millrace("forget", "shop.py")
    assert (said.status, said.err) == (0, "")
    assert not keys_of_the_gone(redis)
    assert counted(shop, redis.url) == ([0, 0, 0], [ONLINE_VIEW])
    assert shop.millrace("forget", "shop.py", "--check").status == 0
    redis.kill()


def test_a_password_that_is_missing_is_said_and_the_url_on_the_command_line_gives_it(tmp_path, shop):
    redis = PrivateRedis(tmp_path, password="hunter2")
    served(shop, redis.url)
    said = shop.millrace("forget", "shop.py", f"User:{GONE}", "--yes")
    assert said.status == 1
    assert "(AuthenticationError)" in said.out
    assert "with --online or MILLRACE_ONLINE where a password is needed" in said.out
    assert keys_of_the_gone(redis)
    assert shop.millrace("forget", "shop.py", "--online", redis.url).status == 0
    assert connect(redis.url, PATIENCE, tries=1).dbsize() == 0
    redis.kill()


def test_a_folder_without_a_note_is_helped_by_the_url(tmp_path, shop):
    redis = PrivateRedis(tmp_path)
    served(shop, redis.url)
    (shop.folder / ".millrace" / "published.json").unlink()
    client = connect(redis.url, PATIENCE, tries=1)
    client.set("millrace:shopping:other", "of another system")
    assert shop.millrace("forget", "shop.py", f"User:{GONE}", "--yes", "--online", redis.url).status == 0
    assert client.keys() == [b"millrace:shopping:other"]
    redis.kill()


@pytest.mark.server
def test_a_server_notes_where_it_publishes_and_the_next_one_deletes_what_is_owed(tmp_path):
    redis = PrivateRedis(tmp_path, password="hunter2")
    shop = tmp_path / "shop"
    shop.mkdir()
    assert answer(shop, "new", "shop")[0] == 0
    with server(shop, "--online", redis.url) as (client, _):
        told = [ITEM, {"type": "User", "id": GONE, "country": "nl"}, {"type": "Click", "id": "c1", "user": GONE, "item": "mug"}]
        assert client.post("/v1/events", json=told).json()["accepted"] == 3
        until(lambda: keys_of_the_gone(redis), "the click was not published")
    assert "hunter2" not in (shop / ".millrace" / "published.json").read_text()
    redis.pause()
    status, out, _ = answer(shop, "forget", "shop.py", f"User:{GONE}", "--yes", "--online", redis.url)
    assert (status, "NOT DONE" in out, "hunter2" in out) == (1, True, False)
    redis.resume()
    with server(shop, "--online", redis.url):
        until(lambda: read(redis.url, load(str(shop / "shop.py"))).cut().missed == [], "nothing was published")
        assert not keys_of_the_gone(redis)
    assert answer(shop, "forget", "shop.py", "--check")[0] == 0
    redis.kill()
