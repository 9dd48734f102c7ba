"""cached_and_pinned.py:9: old: it pins a pipeline that is cached, and records do not say which versions answered: pin one that is not"""

from video import Refresh, Video, Watch

from millrace import Cached, Experiment, Pinned, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
kept = Cached(popular, key=Refresh.viewer, life="30s")
old = Pinned(popular, {})
compared = Experiment({"kept": kept, "old": old}, unit=Refresh.viewer)

feed = System(Refresh, candidate=Video, policy=compared)
