"""retraining_on_a_monitor_that_is_not_there.py:9: feed: Retrain(on=Drift) waits for a monitor that is not there: add Drift(...) to monitors="""

from video import Refresh, Video, Watch, finished

from millrace import Drift, Freshness, Logistic, Model, Pipeline, Retrain, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())

feed = System(
    Refresh,
    candidate=Video,
    policy=Pipeline(Trending(Watch.video), ranker, Top(20)),
    monitors=[Freshness("1h")],
    retrain=Retrain(every="7d", on=Drift),
)
