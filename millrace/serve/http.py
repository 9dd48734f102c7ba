"""The HTTP API in front of an engine."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from millrace.about import VERSION
from millrace.decision import Decision
from millrace.errors import BadInput, Conflict, MillraceError, NotFound, Unavailable
from millrace.serve import bodies
from millrace.serve.access import Access
from millrace.serve.answers import Acknowledged, Answer, Fault, Found, Health, Problem, Ready
from millrace.serve.engine import Engine
from millrace.serve.explain import explain, found
from millrace.serve.metrics import Metrics
from millrace.serve.naming import feature_names
from millrace.serve.openapi import document
from millrace.stores.api_keys import ApiKeys

log = logging.getLogger("millrace.serve")

MOST_RECORDS = 10_000
"""How many records one body may hold."""
MOST_BYTES = 16 * 1024 * 1024
"""How large a body may be, in bytes."""

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BadInput, 422),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (MillraceError, 500),
)

Endpoint = Callable[[Request], Awaitable[Response]]


class _TooLarge(Exception):
    """A body is larger than is taken."""


def create_app(engine: Engine, *, closed: bool = False, share: float = 1.0) -> Starlette:
    """Return the ASGI application that serves an engine. The engine is closed when the application shuts down.

    Args:
        engine: The engine.
        closed: Whether callers need a key even if none was ever made.
        share: Which part of a key's rate this process grants.
    """
    api = _Api(engine)
    routes: list[tuple[str, str, Endpoint]] = [
        ("POST", "/v1/decide", api.decide),
        ("POST", "/v1/events", api.events),
        ("POST", "/v1/decisions/{id:path}/outcome", api.outcome),
        ("GET", "/v1/decisions/{id:path}/explain", api.explain),
        ("GET", "/v1/decisions/{id:path}", api.decision),
        ("GET", "/healthz", api.health),
        ("GET", "/readyz", api.ready),
        ("GET", "/metrics", api.prometheus),
        ("GET", "/openapi.json", api.openapi),
    ]
    made = [Route(path, _guarded(endpoint, path, api.metrics), methods=[method]) for method, path, endpoint in routes]
    keys = ApiKeys(engine.home.database)
    access = Middleware(Access, system=engine.loaded.name, keys=keys.all, demanded=closed, share=share)
    return Starlette(routes=made, middleware=[access], lifespan=_lifespan(engine), exception_handlers={HTTPException: _unrouted})


class _Api:
    """What each route answers. Whatever touches the log or decides runs on a thread, so that the event loop stays free."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.metrics = Metrics(engine.loaded.name)
        self._names = feature_names(engine.loaded)

    async def decide(self, request: Request) -> Response:
        """Decide one request, or a list of them."""
        return _json(await run_in_threadpool(self._decide, await _body(request)))

    def _decide(self, body: bytes) -> Answer | list[Answer]:
        asked, is_list = bodies.requests(self.engine.loaded, body, self.engine.clock.now(), MOST_RECORDS)
        decisions = self.engine.decide(asked)
        self.metrics.decided(decisions)
        self._tell_failures()
        answers = [Answer.of(one) for one in decisions]
        return answers if is_list else answers[0]

    def _tell_failures(self) -> None:
        """Log what failed rather than being late: the decision went on without it, somebody should know."""
        with suppress(IndexError):  # another thread may tell the last one
            while self.engine.failures:
                name, why = self.engine.failures.pop()
                self.metrics.failed(name)
                log.warning("%s failed and was left out: %s", name, why)

    async def events(self, request: Request) -> Response:
        """Take in events and entities."""
        return _json(await run_in_threadpool(self._events, await _body(request)))

    def _events(self, body: bytes) -> Acknowledged:
        return self._ingest(bodies.happenings(self.engine.loaded, body, self.engine.clock.now(), MOST_RECORDS))

    async def outcome(self, request: Request) -> Response:
        """Take in what came of a decision."""
        return _json(await run_in_threadpool(self._outcome, request.path_params["id"], await _body(request)))

    def _outcome(self, id_: str, body: bytes) -> Acknowledged:
        record, asked = self._found(id_)
        return self._ingest([bodies.outcome(self.engine.loaded, record, asked, body, self.engine.clock.now())])

    def _ingest(self, items: list[Any]) -> Acknowledged:
        receipt = self.engine.ingest(items)
        duplicates = int(receipt.duplicates.sum())
        self.metrics.acknowledged(len(items) - duplicates, duplicates)
        ids, known = receipt.ids.tolist(), receipt.known.tolist()
        return Acknowledged(accepted=len(items) - duplicates, duplicates=duplicates, ids=ids, known=known)

    async def decision(self, request: Request) -> Response:
        """Return a decision as it was logged."""
        record, asked = await run_in_threadpool(self._found, request.path_params["id"])
        return _json(Found(decision=record, request=bodies.plain(asked)))

    def _found(self, id_: str) -> tuple[Decision, Any]:
        return found(self.engine.loaded, self.engine.home.log, id_)

    async def explain(self, request: Request) -> Response:
        """Return why a decision is as it is."""
        engine, home = self.engine, self.engine.home
        return _json(await run_in_threadpool(explain, engine.loaded, home.log, home.releases, engine.versions, request.path_params["id"]))

    async def health(self, _: Request) -> Response:
        """Say that the process lives."""
        return _json(Health())

    async def ready(self, _: Request) -> Response:
        """Say what serves."""
        standing = self.engine.standing
        trouble = [one.trouble for one in self.engine.followers if one.trouble]
        return _json(Ready(system=self.engine.loaded.name, release=standing.champion, candidate=standing.candidate, following=trouble))

    async def prometheus(self, _: Request) -> Response:
        """Return the metrics."""
        self.metrics.followed([bool(one.trouble) for one in self.engine.followers])
        used = self.engine.view.defaults_used.counts
        self.metrics.stood_in({self._names.get(column, column): times for column, times in used.items()})
        text = await run_in_threadpool(lambda: self.metrics.text(self.engine.home.log.last_known))
        return Response(text, media_type="text/plain; version=0.0.4")

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return _json(document(self.engine.loaded, VERSION))


def _lifespan(engine: Engine) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(engine.close)

    return lifespan


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_BYTES:
        raise _TooLarge
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > MOST_BYTES:
            raise _TooLarge
        parts.append(part)
    return b"".join(parts)


def _guarded(endpoint: Endpoint, route: str, metrics: Metrics) -> Endpoint:
    """Answer errors as JSON with their status, and count every request."""

    async def call(request: Request) -> Response:
        started = time.perf_counter()
        try:
            response = await endpoint(request)
        except _TooLarge:
            response = _failed(413, f"the body is larger than {MOST_BYTES // 2**20} MiB: send it in parts")
        except MillraceError as error:
            response = _refused(error)
        except ClientDisconnect:
            response = _failed(400, "the body was cut off")
        except Exception:
            log.exception("%s failed", route)
            response = _failed(500, "something went wrong here; it is in the log")
        metrics.answered(route, time.perf_counter() - started, response.status_code)
        return response

    return call


def _refused(error: MillraceError) -> Response:
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    if status == 500:
        log.error("%s", error)
    response = _failed(status, str(error), getattr(error, "field", ""))
    if isinstance(error, Unavailable):
        response.headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    return response


def _unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes, in the same words as everything else."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = f"{request.url.path} does not take {request.method}" if status == 405 else f"there is no {request.url.path}"
    response = _failed(status, f"{what}: see /openapi.json")
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _failed(status: int, message: str, field: str = "") -> Response:
    return _json(Problem(Fault(message, field)), status)
