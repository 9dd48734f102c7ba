"""Bodies as they come in: bounded, however they are compressed."""

import asyncio
import gzip
import zlib

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request

from millrace.errors import BadInput
from millrace.serve.incoming import MOST_BYTES, TooLarge, body_of, unpacked

BODY = b'{"inputs": []}' * 9


def raw_deflate(body):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        pytest.param("", BODY, id="not packed"),
        pytest.param("identity", BODY, id="identity"),
        pytest.param("gzip", gzip.compress(BODY), id="gzip"),
        pytest.param("deflate", zlib.compress(BODY), id="deflate"),
        pytest.param("deflate", raw_deflate(BODY), id="deflate without a header"),
    ],
)
def test_body_is_unpacked(encoding, sent):
    assert unpacked(sent, encoding) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_body_that_would_grow_beyond_all_bounds_is_not_unpacked(encoding):
    bomb = bytes(MOST_BYTES + 1)
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(bomb) if encoding == "gzip" else zlib.compress(bomb), encoding)
    assert len(unpacked(zlib.compress(bytes(MOST_BYTES)), "deflate")) == MOST_BYTES


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        pytest.param("gzip", b"not packed", id="not gzip"),
        pytest.param("deflate", b"not packed", id="not deflate"),
        pytest.param("gzip", b"", id="empty"),
        pytest.param("gzip", gzip.compress(BODY)[:-4], id="cut off"),
        pytest.param("gzip", gzip.compress(BODY) + b"more", id="followed by something"),
        pytest.param("br", BODY, id="another encoding"),
        pytest.param("gzip, gzip", gzip.compress(gzip.compress(BODY)), id="packed twice"),
    ],
)
def test_damaged_or_unknown_packing_is_refused(encoding, sent):
    with pytest.raises(BadInput, match=r"gzip|deflate"):
        unpacked(sent, encoding)


def read(messages, *headers, most=MOST_BYTES):
    """Return the body that messages bring, and how many of them were waited for."""
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    scope = {"type": "http", "headers": headers, "app": Starlette()}
    scope["app"].state.most_bytes = most
    return asyncio.run(body_of(Request(scope, receive))), len(messages) - len(list(waiting))


def part(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def test_body_that_is_there_as_declared_is_not_waited_for_any_longer():
    end = part(b"", more=False)
    assert read([part(b"abc"), end], (b"content-length", b"3")) == (b"abc", 1)
    assert read([part(b"a"), part(b"bc"), end], (b"content-length", b"3")) == (b"abc", 2)
    assert read([part(b""), end], (b"content-length", b"0")) == (b"", 1)


def test_body_of_unsaid_length_is_read_to_its_end():
    assert read([part(b"a"), part(b"bc"), part(b"", more=False)]) == (b"abc", 3)
    assert read([part(b"abc", more=False)], (b"content-length", b"many")) == (b"abc", 1)


def test_body_that_ends_before_its_declared_end_was_cut_off():
    with pytest.raises(ClientDisconnect):
        read([part(b"ab"), {"type": "http.disconnect"}], (b"content-length", b"3"))


@pytest.mark.parametrize("headers", [[(b"content-length", b"4")], []])
def test_body_larger_than_is_taken_is_refused_whether_it_says_so_or_not(headers):
    with pytest.raises(TooLarge):
        read([part(b"ab"), part(b"cd")], *headers, most=3)
