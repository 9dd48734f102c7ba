"""model_without_features.py:7: ranker: it has no features to learn from: list some in features="""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, Pipeline, System, Top, Trending

ranker = Model(finished, learner=Logistic())

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)))
