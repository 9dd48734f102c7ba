"""The online view of a system in Redis: what a URL such as redis://127.0.0.1:6379/0 stands for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from millrace.adapters.redis.connection import PATIENCE_S, WRITERS_PATIENCE_S, connect, named
from millrace.adapters.redis.following import Following
from millrace.adapters.redis.layout import Layout
from millrace.adapters.redis.publishing import Publisher
from millrace.adapters.redis.ranking import Indices
from millrace.adapters.redis.reading import RedisView
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.policy.sources import Arms, Fresh, Trending


def publish(url: str, loaded: Loaded, view: OnlineView, lock: AbstractContextManager[Any], moved: Callable[[], int]) -> Following:
    """Publish a system's view from now on: what follows it is told of every batch, and closed at the end.

    Only the process that writes the log may: there is one, so that what is published has one order.

    Args:
        url: Where.
        loaded: The system.
        view: Its view.
        lock: Whoever changes or reads the view holds it.
        moved: See `Following`.

    Raises:
        BadInput: It is no URL of a Redis.
        MissingExtra: The client library is not installed.
    """
    client = connect(url, WRITERS_PATIENCE_S, tries=1)
    return Following(Publisher(client, Layout(loaded.name, loaded.plan), view, indices(loaded)), lock, moved, named(url))


def read(url: str, loaded: Loaded) -> RedisView:
    """Return a system's view as another process publishes it.

    Raises:
        BadInput: It is no URL of a Redis.
        MissingExtra: The client library is not installed.
    """
    return RedisView(connect(url, PATIENCE_S, tries=2), Layout(loaded.name, loaded.plan), indices(loaded))


def indices(loaded: Loaded) -> Indices:
    """Return what a system's sources enumerate."""
    counted = tuple(one.counted for one in loaded.of(Trending))
    return Indices(counted, tuple(one.of for one in loaded.of(Fresh)), tuple(one.having for one in loaded.of(Arms)))
