"""Requests as no client would send them: valid ones whose bytes, body, length, framing or headers were changed, drawn from a seed."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.siege.besieged import GOODS


@dataclass(frozen=True)
class Valid:
    """A request that is answered with 200, or 404 where what it names was never decided."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[str, ...] = ()

    def bytes(self, *more: str, length: int | None = None, body: bytes | None = None) -> bytes:
        """Return it as it is sent, perhaps with other headers, another length or another body."""
        sent = self.body if body is None else body
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: shelf", *self.headers, *more]
        lines += [f"content-length: {len(sent) if length is None else length}"]
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + sent


@dataclass(frozen=True)
class Shot:
    """What is sent on one connection.

    Attributes:
        kind: How it was made.
        parts: The bytes, sent one after the other.
        is_whole: Whether an answer must come though the sender goes on listening; otherwise it hangs up.
    """

    kind: str
    parts: tuple[bytes, ...]
    is_whole: bool = True


def _rows() -> bytes:
    numbers = [{"name": name, "datatype": "FP64", "shape": [2], "data": [1.0, None]} for name in ("bought", "mine")]
    texts = [{"name": name, "datatype": "BYTES", "shape": [2], "data": ["a", None]} for name in ("Good.kind", "Visitor.country")]
    return json.dumps({"id": "q", "inputs": numbers + texts}).encode()


def _packed() -> tuple[bytes, int]:
    numbers, texts = np.array([1.0, 2.0]).tobytes(), b"".join(struct.pack("<I", 1) + one for one in (b"a", b"b"))
    said = [
        {"name": name, "datatype": kind, "shape": [2], "parameters": {"binary_data_size": len(data)}}
        for name, kind, data in (
            ("bought", "FP64", numbers),
            ("mine", "FP64", numbers),
            ("Good.kind", "BYTES", texts),
            ("Visitor.country", "BYTES", texts),
        )
    ]
    head = json.dumps({"inputs": said, "parameters": {"binary_data_output": True}}).encode()
    return head + 2 * numbers + 2 * texts, len(head)


def valid(version: str) -> list[Valid]:
    """Return a request of every endpoint.

    Args:
        version: A version of the ranker.
    """
    look = {"id": "look", "visitor": "ada", "limit": 2, "at": None}
    buy = {"type": "Buy", "id": "buy", "at": "2026-01-02T00:00:00Z", "visitor": "ada", "good": "good-1", "cents": 3}
    packed, head = _packed()
    binary = (f"inference-header-content-length: {head}",)
    change = json.dumps({"why": "to see", "release": "r0001", "seen": 2, "share": 0.5, "within": "10ms", "keep": "1h", "to": "champion"})
    said = ("content-type: application/json",)
    gets = ["/v1/decisions/look", "/v1/decisions/look/explain", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/rollout", "/v2"]
    gets += ["/v2/health/live", "/v2/health/ready", "/v2/models/ranker", "/v2/models/ranker/ready", f"/v2/models/ranker/versions/{version}"]
    return [
        *(Valid("GET", path) for path in gets),
        Valid("POST", "/v1/decide", json.dumps(look).encode(), said),
        Valid("POST", "/v1/decide", json.dumps([look, {"visitor": "bob"}]).encode()),
        Valid("POST", "/v1/events", json.dumps([*GOODS, buy]).encode(), said),
        Valid("POST", "/v1/decisions/look/outcome", json.dumps({"type": "Buy", "good": "good-1"}).encode()),
        *(
            Valid("POST", f"/v1/rollout/{name}", change.encode(), said)
            for name in ("promote", "canary", "rollback", "withdraw", "switch", "resume")
        ),
        Valid("POST", "/v2/repository/index", b'{"ready": true}'),
        Valid("POST", "/v2/models/ranker/infer", _rows()),
        Valid("POST", f"/v2/models/ranker/versions/{version}/infer", _rows()),
        Valid("POST", "/v2/models/ranker/infer", packed, binary),
    ]


TOKENS = (
    b"1e400", b"-1e400", b"NaN", b"Infinity", b"-0", b"9" * 400, b"1" + b"0" * 18, b"-9223372036854775809", b"1.5", b"null", b"true",
    b'""', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"' + b"x" * 5000 + b'"', b"[]", b"{}",
    b'{"a":1,"a":2}', b'"0000-00-00T00:00:00Z"', b'"9999-12-31T23:59:59Z"', b'"0001-01-01T00:00:00Z"', b'"2026-01-01T00:00:00+99:99"',
    b"[[[[[[]]]]]]", b"\xf0\x9f",
)  # fmt: skip
"""What a value of a body is changed into."""


def changed_bytes(one: Valid, chance: np.random.Generator) -> Shot:
    """Flip, drop, double or insert some bytes of the body; its length is said as it is."""
    body = bytearray(one.body or b"{}")
    for _ in range(int(chance.integers(1, 6))):
        place = int(chance.integers(len(body) + 1))
        how = int(chance.integers(4))
        if how == 0:
            body[place : place + 1] = chance.bytes(1)
        elif how == 1:
            body[place : place + int(chance.integers(1, 9))] = b""
        elif how == 2:
            body[place:place] = chance.bytes(int(chance.integers(1, 9)))
        else:
            body[place:place] = body[place : place + 20]
    return Shot("changed bytes", (one.bytes(body=bytes(body)),))


def odd_value(one: Valid, chance: np.random.Generator) -> Shot:
    """Put something odd in the place of a value or a name."""
    body = one.body or b'{"a": 1}'
    cuts = [n for n, byte in enumerate(body) if byte in b":,[{"]
    place = cuts[int(chance.integers(len(cuts)))] + 1 if cuts else 0
    rest = body[place:]
    end = next((n for n, byte in enumerate(rest) if byte in b",]}"), len(rest))
    return Shot("odd value", (one.bytes(body=body[:place] + TOKENS[int(chance.integers(len(TOKENS)))] + rest[end:]),))


def deep(one: Valid, chance: np.random.Generator) -> Shot:
    """Nest the body deeper than anybody reads."""
    n = int(chance.choice([100, 1000, 5000, 100_000]))
    opening, closing = ((b"[", b"]"), (b'{"a":', b"}"))[int(chance.integers(2))]
    return Shot("deep", (one.bytes(body=opening * n + b"1" + closing * (n if chance.random() < 0.5 else 0)),))


def lying_length(one: Valid, chance: np.random.Generator) -> Shot:
    """Say another length than the body's; where it is larger, the sender hangs up instead of sending the rest."""
    length = int(chance.choice([0, 1, max(0, len(one.body) - 1), len(one.body) + 7, 10**7, 10**12]))
    return Shot("lying length", (one.bytes(length=length),), is_whole=False)


def odd_length(one: Valid, chance: np.random.Generator) -> Shot:
    """Say no length, two, or one that is no number."""
    said = str(chance.choice(["-1", "1e3", "abc", "", "+5", "0x10", "9" * 40, "5, 6"]))
    head = one.bytes(body=b"").replace(b"content-length: 0", b"content-length: " + said.encode())
    return Shot("odd length", (head + one.body,), is_whole=False)


def chunked(one: Valid, chance: np.random.Generator) -> Shot:
    """Send the body in chunks, whose sizes may be wrong, enormous or no numbers, and whose end may be missing."""
    size = [f"{len(one.body):x}", f"{len(one.body) + 3:x}", "ffffffffffffffff", "-1", "zz", f"{len(one.body):x};ext=1", ""][
        int(chance.integers(7))
    ]
    head = one.bytes("transfer-encoding: chunked", body=b"").replace(b"content-length: 0\r\n", b"")
    return Shot("chunked", (head, size.encode() + b"\r\n", one.body + b"\r\n", b"0\r\n\r\n"[: int(chance.integers(6))]), is_whole=False)


def odd_headers(one: Valid, chance: np.random.Generator) -> Shot:
    """Send headers that are huge, many, empty, doubled, or hold bytes that none may hold."""
    n = int(chance.integers(9))
    more = [
        ["x-a: " + "a" * int(chance.choice([1000, 20_000, 200_000]))],
        [f"x-{k}: 1" for k in range(int(chance.choice([50, 150, 3000])))],
        ["content-type: " + "\u00e9\ud800"],
        ["x-request-timeout-ms: " + str(chance.choice(["0", "-1", "1e400", "nan", "abc", "9" * 30, "5"]))],
        ["content-encoding: " + str(chance.choice(["gzip", "deflate", "br", "gzip, gzip", "\u0000"]))],
        ["inference-header-content-length: " + str(chance.choice(["-1", "0", "abc", "9" * 30, "5"]))],
        ["authorization: Bearer " + "x" * int(chance.integers(2000)), "x-millrace-token: \u00ff"],
        ["traceparent: " + str(chance.choice(["00-" + "0" * 32, "zz", "00-" + "f" * 32 + "-" + "f" * 16 + "-01", "\u00e9" * 55]))],
        ["expect: 100-continue", "connection: upgrade", "upgrade: h2c"],
    ][n]
    return Shot("odd headers", (one.bytes(*more),))


def odd_path(one: Valid, chance: np.random.Generator) -> Shot:
    """Ask for a path that is odd: broken escapes, dots, nothing, thousands of characters, or another method."""
    odd = [
        "%ff%fe",
        "%00",
        "%",
        "..%2f..%2fetc",
        "a" * 8000,
        "\u00e9",
        "?a=%ff&a",
        "//",
        "%ed%a0%80",
        "/versions/%2e%2e",
        "/versions/99999999999999999999",
    ]
    path = one.path + ("" if chance.random() < 0.3 else "/") + odd[int(chance.integers(len(odd)))]
    method = str(chance.choice([one.method, one.method, "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO"]))
    return Shot("odd path", (Valid(method, path, one.body, one.headers).bytes(),), is_whole=method != "HEAD")


def pipelined(one: Valid, chance: np.random.Generator) -> Shot:
    """Send several requests before the first is answered, and perhaps rubbish after them."""
    n = int(chance.integers(2, 8))
    return Shot("pipelined", (one.bytes() * n + (chance.bytes(30) if chance.random() < 0.5 else b""),))


def rubbish(one: Valid, chance: np.random.Generator) -> Shot:
    """Send no HTTP at all, or its beginning."""
    whole = one.bytes()
    kinds = (
        chance.bytes(int(chance.integers(1, 3000))),
        whole[: int(chance.integers(1, len(whole)))],
        b"\x16\x03\x01\x02\x00" + chance.bytes(200),
    )
    return Shot("rubbish", (kinds[int(chance.integers(3))],), is_whole=False)


def dripped(one: Valid, chance: np.random.Generator) -> Shot:
    """Send it in a few small pieces."""
    whole = one.bytes()
    cuts = sorted(chance.integers(0, len(whole), 3).tolist())
    return Shot("dripped", tuple(whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)))


def as_it_is(one: Valid, chance: np.random.Generator) -> Shot:
    """Send it as it should be."""
    return Shot("as it is", (one.bytes(),))


KINDS: tuple[Callable[[Valid, np.random.Generator], Shot], ...] = (
    changed_bytes, changed_bytes, odd_value, odd_value, odd_value, deep, lying_length, odd_length, chunked, odd_headers, odd_path,
    pipelined, rubbish, dripped, as_it_is,
)  # fmt: skip
