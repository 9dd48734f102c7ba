"""What was released, for replicas on other machines: the files of a home that they need, listed and given by `/v1/home`.

What lies in the log, and the keys of what is private in it, are not among them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from millrace.stores.backup import copy_database
from millrace.stores.engine import FILE as DATABASE
from millrace.stores.halts import FILE as HALTS

HOME = "/v1/home"

Stamp: TypeAlias = "tuple[int, int]"
"""The size of a file in bytes and when it was changed, nanoseconds since 1970 UTC: of another stamp, it is another file."""

listing = msgspec.msgpack.Decoder(dict[str, tuple[int, int]])


def listed(folder: Path) -> dict[str, Stamp]:
    """Return the stamp of each file that replicas need, by its path in the folder; that of the database is of its write-ahead log too."""
    found = {path.relative_to(folder).as_posix(): path for path in [folder / HALTS, *(folder / "versions").rglob("*")]}
    stamps = {name: stamp for name, path in found.items() if (stamp := _stamp(path)) is not None}
    parts = [part for part in map(_stamp, (folder / DATABASE, folder / f"{DATABASE}-wal")) if part is not None]
    return {**stamps, DATABASE: (sum(size for size, _ in parts), max((changed for _, changed in parts), default=0))}


def _stamp(path: Path) -> Stamp | None:
    """Return the stamp of a file, None where there is none."""
    try:
        state = path.stat()
    except FileNotFoundError:  # it went meanwhile
        return None
    return (state.st_size, state.st_mtime_ns) if path.is_file() else None


def released_routes(folder: Path, guarded: Callable[[Callable[[Request], Awaitable[Response]]], object]) -> list[Route]:
    """Return the routes that list and give what was released.

    Args:
        folder: The home.
        guarded: Wraps an endpoint so that only who may know gets an answer.
    """

    async def told(_: Request) -> Response:
        return Response(msgspec.msgpack.encode(await run_in_threadpool(listed, folder)), media_type="application/msgpack")

    async def given(request: Request) -> Response:
        name = request.path_params["name"]
        if name == DATABASE:
            return Response(await run_in_threadpool(_copied, folder))
        if name not in await run_in_threadpool(listed, folder):  # nothing else of this machine is given
            return Response(status_code=404)
        return FileResponse(folder / name)

    return [Route(HOME, guarded(told), methods=["GET"]), Route(HOME + "/{name:path}", guarded(given), methods=["GET"])]  # type: ignore[arg-type]


def _copied(folder: Path) -> bytes:
    """Return the database as of one instant."""
    with tempfile.TemporaryDirectory(prefix="millrace-") as passing:
        copy = Path(passing) / DATABASE
        copy_database(folder / DATABASE, copy)
        return copy.read_bytes()
