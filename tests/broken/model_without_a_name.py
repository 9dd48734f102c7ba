"""model_without_a_name.py:7: ranked: a model in it has no name for its versions to be kept under: bind it first, as in ranker = Model(...)"""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, Pipeline, System, Top, Trending

ranked = Pipeline(Trending(Watch.video), Model(finished, features=[Video.topic], learner=Logistic()), Top(20))

feed = System(Refresh, candidate=Video, policy=ranked)
