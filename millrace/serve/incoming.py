"""A body as it comes in: bounded in length, however it is sent or compressed."""

from __future__ import annotations

import zlib

from starlette.requests import ClientDisconnect, Request

from millrace.errors import BadInput

MOST_BYTES = 16 * 1024 * 1024
"""How large a body may be, in bytes, compressed or not."""


class TooLarge(Exception):
    """A body is larger than is taken."""


async def body_of(request: Request) -> bytes:
    """Return the body of a request as it was sent.

    Raises:
        TooLarge: It is larger than `MOST_BYTES`, or says so.
        ClientDisconnect: It was cut off.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_BYTES:
        raise TooLarge
    parts, length, is_more = [], 0, True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > MOST_BYTES:
            raise TooLarge
        is_more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body without the compression that its Content-Encoding names: gzip, deflate, or none.

    Raises:
        BadInput: It is compressed otherwise, damaged, or cut off.
        TooLarge: It would be larger than `MOST_BYTES`.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise BadInput(f"the body is encoded as {encoding[:40]!r}: send gzip, deflate or neither")
    try:
        inflated = _inflated(body, _EITHER)
    except zlib.error:
        try:
            inflated = _inflated(body, -zlib.MAX_WBITS) if encoding == "deflate" else None  # some send deflate without its frame
        except zlib.error:
            inflated = None
    if inflated is None:
        raise BadInput(f"the body is not whole, or not {encoding}")
    return inflated


_EITHER = 32 + zlib.MAX_WBITS
"""Tells zlib to see for itself whether the frame is that of gzip or of deflate."""


def _inflated(body: bytes, frame: int) -> bytes | None:
    """Return a body inflated, None if its end is missing or not the end."""
    inflater = zlib.decompressobj(frame)
    found = inflater.decompress(body, MOST_BYTES)
    if inflater.unconsumed_tail:
        raise TooLarge
    return found if inflater.eof and not inflater.unused_data else None
