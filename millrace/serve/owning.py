"""The owner of the log takes in what others decided, `/v1/records`, for processes of the same system and for nobody else.

It listens on a socket in the system's home that only its user can open, or, for replicas on other machines, beside the public API and only
for those who show the token that both sides were given.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from millrace.decision import Decision
from millrace.errors import BadInput, MillraceError, Unavailable
from millrace.log.streams import Streams
from millrace.serve.deciding import Decider
from millrace.serve.released import HOME, released_routes
from millrace.serve.transit import Told, class_of, submissions, unpacked

log = logging.getLogger("millrace.serve")

RECORDS = "/v1/records"
TOKEN_HEADER = "x-millrace-token"
MOST_BYTES = 256 * 1024 * 1024
"""How large a body may be, in bytes: decisions are larger than the requests they answer."""
_FEWEST = 16
"""How many characters a token has at least."""


def records_app(
    decider: Decider, streams: Streams, is_one_of_us: Callable[[Request], bool] = lambda _: True, folder: Path | None = None
) -> Starlette:
    """Return the application that takes records for the log of a decider and looks them up.

    Args:
        decider: The engine; or a replica, which hands on what it is handed.
        streams: The streams of the log.
        is_one_of_us: Whether a request comes from a process of the system; where only they can connect, it is.
        folder: The home whose releases are given to them too; None gives none.
    """
    taking = _Taking(decider, streams)

    def guarded(endpoint: Any) -> Any:
        async def call(request: Request) -> Response:
            if not is_one_of_us(request):
                return Response("this takes the token that was given to the owner of the log: --token-file", 401)
            try:
                return await endpoint(request)
            except BadInput as error:
                return Response(str(error), 422)
            except MillraceError as error:
                return Response(str(error), 503)
            except Exception:
                log.exception("%s failed", request.url.path)
                return Response("something went wrong there; it is in its log", 500)

        return call

    routes = [
        Route(RECORDS, guarded(taking.take), methods=["POST"]),
        Route(RECORDS, guarded(taking.ready), methods=["GET"]),
        Route(RECORDS + "/{stream}/{id:path}", guarded(taking.find), methods=["GET"]),
    ]
    return Starlette(routes=routes + (released_routes(folder, guarded) if folder is not None else []))


class _Taking:
    """What each route answers."""

    def __init__(self, decider: Decider, streams: Streams) -> None:
        self._decider = decider
        self._streams = streams

    async def take(self, request: Request) -> Response:
        """Log submissions, and answer when all of them are on disk or refused."""
        if int(request.headers.get("content-length") or MOST_BYTES + 1) > MOST_BYTES:
            raise BadInput(f"a body says its length, and has at most {MOST_BYTES // 2**20} MiB: hand over fewer records at a time")
        return _packed(await run_in_threadpool(self._take, await request.body()))

    def _take(self, body: bytes) -> list[Told]:
        try:
            handed = submissions.decode(body)
        except msgspec.DecodeError as error:
            raise BadInput(f"these are no records: {error}") from error
        begun = [_attempt(lambda one=one: self._submitted(one)) for one in handed]
        return [Told.of(one if isinstance(one, Exception) else _attempt(one.result)) for one in begun]

    def _submitted(self, body: msgspec.Raw) -> Any:
        items = unpacked(body, self._streams)
        now = self._decider.clock.now()
        if any(isinstance(one, Decision) and one.watermark > now for one in items):
            raise Unavailable("it was decided as of an instant that has not come where its log is: decide it again")
        return self._decider.submit(items)

    async def ready(self, _: Request) -> Response:
        """Say whether records can be taken."""
        if why := await run_in_threadpool(self._decider.away):
            raise Unavailable(why)
        return Response(status_code=204)

    async def find(self, request: Request) -> Response:
        """Return the record of a stream with an id."""
        stream, id_ = class_of(request.path_params["stream"], self._streams), request.path_params["id"]
        log = self._decider.home.log
        found = await run_in_threadpool(lambda: log.decision(id_) if stream is Decision else log.find(stream, id_))
        return Response(status_code=404) if found is None else _packed(found)


def _attempt(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the error it raises: each submission has an outcome of its own."""
    try:
        return call()
    except MillraceError as error:
        return error


def _packed(value: Any) -> Response:
    return Response(msgspec.msgpack.encode(value), media_type="application/msgpack")


def beside(app: ASGIApp, records: ASGIApp) -> ASGIApp:
    """Return an application that takes records, and gives what was released, beside what another one answers."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        is_internal = scope["type"] == "http" and (scope["path"] + "/").startswith((f"{RECORDS}/", f"{HOME}/"))
        await (records if is_internal else app)(scope, receive, send)

    return call


def knows(token: str) -> Callable[[Request], bool]:
    """Return what tells whether a request shows a token."""
    expected = token.encode()
    return lambda request: hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), expected)


def token_of(path: Path) -> str:
    """Return the token in a file.

    Raises:
        BadInput: The file cannot be read, others can read it, or what it holds can be guessed.
    """
    try:
        token, mode = path.read_text().strip(), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--token-file: {path} cannot be read: {error}", "token_file") from error
    if mode & 0o077:
        raise BadInput(f"--token-file: others can read {path}: chmod 600 {path}", "token_file")
    if len(token) < _FEWEST or not token.isascii() or not token.isprintable():
        raise BadInput(f"--token-file: {path} holds no token of {_FEWEST} characters or more: openssl rand -hex 32 > {path}", "token_file")
    return token
