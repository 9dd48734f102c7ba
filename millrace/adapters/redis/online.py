"""The online view of a system in Redis: what a URL such as redis://127.0.0.1:6379/0 stands for."""

from __future__ import annotations

import glob
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from millrace.adapters.redis.connection import PATIENCE_S, WRITERS_PATIENCE_S, connect, failures, named
from millrace.adapters.redis.connection import place as place
from millrace.adapters.redis.following import Following
from millrace.adapters.redis.layout import Layout
from millrace.adapters.redis.publishing import Publisher
from millrace.adapters.redis.ranking import Indices
from millrace.adapters.redis.reading import RedisView
from millrace.errors import Unavailable
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.policy.sources import Arms, Fresh, Trending

_AT_ONCE = 2_000
"""How many keys are looked for, and deleted, in one message."""


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


def delete(url: str, system: str) -> None:
    """Delete all that was ever published of a system; when this returns, no reader can be answered from it.

    The standings go first, so readers know at once that there is nothing, and answer as without Redis. Nobody may be publishing: whoever
    does notices, and publishes everything anew.

    Args:
        url: Where.
        system: The system's name.

    Raises:
        Unavailable: Redis does not answer, or does not let this in.
        BadInput: It is no URL of a Redis.
        MissingExtra: The client library is not installed.
    """
    client = connect(url, WRITERS_PATIENCE_S, tries=1)
    mine = glob.escape(f"millrace:{system}:")
    try:
        for pattern in (f"{mine}*:standing", f"{mine}*:claim", f"{mine}*"):
            found = client.scan_iter(match=pattern, count=_AT_ONCE)
            while some := list(islice(found, _AT_ONCE)):
                client.unlink(*some)
    except failures() as error:
        raise Unavailable(f"Redis does not answer ({type(error).__name__})") from error
    finally:
        client.close()


def indices(loaded: Loaded) -> Indices:
    """Return what a system's sources enumerate."""
    counted = tuple(one.counted for one in loaded.of(Trending))
    return Indices(counted, tuple(one.of for one in loaded.of(Fresh)), tuple(one.having for one in loaded.of(Arms)))
