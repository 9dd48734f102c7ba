"""cached_without_what_it_depends_on.py:8: kept: its answers depend on Refresh.limit, which may differ where its key is equal: write key=(Refresh.viewer, Refresh.limit)"""

from video import Refresh, Video, Watch

from millrace import Cached, NoRepeats, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), NoRepeats(Refresh.viewer, Video), Top(Refresh.limit))
kept = Cached(popular, key=Refresh.viewer, life="30s")

feed = System(Refresh, candidate=Video, policy=kept)
