"""affinity_to_a_ranker.py:8: near: affinity(Model(...)): not a model that recalls; pass one such as Model(..., learner=ALS())"""

from video import Refresh, Video, finished

from millrace import Fresh, Logistic, Model, Pipeline, Rules, System, Top, affinity

ranker = Model(finished, features=[Video.topic], learner=Logistic())
near = affinity(ranker, by=Refresh.viewer)

feed = System(Refresh, candidate=Video, policy=Pipeline(Fresh(Video.uploaded_at), Rules(near), Top(20)))
