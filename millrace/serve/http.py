"""The HTTP API in front of an engine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millrace.about import VERSION
from millrace.decision import Decision
from millrace.serve import bodies
from millrace.serve.access import Access
from millrace.serve.admission import Limit, Room, deadline_of
from millrace.serve.answers import Acknowledged, Answer, Found, Health, Ready
from millrace.serve.batching import Batching
from millrace.serve.calls import Calls
from millrace.serve.deciding import Decider
from millrace.serve.door import Door
from millrace.serve.explain import explain, found
from millrace.serve.incoming import MOST_BYTES, body_of
from millrace.serve.metrics import Metrics
from millrace.serve.naming import feature_names
from millrace.serve.openapi import document
from millrace.serve.readiness import WARMING, Readiness
from millrace.serve.responding import Endpoint, answered, guarded, unrouted
from millrace.serve.rollout_routes import RolloutRoutes
from millrace.serve.timing import DECODE
from millrace.serve.tracing import Tracer
from millrace.serve.v2 import OpenInference
from millrace.stores.api_keys import ApiKeys

log = logging.getLogger("millrace.serve")

DECIDE = "/v1/decide"
MOST_RECORDS = 10_000
"""How many records one body may hold."""
MOST_WAITING = 25_000
"""How many events may wait to be logged: half of what the log has room for, so that decisions always find some."""
SMALL_BYTES = 4096
"""What is read in the event loop; a larger body is read on a thread, so that others are not held up."""
NOTE_EVERY_S = 1.0
"""How often how things stand is noted for the metrics of others, in seconds."""

T = TypeVar("T")


def create_app(
    engine: Decider,
    *,
    closed: bool = False,
    share: float = 1.0,
    is_again: bool = False,
    lasting: bool = False,
    tracer: Tracer | None = None,
    most_bytes: int = MOST_BYTES,
) -> Starlette:
    """Return the ASGI application that serves whatever decides. That is closed when the application shuts down.

    Args:
        engine: The engine, or a replica.
        closed: Whether callers need a key even if none was ever made.
        share: Which part of a key's rate this process grants.
        is_again: Whether this process takes the place of a worker that ended.
        lasting: Whether the process is there for nothing else: what it holds once it is warm is kept out of the collector's way.
        tracer: Where a trace of each call for decisions goes; closed with the application.
        most_bytes: How large a body may be, in bytes, compressed or not.

    `app.state.drain` is what to call before the server is stopped: see `Readiness.drain`.
    """
    api = _Api(engine, tracer)
    api.metrics.restarted(is_again)
    routes: list[tuple[str, str, Endpoint]] = [
        ("POST", DECIDE, api.decide),
        ("POST", "/v1/events", api.events),
        ("POST", "/v1/decisions/{id:path}/outcome", api.outcome),
        ("GET", "/v1/decisions/{id:path}/explain", api.explain),
        ("GET", "/v1/decisions/{id:path}", api.decision),
        ("GET", "/healthz", api.health),
        ("GET", "/readyz", api.ready),
        ("GET", "/metrics", api.prometheus),
        ("GET", "/openapi.json", api.openapi),
        *RolloutRoutes(engine).routes(),
    ]
    made = [Route(path, guarded(endpoint, path, api.metrics), methods=[method]) for method, path, endpoint in routes]
    made.insert(0, Route("/v2{rest:path}", OpenInference(engine, api.metrics)))  # answers for all that begins so
    keys = ApiKeys(engine.home.database)
    access = Middleware(Access, system=engine.loaded.name, keys=keys.all, demanded=closed, share=share, refused=api.metrics.kept_out)
    door = Middleware(Door, path=DECIDE, limit=api.limit, metrics=api.metrics)
    app = Starlette(routes=made, middleware=[door, access], lifespan=_lifespan(api, lasting), exception_handlers={HTTPException: unrouted})
    app.state.drain, app.state.most_bytes = api.readiness.drain, most_bytes
    return app


class _Api:
    """What each route answers. Whatever reads the log or decides runs on a thread, so that the event loop stays free."""

    def __init__(self, engine: Decider, tracer: Tracer | None) -> None:
        self.engine = engine
        self.metrics = Metrics(engine.loaded.name)
        self.limit = Limit()
        self.calls = Calls(self.metrics, engine.clock, tracer)
        self.batching = Batching(engine, self.limit, self.calls.batch)
        self.readiness = Readiness(engine)
        self._room = Room(MOST_WAITING)
        self._names = feature_names(engine.loaded)

    async def decide(self, request: Request) -> Response:
        """Decide one request, or a list of them."""
        with self.calls.told(request.headers) as call:
            deadline = deadline_of(request.headers, time.monotonic())
            body = await body_of(request)
            self.limit.check(time.monotonic(), deadline)  # to read what cannot be answered would keep the others waiting
            asked, is_list = await _read(body, lambda: bodies.requests(self.engine.loaded, body, self.engine.clock.now(), MOST_RECORDS))
            call.spans.lap(DECODE)
            decisions = call.decisions = await self.batching.decide(asked, deadline, call.spans)
        self._tell_failures()
        answers = [Answer.of(one) for one in decisions]
        return answered(answers if is_list else answers[0])

    def _tell_failures(self) -> None:
        """Log what failed rather than being late: the decision went on without it, somebody should know."""
        with suppress(IndexError):  # another thread may tell the last one
            while self.engine.failures:
                name, why = self.engine.failures.pop()
                self.metrics.failed(name)
                log.warning("%s failed and was left out: %s", name, why)

    async def events(self, request: Request) -> Response:
        """Take in events and entities."""
        body = await body_of(request)
        return answered(
            await self._ingest(body, lambda: bodies.happenings(self.engine.loaded, body, self.engine.clock.now(), MOST_RECORDS))
        )

    async def outcome(self, request: Request) -> Response:
        """Take in what came of a decision."""
        body = await body_of(request)
        record, asked = await run_in_threadpool(self._found, request.path_params["id"])
        return answered(
            await self._ingest(body, lambda: [bodies.outcome(self.engine.loaded, record, asked, body, self.engine.clock.now())])
        )

    async def _ingest(self, body: bytes, read: Callable[[], list[Any]]) -> Acknowledged:
        """Log what a body holds. Whoever waits for the log holds no thread, and where too many do the next is turned away at once."""
        items = await _read(body, read)
        self._room.enter(len(items))
        try:
            receipt = await asyncio.wrap_future(await _read(body, lambda: self.engine.submit(items)))
        finally:
            self._room.leave(len(items))
        duplicates = int(receipt.duplicates.sum())
        self.metrics.acknowledged(len(items) - duplicates, duplicates)
        ids, known = receipt.ids.tolist(), receipt.known.tolist()
        return Acknowledged(accepted=len(items) - duplicates, duplicates=duplicates, ids=ids, known=known)

    async def decision(self, request: Request) -> Response:
        """Return a decision as it was logged."""
        record, asked = await run_in_threadpool(self._found, request.path_params["id"])
        return answered(Found(decision=record, request=bodies.plain(asked)))

    def _found(self, id_: str) -> tuple[Decision, Any]:
        return found(self.engine.loaded, self.engine.home.log, id_)

    async def explain(self, request: Request) -> Response:
        """Return why a decision is as it is."""
        engine, home = self.engine, self.engine.home
        return answered(
            await run_in_threadpool(explain, engine.loaded, home.log, home.releases, engine.versions, request.path_params["id"])
        )

    async def health(self, _: Request) -> Response:
        """Say that the process lives."""
        return answered(Health())

    async def ready(self, _: Request) -> Response:
        """Say what serves."""
        await run_in_threadpool(self.readiness.check)
        standing, trouble = self.engine.standing, self.engine.troubles
        return answered(
            Ready(
                system=self.engine.loaded.name,
                release=standing.champion,
                candidate=standing.candidate,
                halted=self.engine.halt.to if self.engine.halt is not None else "",
                following=trouble,
                left_out=[name for name, state in self.engine.breakers().items() if state != "closed"],
            )
        )

    def note(self) -> None:
        """Note how things stand, for the metrics."""
        self.metrics.followed(map(bool, self.engine.troubles))
        self.metrics.admitting(self.limit.under_way, self.limit.limit)
        self.metrics.queued(self.batching.waiting, self._room.waiting)
        self.metrics.breaking(self.engine.breakers())
        self.metrics.rolled(self.engine.standing)
        self.metrics.halting(self.engine.halt)
        used = self.engine.view.defaults_used.counts
        self.metrics.stood_in({self._names.get(column, column): times for column, times in used.items()})
        self.metrics.settle()

    async def keep_noting(self) -> None:
        """Note it again and again: where several processes share their numbers, another one may be asked for those of this."""
        while True:
            await asyncio.sleep(NOTE_EVERY_S)
            self.note()

    async def prometheus(self, _: Request) -> Response:
        """Return the metrics."""
        self.note()
        text = await run_in_threadpool(lambda: self.metrics.text(self.engine.home.log.last_known))
        return Response(text, media_type="text/plain; version=0.0.4")

    async def openapi(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return answered(document(self.engine.loaded, VERSION))


async def _read(body: bytes, read: Callable[[], T]) -> T:
    """Return what is made of a body: at once where it is small, on a thread where it is not."""
    return read() if len(body) <= SMALL_BYTES else await run_in_threadpool(read)


def _lifespan(api: _Api, lasting: bool) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    def warm_up() -> None:
        api.readiness.warm_up()
        if lasting:
            api.readiness.settle()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        api.readiness.why = WARMING
        warming = asyncio.create_task(run_in_threadpool(warm_up))
        noting = asyncio.create_task(api.keep_noting())
        yield
        noting.cancel()
        await warming
        await run_in_threadpool(api.batching.close)  # in this order: what it decides is logged
        await run_in_threadpool(api.engine.close)
        await run_in_threadpool(api.calls.close)

    return lifespan
