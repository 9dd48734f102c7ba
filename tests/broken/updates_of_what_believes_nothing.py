"""updates_of_what_believes_nothing.py:7: ranker: Model(learner=Logistic(...), updates='1m'): it holds no belief to be kept up; drop updates=, or use one such as BetaBelief()"""

from video import Video, finished

from millrace import Logistic, Model

ranker = Model(finished, features=[Video.topic], learner=Logistic(), updates="1m")
