"""The Open Inference Protocol, version 2, over REST: every registered model, scored on rows that the caller sends.

What is inferred here is no decision: nothing is looked up, chosen or logged, only counted.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from millrace.about import VERSION
from millrace.errors import BadInput, MillraceError, NotFound, Unavailable
from millrace.serve.deciding import Decider
from millrace.serve.incoming import TooLarge, body_of, most_bytes, unpacked
from millrace.serve.metrics import Metrics
from millrace.serve.v2_answers import (
    IndexEntry,
    IndexRequest,
    ModelMetadata,
    ModelReady,
    Refusal,
    ServerLive,
    ServerMetadata,
    ServerReady,
    TensorMetadata,
)
from millrace.serve.v2_models import Models, Served
from millrace.serve.v2_rows import rows_of
from millrace.serve.v2_sunset import sunset_headers
from millrace.serve.v2_wire import HEADER_LENGTH, read, written
from millrace.types import Columns

log = logging.getLogger("millrace.serve")

MOST_ROWS = 10_000
"""How many rows one request may hold."""
SMALL_BYTES, SMALL_ROWS = 64 * 1024, 64
"""What is read in the event loop and scored together with others; what is larger is read and scored by itself, on a thread."""

_STATUS: tuple[tuple[type[Exception], int], ...] = ((BadInput, 400), (NotFound, 404), (Unavailable, 503), (MillraceError, 500))
_MODEL = r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?"

Endpoint = Callable[[Request, str, str], Awaitable[Response]]


class OpenInference:
    """The ASGI application of everything under `/v2`.

    Args:
        engine: Whose models are served.
        metrics: Where inferences are counted.
    """

    def __init__(self, engine: Decider, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._models = Models(engine, metrics)
        self._routes: list[tuple[str, re.Pattern[str], str, Endpoint]] = [
            (method, re.compile(path), label, endpoint)
            for method, path, label, endpoint in (
                ("POST", _MODEL + "/infer", "/v2/models/{model}/infer", self._infer),
                ("GET", "/v2/?", "/v2", self._server),
                ("GET", "/v2/health/live", "/v2/health/live", self._live),
                ("GET", "/v2/health/ready", "/v2/health/ready", self._ready),
                ("GET", _MODEL, "/v2/models/{model}", self._model),
                ("GET", _MODEL + "/ready", "/v2/models/{model}/ready", self._model_ready),
                ("POST", "/v2/repository/index", "/v2/repository/index", self._index),
            )
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a refusal is `{"error": "..."}`."""
        started = time.perf_counter()
        request = Request(scope, receive)
        label, endpoint, said = self._route(scope["method"], scope["path"])
        response = await _guarded(endpoint, request, said.get("model") or "", said.get("version") or "")
        self._metrics.answered(label, time.perf_counter() - started, response.status_code)
        await response(scope, receive, send)

    def _route(self, method: str, path: str) -> tuple[str, Endpoint, dict[str, str]]:
        other = ""
        for verb, pattern, label, endpoint in self._routes:
            if (match := pattern.fullmatch(path)) is not None:
                if verb == method:
                    return label, endpoint, match.groupdict()
                other = label
        return other or "/v2/...", _unserved(method, path, 405 if other else 404), {}

    async def _infer(self, request: Request, model: str, version: str) -> Response:
        body, headers = await body_of(request), request.headers
        served = self._models.quick(model, version) or await run_in_threadpool(self._models.found, model, version)
        packed, length = headers.get("content-encoding", ""), headers.get(HEADER_LENGTH)
        if packed or len(body) > SMALL_BYTES:
            body = await run_in_threadpool(unpacked, body, packed.strip().lower(), most_bytes(request))
        asked = _Asking(served, body, length) if len(body) <= SMALL_BYTES else await run_in_threadpool(_Asking, served, body, length)
        if len(asked.rows) <= SMALL_ROWS:
            text, json_bytes = asked.answer(await served.gathered(asked.rows))
        else:
            text, json_bytes = await run_in_threadpool(asked.alone)
        told = sunset_headers(self._engine.versions.ending, served.version)
        if json_bytes is None:
            return Response(text, headers=told, media_type="application/json")
        return Response(text, headers={**told, HEADER_LENGTH: str(json_bytes)}, media_type="application/octet-stream")

    async def _server(self, *_: Any) -> Response:
        return _json(ServerMetadata("millrace", VERSION, ["binary_tensor_data"]))

    async def _live(self, *_: Any) -> Response:
        return _json(ServerLive())

    async def _ready(self, *_: Any) -> Response:
        whole = await run_in_threadpool(self._models.is_whole)
        return _json(ServerReady(whole), 200 if whole else 503)

    async def _model(self, _: Request, model: str, version: str) -> Response:
        said = await run_in_threadpool(self._metadata, model, version)
        return _json(said, headers=sunset_headers(self._engine.versions.ending, said.parameters["version"]))

    def _metadata(self, model: str, version: str) -> ModelMetadata:
        served = self._models.found(model, version)
        learner = type(self._engine.loaded.models[model].learner).__name__
        inputs = [TensorMetadata(one.name, one.datatype, [-1]) for one in served.signature.inputs]
        outputs = [TensorMetadata(one.name, one.datatype, list(one.shape)) for one in served.signature.outputs]
        versions = self._models.versions(model)
        return ModelMetadata(model, versions, f"millrace_{learner}", inputs, outputs, {"version": served.version})

    async def _model_ready(self, _: Request, model: str, version: str) -> Response:
        served = await run_in_threadpool(self._models.found, model, version)
        return _json(ModelReady(served.model))

    async def _index(self, request: Request, *_: Any) -> Response:
        body = await body_of(request)
        try:
            wanted = msgspec.json.decode(body, type=IndexRequest) if body.strip() else IndexRequest()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f'the request is not of the protocol ({error}): send {{"ready": true}}, or nothing') from error
        return _json([one for one in await run_in_threadpool(self._entries) if one.state == "READY" or not wanted.ready])

    def _entries(self) -> list[IndexEntry]:
        return [
            IndexEntry(model, "UNAVAILABLE" if reason else "READY", record.version if record is not None else "", reason)
            for model, record, reason in self._models.index()
        ]


class _Asking:
    """One inference: what was asked of which version."""

    def __init__(self, served: Served, body: bytes, length: str | None) -> None:
        asked = read(body, length)
        there = [one.name for one in served.signature.outputs]
        self._served, self._id = served, asked.id
        self._as_bytes = asked.outputs if asked.outputs is not None else dict.fromkeys(there, asked.is_binary)
        for name in self._as_bytes:
            if name not in there:
                raise BadInput(f"there is no output {name!r:.100}: the outputs are {', '.join(there)}", name)
        self.rows = rows_of(served.signature, asked.tensors, MOST_ROWS)

    def answer(self, outputs: Columns) -> tuple[bytes, int | None]:
        return written(self._served.model, self._served.version, self._id, outputs, self._as_bytes)

    def alone(self) -> tuple[bytes, int | None]:
        return self.answer(self._served.score([self.rows])[0])


def _unserved(method: str, path: str, status: int) -> Endpoint:
    async def refuse(*_: Any) -> Response:
        said = f"{path[:200]} does not take {method}" if status == 405 else f"there is no {path[:200]}"
        return _failed(status, f"{said}: see /openapi.json")

    return refuse


async def _guarded(endpoint: Endpoint, request: Request, model: str, version: str) -> Response:
    try:
        return await endpoint(request, model, version)
    except TooLarge as error:
        return _failed(413, str(error))
    except ClientDisconnect:
        return _failed(400, "the body was cut off")
    except MillraceError as error:
        status = next(code for kind, code in _STATUS if isinstance(error, kind))
        if status == 500:
            log.error("%s", error)
        headers = {"retry-after": str(max(1, round(error.retry_after_s)))} if isinstance(error, Unavailable) else None
        return _failed(status, str(error), headers)
    except Exception:
        log.exception("%s failed", request.url.path)
        return _failed(500, "something went wrong here; it is in the log")


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def _failed(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return _json(Refusal(message), status, headers)
