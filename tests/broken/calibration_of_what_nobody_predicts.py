"""calibration_of_what_nobody_predicts.py:9: feed.Calibration: it watches video.liked, which no model predicts: watch an outcome of a model of the policy"""

from video import Refresh, Video, Watch, finished, liked

from millrace import Calibration, Logistic, Model, Pipeline, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())

feed = System(
    Refresh,
    candidate=Video,
    policy=Pipeline(Trending(Watch.video), ranker, Top(20)),
    monitors=[Calibration(liked)],
)
