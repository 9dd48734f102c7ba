"""retraining_of_nothing.py:7: feed: Retrain(...) has nothing to train, the policy reaches no model: drop retrain="""

from video import Refresh, Video, Watch

from millrace import Pipeline, Retrain, System, Top, Trending

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), Top(20)), retrain=Retrain(every="1d"))
