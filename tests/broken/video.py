"""What the feeds beside it share: nothing is wrong here."""

from datetime import datetime

from millrace import Entity, Event, Ref, Request, outcome


class Creator(Entity):
    country: str


class Viewer(Entity):
    country: str


class Video(Entity):
    creator: Ref[Creator]
    topic: str
    uploaded_at: datetime


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool


class Like(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]


class Refresh(Request):
    viewer: Ref[Viewer]
    limit: int = 10


finished = outcome(Watch.completed, within="30m")
liked = outcome(Like, within="1h")
