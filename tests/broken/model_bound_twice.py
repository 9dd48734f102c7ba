"""model_bound_twice.py:8: champion: this is ranker again: a Model is known by its name, so bind it once"""

from video import Refresh, Video, Watch, finished

from millrace import GradientBoosting, Model, Pipeline, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=GradientBoosting())
champion = ranker

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), champion, Top(20)))
