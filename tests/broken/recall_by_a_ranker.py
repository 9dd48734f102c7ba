"""recall_by_a_ranker.py:8: ranked.Factorized: GradientBoosting() cannot recall candidates: use a model whose learner can, such as ALS()"""

from video import Refresh, Video, finished

from millrace import Factorized, GradientBoosting, Model, Pipeline, System, Top

ranker = Model(finished, features=[Video.topic], learner=GradientBoosting())
ranked = Pipeline(Factorized(ranker, by=Refresh.viewer, take=200), Top(20))

feed = System(Refresh, candidate=Video, policy=ranked)
