import asyncio

import msgspec
import pytest

from millrace.serve.admission import Limit
from millrace.serve.door import Door
from millrace.serve.metrics import Metrics


def knocked(limit, metrics, path="/v1/decide", kind="http"):
    """Return what is sent to a caller of an application behind a door, and whether the application was asked."""
    sent, asked = [], []

    async def app(scope, receive, send):
        asked.append(scope["path"])

    async def receive():
        raise AssertionError("the body of who is turned away is not read")

    async def send(message):
        sent.append(message)

    asyncio.run(Door(app, path="/v1/decide", limit=limit, metrics=metrics)({"type": kind, "path": path}, receive, send))
    return sent, asked


def test_who_finds_the_limit_reached_is_turned_away_unread_and_counted():
    metrics = Metrics("shelf")
    (start, body), asked = knocked(Limit(limit=8, under_way=8), metrics)
    assert (start["status"], dict(start["headers"])[b"retry-after"], asked) == (429, b"1", [])
    assert msgspec.json.decode(body["body"])["error"]["message"] == "more ask than can be answered soon: ask again later"
    said = metrics.text(None).decode()
    assert 'millrace_errors_total{status="429",system="shelf"} 1.0' in said
    assert 'millrace_request_seconds_count{route="/v1/decide",system="shelf"} 1.0' in said


@pytest.mark.parametrize(
    ("under_way", "path", "kind"), [(7, "/v1/decide", "http"), (8, "/v1/events", "http"), (8, "/readyz", "http"), (8, "", "lifespan")]
)
def test_all_others_pass(under_way, path, kind):
    assert knocked(Limit(limit=8, under_way=under_way), Metrics("shelf"), path, kind) == ([], [path])
