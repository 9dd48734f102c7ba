"""pipeline_without_a_chooser.py:8: ranked: Pipeline(...): nothing chooses; end it with Top(...) or Act(...)"""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, Pipeline, System, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())
ranked = Pipeline(Trending(Watch.video), ranker)

feed = System(Refresh, candidate=Video, policy=ranked)
