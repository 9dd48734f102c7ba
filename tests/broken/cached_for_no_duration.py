"""cached_for_no_duration.py:9: feed: '30' is not a duration: write a positive number with its unit, such as "10m", "24h" or "7d" """

from video import Refresh, Video, Watch

from millrace import Cached, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))

feed = System(Refresh, candidate=Video, policy=Cached(popular, key=Refresh.viewer, life="30"))
