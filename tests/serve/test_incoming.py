"""Bodies as they come in: bounded, however they are compressed."""

import gzip
import zlib

import pytest

from millrace.errors import BadInput
from millrace.serve.incoming import MOST_BYTES, TooLarge, unpacked

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
