"""The server process: one event loop in front of an application, on a port or on a socket in the file system."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from starlette.types import ASGIApp

from millrace.errors import BadInput, Unavailable

Listen: TypeAlias = "Callable[[ASGIApp], Any]"
"""Makes the server of an application, listening."""

_SWITCH_S = 0.0005
"""How long one thread that computes keeps the others waiting, in seconds: a call goes through four of them."""

BACKLOG = 1024
"""How many connections may wait to be taken."""


class Tls(msgspec.Struct, frozen=True):
    """What a server shows its callers, so that nobody listens in or answers in its place.

    Attributes:
        certificate: The path of a PEM file: its own certificate first, then those that vouch for it.
        key: The path of the PEM file of its private key, without a password.
    """

    certificate: str
    key: str


def tls_of(certificate: Path | None, key: Path | None) -> Tls | None:
    """Return the two as one, None where neither is given.

    Raises:
        BadInput: One is missing, cannot be read, or they do not belong together.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BadInput("TLS needs both --tls-certificate and --tls-key", field="tls")
    for option, file in (("--tls-certificate", certificate), ("--tls-key", key)):
        if not file.is_file():
            raise BadInput(f"{option}: there is no file {file}", field="tls")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise BadInput(f"{certificate} and {key} are no certificate and its private key: {error}", field="tls") from None
    return Tls(str(certificate.absolute()), str(key.absolute()))


def _no_password() -> str:
    raise ValueError("the key wants a password, which a server that starts by itself cannot be asked for")


def bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to a port, any free one for 0; it does not listen yet.

    Raises:
        Unavailable: The port is taken, or the address is none of this machine's. (The server itself would share a taken port in silence.)
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # whatever is left of the connections of a server that has ended
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise _taken(host, port, error) from error
    return made


def _taken(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(f"cannot listen on {host}:{port} ({error.strerror}): choose another --port or --host")


def on_path(path: Path) -> Listen:
    """Listen on a socket in the file system that only this user can open."""

    def listen(app: ASGIApp) -> Any:
        path.unlink(missing_ok=True)
        server = _server(app, uds=path)
        server.uds_permissions = 0o600
        return server

    return listen


def on_socket(descriptor: int, tls: Tls | None = None) -> Listen:
    """Listen on a socket that is bound to a port, perhaps beside other processes: whoever is free takes the next connection.

    Where each opened a socket of its own on the port, what waits at one would be lost with its process.
    """
    shown = {"ssl_cert": Path(tls.certificate), "ssl_key": Path(tls.key)} if tls is not None else {}

    def listen(app: ASGIApp) -> Any:
        from granian.net import SocketHolder  # pyright: ignore[reportPrivateImportUsage]
        from granian.server.embed import Server

        class Given(Server):
            """Listens on the socket it was given, where the server would open one of its own."""

            def _init_shared_socket(self) -> None:
                holder: Any = SocketHolder
                self._shd, self._ssp = holder(os.dup(descriptor), False, BACKLOG), None
                self._sfd = self._shd.get_fd()

        with socket.socket(fileno=os.dup(descriptor)) as given:
            _listen(given)
        return _server(app, Given, **shown)

    return listen


def _listen(bound: socket.socket) -> None:
    """Have a bound socket listen.

    Raises:
        Unavailable: Another one, which was given the same port, got there first.
    """
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        host, port, *_ = bound.getsockname()
        raise _taken(host, port, error) from error


def _server(app: ASGIApp, make: Any = None, **where: Any) -> Any:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    return (make or Server)(app, interface=Interfaces.ASGI, websockets=False, log_enabled=False, backlog=BACKLOG, **where)


def run(app: ASGIApp, listen: Listen, first: Callable[[], object] | None = None) -> None:
    """Serve an application until SIGTERM or SIGINT, then answer what is under way, take nothing new, and shut it down.

    Args:
        app: The application; its lifespan closes what it stands on.
        listen: Where to listen.
        first: What to do when told to end, before anything else ends; on a thread.
    """
    sys.setswitchinterval(_SWITCH_S)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(app, listen, first))


async def _serve(app: ASGIApp, listen: Listen, first: Callable[[], object] | None) -> None:
    server = listen(app)
    told = asyncio.Event()

    async def end() -> None:
        await told.wait()
        if first is not None:
            await asyncio.to_thread(first)
        server.stop()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, told.set)
    ending = loop.create_task(end())
    await server.serve()
    ending.cancel()


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop
