"""What comes from the network is bounded and checked; whatever goes wrong is said with the address."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from millrace.datasets.dataset import Remote
from millrace.datasets.download import fetch
from millrace.errors import BadInput, NotFound, Unavailable

BODY = b"user_id,item_id\n" * 1000


class Answering(BaseHTTPRequestHandler):
    """Answers as the path asks: 200, a status, or a body that breaks off."""

    def do_GET(self) -> None:
        status = int(self.path.strip("/").partition("/")[0])
        self.send_response(status)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if status == 200:
            self.wfile.write(BODY[:100] if self.path.endswith("half") else BODY)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answering) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def remote(url: str, **settings: object) -> Remote:
    return Remote(url, **{"least": 1, "most": 1 << 20, **settings})  # type: ignore[arg-type]


def test_file_comes_whole_and_its_progress_is_told(server):
    told: list[float] = []
    assert fetch(remote(f"{server}/200", sha256=sha256(BODY).hexdigest()), told.append) == BODY
    assert told[-1] == 1.0


def test_local_address_is_read_like_any_other(tmp_path: Path):
    (tmp_path / "visits.csv").write_bytes(BODY)
    assert fetch(remote((tmp_path / "visits.csv").as_uri())) == BODY


@pytest.mark.parametrize(
    ("path", "settings", "error", "said"),
    [
        ("404", {}, NotFound, "is not there any more"),
        ("503", {}, Unavailable, "answers 503"),
        ("200/half", {}, Unavailable, "broke off|IncompleteRead|cannot be reached"),
        ("200", {"most": 99}, BadInput, "more than the 99 bytes"),
        ("200", {"least": 1 << 19}, BadInput, "at least 524288"),
        ("200", {"sha256": "0" * 64}, BadInput, "another SHA-256"),
    ],
)
def test_what_is_not_the_file_is_refused(server, path, settings, error, said):
    with pytest.raises(error, match=said) as raised:
        fetch(remote(f"{server}/{path}", **settings))
    assert server in str(raised.value)


def test_no_network_is_said_so():
    with pytest.raises(Unavailable, match="cannot be reached"):
        fetch(remote("http://127.0.0.1:1/visits.csv"))
