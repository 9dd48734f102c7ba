"""drift_of_an_idle_model.py:10: feed.Drift2: it watches idle, which decides nothing: watch a model of the policy"""

from video import Refresh, Video, Watch, finished, liked

from millrace import Drift, Logistic, Model, Pipeline, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())
idle = Model(liked, features=[Video.topic], learner=Logistic())

feed = System(
    Refresh,
    candidate=Video,
    policy=Pipeline(Trending(Watch.video), ranker, Top(20)),
    monitors=[Drift(ranker), Drift(idle)],
)
