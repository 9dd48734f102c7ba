"""Who may ask a server for what: API keys with roles, in front of every route."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from millrace.errors import MillraceError
from millrace.serve.answers import problem_at
from millrace.serve.rate import Bucket
from millrace.stores.api_keys import ROLES, ApiKey, digest_of

log = logging.getLogger("millrace.access")

FRESH_S = 2.0
"""How long a server goes on with the keys it has read, in seconds: within that time a new one works and a revoked one does not."""

OPEN = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
"""What anybody may ask: probes have no key, and learn nothing but yes or no."""

_NEEDED: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (method, re.compile(path), role)
    for method, path, role in (
        ("GET", r"/.*", "viewer"),
        ("HEAD", r"/.*", "viewer"),
        ("POST", r"/v2/repository/index", "viewer"),
        ("POST", r"/v1/decide", "operator"),
        ("POST", r"/v1/events", "operator"),
        ("POST", r"/v1/decisions/.+/outcome", "operator"),
        ("POST", r"/v2/models/.+/infer", "operator"),
        ("POST", r"/v1/rollout/.+", "approver"),
    )
)

Keys: TypeAlias = "Callable[[], Sequence[ApiKey]]"
Told: TypeAlias = "Callable[[int, str], object]"


def fresh_key() -> str:
    """Return a key that was never there before; its beginning lets scanners for leaked secrets know one when they see it."""
    return "mr_" + secrets.token_urlsafe(32)


def needed(method: str, path: str) -> str:
    """Return the role that a request needs; "" for none. What is not listed needs the highest: a new route is closed, not open."""
    if path in OPEN:
        return ""
    return next((role for verb, pattern, role in _NEEDED if verb == method and pattern.fullmatch(path)), ROLES[-1])


class Access:
    """Lets a request through to an application if its caller may make it. `scope["millrace.who"]` is then the name of the key.

    A caller shows its key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. As long as no key was ever made and `demanded` is False,
    everybody is let through: that is a server on loopback that somebody tries out.

    Args:
        app: The application.
        system: The system it serves: a key may be good for some systems only.
        keys: Reads the keys; called on a thread, at most every `FRESH_S`. When it fails, those read last go on.
        demanded: Whether a key is needed even if there is none.
        share: Which part of a key's rate this process grants, in (0, 1]: one of n workers grants one n-th.
        refused: Told of each request that may not be made: the status of its answer, and the name of its key, "" where that is unknown.
    """

    def __init__(
        self, app: ASGIApp, system: str, keys: Keys, *, demanded: bool = False, share: float = 1.0, refused: Told = lambda *_: None
    ) -> None:
        self._app = app
        self._system = system
        self._read = keys
        self._demanded = demanded
        self._share = share
        self._told = refused
        self._keys: dict[str, ApiKey] = {}
        self._read_at = -math.inf
        self._reading = asyncio.Lock()
        self._buckets: dict[str, Bucket] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or let the application answer."""
        if scope["type"] == "http" and (role := needed(scope["method"], scope["path"])):
            refused = await self._refused(scope, role)
            if refused is not None:
                self._told(refused.status_code, who := scope.get("millrace.who", ""))
                host, port = scope.get("client") or ("somewhere", 0)
                key = f"the key {who!r}" if who else "no key that is known"
                log.info("%s %r from %s:%s with %s: %d", scope["method"], scope["path"], host, port, key, refused.status_code)
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refused(self, scope: Scope, role: str) -> Response | None:
        """Return the answer to a request that may not be made; None if it may."""
        try:
            await self._refresh()
        except MillraceError as error:
            log.error("the keys cannot be read: %s", error)
            return _failed(scope, 503, "it cannot be told now who may ask: try again", {"retry-after": "1"})
        if not self._keys and not self._demanded:
            return None
        shown = _shown(scope)
        key = self._keys.get(digest_of(shown)) if shown else None
        if key is not None:
            scope["millrace.who"] = key.name
        if key is None or not key.is_good(time.time_ns() // 1000):
            said = "this key is not known here, has expired or was revoked" if shown else "a key is needed: Authorization: Bearer KEY"
            return _failed(scope, 401, said, {"www-authenticate": "Bearer"})
        if key.systems and self._system not in key.systems:
            return _failed(scope, 403, f"the key {key.name} is not good for {self._system}, only for {', '.join(key.systems)}")
        if ROLES.index(key.role) < ROLES.index(role):
            return _failed(scope, 403, f"this takes the role {role}; the key {key.name} has the role {key.role}")
        if (wait := self._wait(key)) > 0:
            said = f"the key {key.name} may make {key.rate:g} requests per second: slow down"
            return _failed(scope, 429, said, {"retry-after": str(math.ceil(wait))})
        return None

    def _wait(self, key: ApiKey) -> float:
        if key.rate is None:
            return 0.0
        now = time.monotonic()
        if key.digest not in self._buckets:
            self._buckets[key.digest] = Bucket(key.rate * self._share, now)
        return self._buckets[key.digest].take(now)

    async def _refresh(self) -> None:
        """Read the keys again if that is due; one request does so while the others go on with those there are."""
        due = time.monotonic() - self._read_at > FRESH_S
        if not due or (self._reading.locked() and self._read_at > -math.inf):
            return
        async with self._reading:
            if time.monotonic() - self._read_at <= FRESH_S:
                return
            try:
                found = await asyncio.to_thread(self._read)
            except MillraceError as error:
                if self._read_at == -math.inf:  # nobody can be told from anybody: refuse rather than let all in
                    raise
                log.warning("the keys cannot be read, those read last go on: %s", error)
            else:
                self._keys = {key.digest: key for key in found}
            self._read_at = time.monotonic()


def _shown(scope: Scope) -> str:
    """Return the key that a caller shows, "" for none."""
    headers = dict(scope["headers"])
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else headers.get(b"x-api-key", b"").decode("latin-1").strip()


def _failed(scope: Scope, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(problem_at(scope["path"], message)), status, headers, media_type="application/json")
