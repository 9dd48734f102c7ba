"""The server process: one worker on one event loop, in front of an application."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

from starlette.applications import Starlette

from millrace.errors import Unavailable


def free_port(host: str, port: int) -> int:
    """Return the port to listen on: the one asked for, or any free one for 0.

    Raises:
        Unavailable: The port is taken, or the address is none of this machine's. (The server itself would share a taken port in silence.)
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(f"cannot listen on {host}:{port} ({error.strerror}): choose another --port or --host") from error
        return probe.getsockname()[1]


def run(app: Starlette, host: str, port: int) -> None:
    """Serve an application until SIGTERM or SIGINT, then answer what is under way, take nothing new, and shut it down.

    One worker: an engine is one process's, and decides on one view.

    Args:
        app: The application; its lifespan closes what it stands on.
        host: The address to listen on.
        port: The port, not 0.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(app, host, port))


async def _serve(app: Starlette, host: str, port: int) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    server = Server(app, host, port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, server.stop)
    await server.serve()


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop
