"""A connection to Redis: from a URL to a client that gives up soon, and what is said of it without its secrets."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from millrace.errors import BadInput, MissingExtra

PATIENCE_S = 0.25
"""How long a reader waits for an answer, in seconds: later is as good as never."""
WRITERS_PATIENCE_S = 5.0
"""How long the publisher waits for an answer, in seconds."""


def connect(url: str, patience_s: float, tries: int) -> Any:
    """Return a client of the Redis at a URL; it connects when it is first used, and anew whenever a connection is gone.

    Args:
        url: Where, with a password if need be.
        patience_s: How long to wait for an answer, in seconds.
        tries: How often to send a command whose connection is gone, at least 1.

    Raises:
        BadInput: It is no URL of a Redis.
        MissingExtra: The client library is not installed.
    """
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise MissingExtra("the view in Redis needs its client: pip install 'millrace[redis]'") from error
    patience: dict[str, Any] = {"socket_timeout": patience_s, "socket_connect_timeout": patience_s}
    try:
        return Redis.from_url(url, retry=Retry(NoBackoff(), tries - 1), **patience)
    except ValueError as error:
        raise BadInput(f"{named(url)} is no URL of a Redis: write redis://127.0.0.1:6379/0", "online") from error


def failures() -> tuple[type[Exception], ...]:
    """Return what the client raises when Redis does not answer, or answers with an error."""
    from redis.exceptions import RedisError

    return (RedisError, OSError)


def named(url: str) -> str:
    """Return a URL as it may be logged: without user, password and options.

    >>> named("redis://ada:secret@cache:6379/0?ssl_cert=x")
    'redis://cache:6379/0'
    """
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{where}{parts.path}"


def place(url: str) -> str:
    """Return a URL as it may be kept: without user, password and options, but with its database.

    >>> place("unix:///run/redis.sock?db=3&password=secret")
    'unix:///run/redis.sock?db=3'
    """
    database = parse_qs(urlsplit(url).query).get("db", [])
    return f"{named(url)}?db={database[0]}" if database else named(url)
