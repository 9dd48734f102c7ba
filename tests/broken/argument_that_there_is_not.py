"""argument_that_there_is_not.py:7: ranker: GradientBoosting() has no argument n_estimators: it takes trees, leaves, learning_rate, loss, positive_weight, min_rows, reg, patience, threads"""

from video import Refresh, Video, Watch, finished

from millrace import GradientBoosting, Model, Pipeline, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=GradientBoosting(n_estimators=300))

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)))
