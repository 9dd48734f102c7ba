"""Files from the network: read into memory, bounded, and checked before anybody looks into them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from millrace.datasets.dataset import Remote
from millrace.errors import BadInput, NotFound, Unavailable

Progress = Callable[[float], object]
"""Told after each piece: the share of the file that has arrived, from 0 to 1 (0 while its length is unknown)."""

_PIECE = 1 << 18
_PATIENCE_S = 30.0


def fetch(remote: Remote, progress: Progress = lambda _: None) -> bytes:
    """Return a file from the network.

    Args:
        remote: Where it is, and what it must be.
        progress: Told how much has arrived.

    Raises:
        Unavailable: The network or the server does not answer, or the file broke off.
        NotFound: The server has no such file.
        BadInput: What came is not the file: its size or its digest is another.
    """
    try:
        # Some servers refuse the agent that urllib names.
        with urlopen(Request(remote.url, headers={"User-Agent": "millrace"}), timeout=_PATIENCE_S) as answer:
            body = _read(answer, remote, int(answer.headers.get("Content-Length") or 0), progress)
    except HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise NotFound(f"{remote.url} is not there any more ({error.code})") from None
        raise Unavailable(f"{remote.url} answers {error.code} {error.reason}") from None
    except (URLError, HTTPException, OSError) as error:
        raise Unavailable(f"{remote.url} cannot be reached: {getattr(error, 'reason', error)}") from None
    return checked(remote, body)


def checked(remote: Remote, body: bytes) -> bytes:
    """Return what came if it is the file.

    Raises:
        BadInput: Its size or its digest is another.
    """
    if len(body) < remote.least:
        raise BadInput(f"{remote.url} gave {len(body)} bytes and the file has at least {remote.least}: it is another file, or a part of it")
    if remote.sha256 and sha256(body).hexdigest() != remote.sha256:
        raise BadInput(f"{remote.url} gave a file with another SHA-256 than {remote.sha256}: it was changed, and is not read")
    return body


def _read(answer: object, remote: Remote, length: int, progress: Progress) -> bytes:
    pieces: list[bytes] = []
    got = 0
    while piece := answer.read(_PIECE):  # type: ignore[attr-defined]
        pieces.append(piece)
        got += len(piece)
        if got > remote.most:
            raise BadInput(f"{remote.url} gives more than the {remote.most} bytes that the file can have: it is another file")
        progress(min(got / length, 1.0) if length else 0.0)
    if got < length:
        raise Unavailable(f"{remote.url} broke off after {got} of {length} bytes: try again")
    return b"".join(pieces)
