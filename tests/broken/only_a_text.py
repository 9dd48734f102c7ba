"""only_a_text.py:7: popular.Only: Video.topic is text, and Only(...) asks what is true, or a number above 0: pass an aggregate, or a @feature function of it"""

from video import Refresh, Video, Watch

from millrace import Only, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Only(Video.topic), Top(20))

feed = System(Refresh, candidate=Video, policy=popular)
