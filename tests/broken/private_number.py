"""private_number.py:9: Member: Private[int] cannot be: a private field is text, Private[str] or Private[str] | None; nothing computes with it, so write numbers and instants as text"""

from video import Refresh, Video, Watch

from millrace import Entity, Pipeline, Private, System, Top, Trending


class Member(Entity):
    age: Private[int]


feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), Top(20)))
