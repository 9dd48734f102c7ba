"""weighed_outcome_nobody_predicts.py:8: ranked: Weigh() weighs video.liked, which no model before it predicts: add it to the outcomes of a model there"""

from video import Refresh, Video, Watch, finished, liked

from millrace import Logistic, Model, Pipeline, System, Top, Trending, Weigh

ranker = Model(finished, features=[Video.topic], learner=Logistic())
ranked = Pipeline(Trending(Watch.video), ranker, Weigh({finished: 1, liked: 3}), Top(20))

feed = System(Refresh, candidate=Video, policy=ranked)
