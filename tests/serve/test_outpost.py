"""A replica's copy of what was released follows its owner: over a real socket, while it is read, and when the owner breaks off."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from millrace.errors import Unavailable
from millrace.serve.engine import Engine
from millrace.serve.outpost import Copy, Outpost
from millrace.serve.owning import knows
from millrace.serve.reaching import by_socket, by_url
from millrace.serve.released import HOME, listed
from millrace.stores.audit import Change
from tests.serve.running import PATIENCE, install, running
from tests.serve.test_handing import listening

pytestmark = pytest.mark.server

TOKEN = "the secret of both sides"
CHANGE = Change(0, "test", "to be followed")


@pytest.fixture
def owner(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    path = tmp_path_factory.mktemp("s") / "owner.sock"
    with running(tmp_path / "home") as engine, listening(engine, path, knows(TOKEN), engine.home.folder):
        yield engine, path


def copy_of(owner: tuple[Engine, Path], folder: Path, token: str = TOKEN) -> Copy:
    return Copy(folder, by_socket(str(owner[1])), token)


def test_what_is_released_there_is_read_here_and_nothing_is_copied_twice(owner, tmp_path):
    engine, copy = owner[0], copy_of(owner, tmp_path / "copy")
    assert copy.catch_up()
    assert not copy.catch_up()
    name = engine.loaded.name
    with closing(Outpost.at(tmp_path / "copy", None)) as here:
        assert here.releases.standing(name).champion is None
        for seed in (1, 2):
            release = install(engine, seed)
            assert copy.catch_up()
            standing = here.releases.standing(name)
            assert standing == engine.home.releases.standing(name)
            assert standing.champion == release
            version = here.releases.get(release).versions["ranker"]
            there = engine.home.registry.folder(version)
            assert {one.name: one.read_bytes() for one in here.registry.folder(version).iterdir()} == {
                one.name: one.read_bytes() for one in there.iterdir()
            }
        engine.home.halts.begin(name, "champion", release, CHANGE)
        assert copy.catch_up()
        assert here.halts.now(name) == engine.home.halts.now(name)
    assert not copy.catch_up()
    after = listed(tmp_path / "copy")
    assert copy_of(owner, tmp_path / "copy").catch_up(), "a copy that starts anew takes the database again"
    assert {one: after[one] for one in after if one != "millrace.db"} == {
        one: stamp for one, stamp in listed(tmp_path / "copy").items() if one != "millrace.db"
    }, "and none of the files that it has"


def test_what_changed_or_went_there_changes_or_goes_here(owner, tmp_path):
    engine, copy = owner[0], copy_of(owner, tmp_path / "copy")
    install(engine)
    version = engine.home.folder / "versions" / "ranker"
    for name, content in (("one", b"her name"), ("two", b"his name")):
        (version / name).write_bytes(content)
    copy.catch_up()
    (version / "one").write_bytes(b"(forgot)")
    (version / "two").unlink()
    assert copy.catch_up()
    here = tmp_path / "copy" / "versions" / "ranker"
    assert ((here / "one").read_bytes(), (here / "two").exists()) == (b"(forgot)", False)


def test_who_reads_meanwhile_finds_the_old_or_the_new_and_no_error(owner, tmp_path):
    engine, copy = owner[0], copy_of(owner, tmp_path / "copy")
    seen: list[str] = []
    releases = [install(engine, 0)]
    copy.catch_up()
    ended = threading.Event()

    def read() -> None:
        with closing(Outpost.at(tmp_path / "copy", None)) as here:
            while not ended.is_set():
                champion = here.releases.standing(engine.loaded.name).champion
                here.registry.folder(here.releases.get(champion or "").versions["ranker"])
                seen.append(champion or "")

    with ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(read) for _ in range(2)]
        for seed in range(1, 12):
            releases.append(install(engine, seed))
            copy.catch_up()
        ended.set()
        for one in reading:
            one.result(PATIENCE)
    assert seen
    assert set(seen) <= set(releases)


def test_another_token_gets_nothing_and_what_is_here_stays(owner, tmp_path):
    release = install(owner[0])
    copy_of(owner, tmp_path / "copy").catch_up()
    with pytest.raises(Unavailable, match="--token-file"):
        copy_of(owner, tmp_path / "copy", "a token that is none").catch_up()
    with closing(Outpost.at(tmp_path / "copy", None)) as here:
        assert here.releases.standing(owner[0].loaded.name).champion == release


@pytest.mark.parametrize("name", ["log.key", "log/inbox.db", "versions/../log.key", "../elsewhere"])
def test_nothing_else_of_the_machine_is_given(owner, tmp_path, name):
    (owner[0].home.folder / "log.key").write_bytes(b"secret")
    with pytest.raises(Unavailable):
        copy_of(owner, tmp_path / "copy")._take(name, tmp_path / "taken")
    assert not (tmp_path / "taken").exists()


def test_owner_that_is_not_there_is_said(tmp_path):
    with pytest.raises(Unavailable, match="does not answer"):
        Copy(tmp_path, by_url("http://127.0.0.1:9"), TOKEN).catch_up()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[[dict[str, bytes]], str]]:
    """Serve made-up answers by path, each cut off in the midst where it ends in `...`."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def serve(answers: dict[str, bytes]) -> str:
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = answers.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write((body or b"").removesuffix(b"..."))

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Answers)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("files", "given", "said"),
    [
        pytest.param({"millrace.db": (1, 1), "../../crontab": (1, 1)}, {}, "would write '../../crontab'", id="outside of the folder"),
        pytest.param({"millrace.db": (1, 1), "versions/../x/y": (1, 1)}, {}, "would write", id="by a way around"),
        pytest.param({"millrace.db": (1, 1), "shop.py": (1, 1)}, {}, "would write 'shop.py'", id="another file"),
        pytest.param({"millrace.db": (9, 1)}, {"millrace.db": b"SQLite..."}, "broke off millrace.db", id="cut off"),
        pytest.param({"millrace.db": (4, 1)}, {"millrace.db": b"junk"}, "could not be brought up", id="no database"),
        pytest.param({"millrace.db": (4, 1)}, {}, "404", id="not given"),
    ],
)
def test_owner_that_is_none_harms_nothing(tmp_path, other, files, given, said):
    url = other({HOME: msgspec.msgpack.encode(files), **{f"{HOME}/{name}": body for name, body in given.items()}})
    folder = tmp_path / "a" / "copy"
    with pytest.raises(Unavailable, match=said):
        Copy(folder, by_url(url), TOKEN).catch_up()
    assert sorted(one.name for one in folder.rglob("*") if one.suffix != ".unfinished" and not one.name.startswith("millrace.db")) == []
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_server_without_a_token_is_told_what_it_lacks(tmp_path, other):
    with pytest.raises(Unavailable, match="start it with --token-file"):
        Copy(tmp_path / "copy", by_url(other({})), TOKEN).catch_up()
