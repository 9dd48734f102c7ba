"""cached_by_something_else.py:8: kept: key=Viewer.country is not a field of Refresh, which the system is asked: use one of Refresh.id, Refresh.viewer, Refresh.limit"""

from video import Refresh, Video, Viewer, Watch

from millrace import Cached, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
kept = Cached(popular, key=Viewer.country, life="30s")

feed = System(Refresh, candidate=Video, policy=kept)
