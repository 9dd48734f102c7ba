"""rules_by_a_text.py:7: popular.Rules: Video.topic is text, and Rules(...) scores by a number: pass an aggregate, or a @feature function of it"""

from video import Refresh, Video, Watch

from millrace import Pipeline, Rules, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Rules(Video.topic), Top(20))

feed = System(Refresh, candidate=Video, policy=popular)
