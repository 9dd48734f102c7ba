"""A small world of videos that are watched: the classes, and a few items of each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import SECOND, Columns, instant, moment

NOON = instant(datetime(2026, 1, 1, 12, tzinfo=UTC))


class Viewer(Entity):
    country: str = ""
    born: datetime | None = None


class Video(Entity):
    topic: str
    uploaded_at: datetime


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool = False
    rating: int | None = None
    note: str | None = None


class Refresh(Request):
    viewer: Ref[Viewer]
    limit: int = 20


STREAMS = [Viewer, Video, Watch, Refresh]


def watch(id: str = "", at: int = NOON, viewer: str = "ann", video: str = "cat", seconds: float = 1.0, **more: Any) -> Watch:
    return Watch(id=id, at=moment(at), viewer=viewer, video=video, seconds=seconds, **more)


def watches(n: int, start: int = 0) -> list[Watch]:
    return [watch(f"w{i}", NOON + i * SECOND, f"viewer {i % 3}", f"video {i % 5}", float(i)) for i in range(start, start + n)]


def refresh(id: str, at: int = NOON, viewer: str = "ann", limit: int = 20) -> Refresh:
    return Refresh(id=id, at=moment(at), viewer=viewer, limit=limit)


def decision(id: str, *candidates: str, at: int = NOON, taken: int | None = None, system: str = "feed", **more: Any) -> Decision:
    shown = len(candidates) if taken is None else taken
    return Decision(id=id, at=at, system=system, watermark=more.pop("watermark", at), candidate=list(candidates), taken=shown, **more)


def same(a: Columns, b: Columns) -> bool:
    """Return whether two sets of columns are equal: names, types, and values with missing ones equal to each other."""
    return list(a) == list(b) and all(
        a[name].dtype == b[name].dtype and a[name].tolist().__repr__() == b[name].tolist().__repr__() for name in a
    )


def ids(rows: Columns) -> Sequence[str]:
    return rows["id"].tolist()


def history(n: int, first: int = 0, step: int = SECOND, **more: Any) -> dict[str, Any]:
    """Return `n` watches as columns, one each `step`."""
    number = np.arange(first, first + n)
    columns = {
        "id": np.array([f"h{i}" for i in number], dtype=object),
        "at": NOON + number * step,
        "viewer": np.array(["bob"] * n, dtype=object),
        "video": np.array([f"video {i % 5}" for i in number], dtype=object),
        "seconds": number.astype(float),
    }
    return columns | more
