"""fallback_to_a_source.py:8: safe: Fallback(to=Fresh(...)): not a policy; use a Pipeline, or what wraps one"""

from video import Video, Watch

from millrace import Fallback, Fresh, Pipeline, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
safe = Fallback(popular, to=Fresh(Video.uploaded_at), after="150ms")
