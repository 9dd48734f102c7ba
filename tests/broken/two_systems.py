"""two_systems.py:10: start_page: feed is a System too, and a module declares one: give one of them its own module"""

from video import Refresh, Video, Watch

from millrace import Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))

feed = System(Refresh, candidate=Video, policy=popular)
start_page = System(Refresh, candidate=Video, policy=popular)
