"""shares_that_are_not_one.py:9: compared: Experiment(shares=(0.8, 0.1)): give each of the 2 arms a share; together they make 1"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, shares=(0.8, 0.1))

feed = System(Refresh, candidate=Video, policy=compared)
