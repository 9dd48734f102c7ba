"""field_that_is_a_dict.py:11: Search.filters: a field cannot be dict[str, str]: use str, int, float, bool, datetime, bytes, Ref[...], or one of them | None"""

from video import Refresh, Video, Viewer, Watch

from millrace import Event, Pipeline, Ref, System, Top, Trending


class Search(Event):
    viewer: Ref[Viewer]
    words: str
    filters: dict[str, str]


feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), Top(20)))
