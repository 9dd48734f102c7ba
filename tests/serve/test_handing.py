"""Handing records to the owner of a log over a socket: real servers that come, go, and answer only half."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from anyio.from_thread import start_blocking_portal

from millrace.errors import BadInput, Conflict, Unavailable
from millrace.log.streams import codec_of
from millrace.serve.app import on_path
from millrace.serve.engine import Engine
from millrace.serve.following import FollowedView, Pulse
from millrace.serve.handing import Owner
from millrace.serve.owning import RECORDS, beside, knows, records_app, token_of
from millrace.serve.reaching import by_socket, by_url
from millrace.serve.replica import Replica
from millrace.serve.transit import gathered, packed
from millrace.types import moment
from tests.serve.running import PATIENCE, START, ask, running, stock

pytestmark = pytest.mark.server


@contextmanager
def listening(engine: Engine, path: Path, is_one_of_us: Any = lambda _: True, folder: Path | None = None) -> Iterator[None]:
    """Take records for an engine on a socket, and give what was released in a folder."""
    with start_blocking_portal() as portal:

        async def begin() -> Any:
            server = on_path(path)(records_app(engine, engine.home.log.store.streams, is_one_of_us, folder))
            task = asyncio.get_running_loop().create_task(server.serve())
            while not path.is_socket():
                await asyncio.sleep(0.01)
            return server, task

        async def end(server: Any, task: Any) -> None:
            server.stop()
            await task

        server, task = portal.call(begin)
        try:
            yield
        finally:
            portal.call(end, server, task)


@contextmanager
def owner(path: Path, patience_s: float = PATIENCE) -> Iterator[Owner]:
    with closing(Owner(by_socket(str(path)), patience_s=patience_s)) as one:
        yield one


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with running(tmp_path / "home") as one:
        one.ingest(stock(one))
        yield one


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "owner.sock"


def test_receipt_is_that_of_the_log_and_a_record_counts_once(engine, path):
    event = engine.loaded.streams["Use"]
    one = event(id="u1", at=moment(START), person="p0", item="i1", seconds=float("nan"))
    with listening(engine, path), owner(path) as handing:
        assert oct(path.stat().st_mode & 0o777) == "0o600", "only this user can open it"
        first = handing.submit([one, event(at=moment(START), person="p0", item="i2")]).result(PATIENCE)
        again = handing.submit([one]).result(PATIENCE)
    assert first.duplicates.tolist() == [False, False]
    assert len(set(first.ids.tolist())) == 2, "what had no id has one"
    assert (again.duplicates.tolist(), again.positions.tolist()) == ([True], [first.positions[0]])
    assert engine.home.log.find(event, "u1").item == "i1"


def test_each_submission_is_accepted_or_refused_by_itself(engine, path):
    event = engine.loaded.streams["Use"]
    with listening(engine, path), owner(path) as handing:
        handing.submit([event(id="u", at=moment(START), person="p0", item="i1")]).result(PATIENCE)
        good, conflict, early = (
            handing.submit([event(id=name, at=moment(at), person="p0", item="i2")])
            for name, at in (("v", START), ("u", START), ("w", START + 10**12))
        )
        assert good.result(PATIENCE).duplicates.tolist() == [False]
        with pytest.raises(Conflict):
            conflict.result(PATIENCE)
        with pytest.raises(BadInput) as refused:
            early.result(PATIENCE)
    with pytest.raises(BadInput) as expected:
        engine.ingest([event(id="w", at=moment(START + 10**12), person="p0", item="i2")])
    assert refused.value.field == expected.value.field
    assert engine.home.log.find(event, "w") is None


def test_what_waits_while_the_owner_is_away_is_taken_when_it_comes(engine, path):
    event = engine.loaded.streams["Use"]
    with owner(path) as handing, ThreadPoolExecutor(8) as many:
        waiting = [many.submit(handing.submit, [event(id=f"u{n}", at=moment(START), person="p0", item="i1")]) for n in range(8)]
        futures = [one.result(PATIENCE) for one in waiting]
        while not handing.trouble:
            time.sleep(0.01)
        assert not any(one.done() for one in futures)
        with listening(engine, path):
            assert all(one.result(PATIENCE).duplicates.tolist() == [False] for one in futures)
            assert handing.trouble == ""
            assert handing.last_known == engine.home.log.last_known


def test_owner_that_stays_away_is_said_and_nothing_is_answered_that_is_not_logged(engine, path):
    asked = ask(engine, "unlogged")
    with (
        owner(path, patience_s=0.2) as handing,
        engine_view(engine) as view,
        closing(Replica(engine.loaded, engine.home, view, handing, patient=True)) as replica,
    ):
        with pytest.raises(Unavailable, match="may or may not be logged") as refused:
            replica.decide([asked])
        assert refused.value.retry_after_s >= 1
        assert "does not answer" in replica.away()
        assert engine.home.log.decision("unlogged") is None
        with listening(engine, path):
            assert replica.away() == ""
            (decided,) = replica.decide([asked])
            assert engine.home.log.decision("unlogged") == decided


@contextmanager
def engine_view(engine: Engine) -> Iterator[Any]:
    """Give the view of an engine as one that is published: for tests in which nothing else happens."""
    path = engine.home.folder / "pulse"
    engine.lead(lambda *_: Pulse(path, engine.reached, lambda: engine.home.log.last_known))
    yield FollowedView(engine.loaded, engine.home, path)


def test_answer_that_was_cut_off_is_asked_for_again(engine, tmp_path):
    """A proxy lets the first records through and hangs up instead of answering."""
    event = engine.loaded.streams["Use"]
    inner = records_app(engine, engine.home.log.store.streams)
    hung_up = threading.Event()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with start_blocking_portal() as portal:
                answered = portal.call(_forwarded, inner, self.path, body)
            if not hung_up.is_set():
                hung_up.set()
                self.close_connection = True
                return
            self.send_response(answered.status_code)
            self.send_header("content-length", str(len(answered.content)))
            self.end_headers()
            self.wfile.write(answered.content)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with closing(Owner(by_url(f"http://127.0.0.1:{server.server_port}"), patience_s=PATIENCE)) as handing:
            nameless = handing.submit([event(at=moment(START), person="p0", item="i1")]).result(PATIENCE)
        server.shutdown()
        thread.join()
    assert hung_up.is_set()
    assert nameless.duplicates.tolist() == [True], "it was logged the first time, and sent again under the same id"
    assert engine.home.log.counts()["Use"] == 1


async def _forwarded(app: Any, path: str, body: bytes) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://owner") as client:
        return await client.post(path, content=body)


def test_decision_as_of_an_instant_that_has_not_come_is_not_taken(engine, path):
    asked = ask(engine, "ahead")
    (decided,) = engine.answer(codec_of(type(asked)).columns([asked]))
    ahead = msgspec.structs.replace(decided, watermark=engine.clock.now() + 10**12)
    with listening(engine, path), owner(path) as handing, pytest.raises(Unavailable, match="has not come"):
        handing.submit([asked, ahead]).result(PATIENCE)


def test_only_who_shows_the_token_hands_records_in(engine):
    token = "0123456789abcdef"
    streams = engine.home.log.store.streams
    public = httpx.Response(418)

    async def other(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": public.status_code, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = beside(other, records_app(engine, streams, knows(token)))
    body = gathered([packed([engine.loaded.streams["Use"](id="u", at=moment(START), person="p0", item="i1")])])

    async def ask_all() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://owner") as client:
            shown: list[dict[str, str]] = [{}, {"x-millrace-token": "0123456789abcdeg"}, {"x-millrace-token": token}]
            got = [(await client.post(RECORDS, content=body, headers=one)).status_code for one in shown]
            got += [(await client.get(f"{RECORDS}/Use/u", headers=one)).status_code for one in shown]
            return [*got, (await client.get("/v1/recordsets")).status_code]

    with start_blocking_portal() as portal:
        assert portal.call(ask_all) == [401, 401, 200, 401, 401, 200, 418]


@pytest.mark.parametrize(
    "written, mode, said",
    [("short", 0o600, "no token of 16"), ("0123456789abcdef", 0o644, "others can read"), (None, 0, "cannot be read")],
)
def test_token_that_protects_nothing_is_refused(tmp_path, written, mode, said):
    path = tmp_path / "token"
    if written is not None:
        path.write_text(written)
        os.chmod(path, mode)
    with pytest.raises(BadInput, match=said):
        token_of(path)


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "host:8000", "http://host/path"])
def test_url_that_is_none_of_a_server_is_refused(url):
    with pytest.raises(BadInput, match="--owner takes the URL"):
        by_url(url)
