"""system_without_a_name.py: it declares no system: bind one at the top of the module, as in feed = System(...)"""

from video import Refresh, Video, Watch

from millrace import Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
System(Refresh, candidate=Video, policy=popular)
