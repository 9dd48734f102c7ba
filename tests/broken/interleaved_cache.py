"""interleaved_cache.py:9: compared: its arm 'popular' repeats what it decided alone: interleave the pipeline without Cached(...)"""

from video import Refresh, Video, Watch

from millrace import Cached, Fresh, Interleave, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Interleave({"popular": Cached(popular, key=Refresh.viewer, life="30s"), "newest": newest})

feed = System(Refresh, candidate=Video, policy=compared)
