"""The class `Watch` of the small world, some releases later."""

from millrace.schema import Event, Ref
from millrace.types import moment
from tests.log.world import NOON, Video, Viewer


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool = False
    rating: int | None = None
    note: str | None = None
    device: str = "unknown"


def watch(id, seconds=1.0, **more):
    return Watch(id=id, at=moment(NOON), viewer="ann", video="cat", seconds=seconds, **more)
