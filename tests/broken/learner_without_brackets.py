"""learner_without_brackets.py:7: ranker: Model(learner=GradientBoosting): not a learner; use one such as GradientBoosting() or Logistic()"""

from video import Video, finished

from millrace import GradientBoosting, Model

ranker = Model(finished, features=[Video.topic], learner=GradientBoosting)
