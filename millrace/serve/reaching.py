"""Reaching the process that owns the log: over a socket in the file system of its machine, or by a URL."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from millrace.errors import BadInput, Unavailable

Connect = Callable[[float], http.client.HTTPConnection]
"""Opens a connection to the owner that waits at most so many seconds for an answer."""


def by_socket(path: str) -> Connect:
    """Return what connects to an owner on this machine."""

    class Local(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(path)

    return lambda timeout: Local("owner", timeout=timeout)


def by_url(url: str) -> Connect:
    """Return what connects to an owner on another machine.

    Raises:
        BadInput: It is no URL of a server.
    """
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname or parts.path.strip("/"):
        raise BadInput("--owner takes the URL of the server that owns the log, such as http://10.0.0.1:8000", "owner")
    host, port, kind = parts.hostname, parts.port, kinds[parts.scheme]
    return lambda timeout: kind(host, port, timeout=timeout)


def asked(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return the status and the body of what is answered at a path; the connection is closed.

    Raises:
        Unavailable: Nobody answers.
    """
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"the owner of the log does not answer ({type(error).__name__})") from error
    finally:
        connection.close()


def refusal(status: int, body: bytes) -> Unavailable:
    """Return the error that an answer stands for which is not the one hoped for."""
    return Unavailable(body.decode(errors="replace")[:500] or f"the owner of the log answers {status}")
