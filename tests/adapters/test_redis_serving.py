"""`millrace serve --online redis://…`, for real: what the server takes in, another process sees."""

import numpy as np
import pytest

from millrace.adapters.redis.online import read
from millrace.cli.scaffold import scaffold
from millrace.decision import Decisions
from millrace.loading import load
from millrace.types import objects
from tests.adapters.private_redis import PrivateRedis
from tests.adapters.test_redis_replicas import until
from tests.cli.test_serving import ITEM, answer, server

pytestmark = pytest.mark.server


def test_what_a_server_takes_in_is_seen_in_redis_and_its_password_in_no_output(tmp_path, monkeypatch):
    redis = PrivateRedis(tmp_path, password="hunter2")
    scaffold("shop", "rank", tmp_path)
    shop = load(str(tmp_path / "shop.py"))
    category = next(one for column, one in shop.plan.features.items() if column == "Item.category")
    monkeypatch.setenv("MILLRACE_ONLINE", redis.url)
    with server(tmp_path) as (client, process):
        view = read(redis.url, shop)
        until(lambda: view.cut().missed == [], "nothing was published")
        assert client.post("/v1/events", json=[ITEM]).json()["accepted"] == 1

        visit = {"id": objects(["r"]), "user": objects(["ada"]), "at": np.zeros(1, dtype=np.int64)}
        shown = Decisions(visit, {"request": np.zeros(1, dtype=np.int64), "candidate": objects(["mug"])})

        def seen() -> list[str | None]:
            cut = view.cut()
            return cut.lookup([category], shown, cut.watermark)[category.column].tolist()

        until(lambda: seen() == ["mugs"], "the item was not seen")
        redis.kill()
        until(lambda: client.get("/readyz").json().get("following", []) != [], "readiness does not say it")
        assert client.post("/v1/decide", json={"id": "visit-1", "user": "ada"}).status_code == 200
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert "the online view is not published to redis://127.0.0.1" in err
    assert "hunter2" not in out + err


def test_a_url_of_something_else_is_refused_before_anything_is_served(tmp_path):
    scaffold("shop", "rank", tmp_path)
    status, _, err = answer(tmp_path, "serve", "shop.py", "--port", "0", "--online", "mysql://ada:hunter2@db/0")
    assert (status, err.strip()) == (1, "error: --online takes a URL that begins with redis://, rediss://, unix://")
