"""key_the_event_does_not_name.py:12: watched: Watch has no reference to Country: give Watch a field of type Ref[Country], or use another key"""

from video import Refresh, Video, Watch

from millrace import Entity, Pipeline, Rules, System, Top, Trending, count


class Country(Entity):
    continent: str


watched = count(Watch, per=Country, over="7d")

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), Rules(watched), Top(20)))
