"""The door: who cannot be answered soon is turned away there, before anything is done for the request.

Under three times the load that a server can bear, two callers of three are turned away: what that costs is taken from the third.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from millrace.serve.admission import Limit, Overloaded
from millrace.serve.metrics import Metrics
from millrace.serve.responding import refused


class Door:
    """Lets a request through to an application unless it is for what can bear no more.

    Args:
        app: The application.
        path: The path of what is limited; all others are let through.
        limit: Says who is let in.
        metrics: Where those who are turned away are counted.
    """

    def __init__(self, app: ASGIApp, *, path: str, limit: Limit, metrics: Metrics) -> None:
        self._app = app
        self._path = path
        self._limit = limit
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429, or let the application answer."""
        if scope["type"] == "http" and scope["path"] == self._path:
            began = time.perf_counter()
            try:
                self._limit.check(time.monotonic())
            except Overloaded as error:
                response = refused(error)
                await response(scope, receive, send)
                self._metrics.answered(self._path, time.perf_counter() - began, response.status_code)
                return
        await self._app(scope, receive, send)
