"""How an endpoint answers: JSON, and errors as JSON with their status."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from millrace.errors import BadInput, Conflict, MillraceError, NotFound, Unavailable
from millrace.serve.admission import Overloaded
from millrace.serve.answers import Fault, Problem, problem_at
from millrace.serve.incoming import TooLarge
from millrace.serve.logs import REQUEST, request_of
from millrace.serve.metrics import Metrics

log = logging.getLogger("millrace.serve")

Endpoint = Callable[[Request], Awaitable[Response]]

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Overloaded, 429),
    (BadInput, 422),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (MillraceError, 500),
)


def guarded(endpoint: Endpoint, route: str, metrics: Metrics) -> Endpoint:
    """Answer errors as JSON with their status, and count every request."""

    async def call(request: Request) -> Response:
        started = time.perf_counter()
        REQUEST.set(request_of(request.headers))
        try:
            response = await endpoint(request)
        except TooLarge as error:
            response = _failed(413, str(error))
        except MillraceError as error:
            response = refused(error)
        except ClientDisconnect:
            response = _failed(400, "the body was cut off")
        except Exception:
            log.exception("%s failed", route)
            response = _failed(500, "something went wrong here; it is in the log")
        metrics.answered(route, time.perf_counter() - started, response.status_code)
        return response

    return call


def refused(error: MillraceError) -> Response:
    """Return the answer to a request that could not be done."""
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    if status == 500:
        log.error("%s", error)
    response = _failed(status, str(error), getattr(error, "field", ""))
    if isinstance(error, Unavailable):
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    return response


def unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes, in the same words as everything else."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = f"{request.url.path} does not take {request.method}" if status == 405 else f"there is no {request.url.path}"
    response = answered(problem_at(request.url.path, f"{what}: see /openapi.json"), status)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def answered(value: Any, status: int = 200) -> Response:
    """Return a value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _failed(status: int, message: str, field: str = "") -> Response:
    return answered(Problem(Fault(message, field)), status)
