"""fairness_gap_by_something_else.py:9: feed.Retrain.Canary.FairnessGap: by=Watch.viewer is not a field of Refresh, which the system is asked: use one of Refresh.id, Refresh.viewer, Refresh.limit"""

from video import Refresh, Video, Watch, finished

from millrace import Canary, FairnessGap, Logistic, Model, Pipeline, Retrain, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())

feed = System(
    Refresh,
    candidate=Video,
    policy=Pipeline(Trending(Watch.video), ranker, Top(20)),
    retrain=Retrain(rollout=Canary("10%", "100%", guards=[FairnessGap(Watch.viewer)])),
)
