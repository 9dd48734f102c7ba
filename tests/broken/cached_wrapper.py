"""cached_wrapper.py:8: safe: Cached(Fallback(...)): not a Pipeline; put it around a pipeline, and what wraps that around it"""

from video import Refresh, Video, Watch

from millrace import Cached, Fallback, Fresh, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
safe = Cached(Fallback(popular, to=Pipeline(Fresh(Video.uploaded_at), Top(20)), after="150ms"), key=Refresh.viewer, life="30s")

feed = System(Refresh, candidate=Video, policy=safe)
