"""A body as it comes in: bounded in length, however it is sent or compressed."""

from __future__ import annotations

import zlib

from starlette.requests import ClientDisconnect, Request

from millrace.errors import BadInput
from millrace.types import octets_as_text

MOST_BYTES = 16 * 1024 * 1024
"""How large a body may be, in bytes, compressed or not, unless a server is told otherwise."""


class TooLarge(Exception):
    """A body is larger than is taken.

    Args:
        most: How large it may be, in bytes.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"the body is larger than {octets_as_text(most)}, the most that is taken here: send it in parts")


def most_bytes(request: Request) -> int:
    """Return how large the body of a request may be, in bytes: what its application was made with."""
    return request.app.state.most_bytes


async def body_of(request: Request) -> bytes:
    """Return the body of a request as it was sent.

    Raises:
        TooLarge: It is larger than the application takes, or says so.
        ClientDisconnect: It was cut off.
    """
    most, declared = most_bytes(request), request.headers.get("content-length", "")
    end = int(declared) if declared.isdigit() else None
    if end is not None and end > most:
        raise TooLarge(most)
    parts, length, is_more = [], 0, True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > most:
            raise TooLarge(most)
        # That nothing follows what was declared need not be waited for: it is a way to another thread and back.
        is_more = message.get("more_body", False) and length != end
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(body: bytes, encoding: str, most: int = MOST_BYTES) -> bytes:
    """Return a body without the compression that its Content-Encoding names: gzip, deflate, or none.

    Args:
        body: As it was sent.
        encoding: The header.
        most: How large it may become, in bytes.

    Raises:
        BadInput: It is compressed otherwise, damaged, or cut off.
        TooLarge: It would be larger than `most`.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise BadInput(f"the body is encoded as {encoding[:40]!r}: send gzip, deflate or neither")
    try:
        inflated = _inflated(body, _EITHER, most)
    except zlib.error:
        try:
            inflated = _inflated(body, -zlib.MAX_WBITS, most) if encoding == "deflate" else None  # some send deflate without its frame
        except zlib.error:
            inflated = None
    if inflated is None:
        raise BadInput(f"the body is not whole, or not {encoding}")
    return inflated


_EITHER = 32 + zlib.MAX_WBITS
"""Tells zlib to see for itself whether the frame is that of gzip or of deflate."""


def _inflated(body: bytes, frame: int, most: int) -> bytes | None:
    """Return a body inflated, None if its end is missing or not the end."""
    inflater = zlib.decompressobj(frame)
    found = inflater.decompress(body, most)
    if inflater.unconsumed_tail:
        raise TooLarge(most)
    return found if inflater.eof and not inflater.unused_data else None
