"""candidate_not_named.py:7: feed.Pipeline.Trending: it proposes Video, but the system has no candidate: write System(..., candidate=Video)"""

from video import Refresh, Watch

from millrace import Pipeline, System, Top, Trending

feed = System(Refresh, policy=Pipeline(Trending(Watch.video), Top(20)))
