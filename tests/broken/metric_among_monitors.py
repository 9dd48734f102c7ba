"""metric_among_monitors.py:9: feed: monitors=['auc'] is not a monitor: use Drift, Calibration, Freshness or drop(...)"""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, Pipeline, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)), monitors=["auc"])
