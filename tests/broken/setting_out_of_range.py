"""setting_out_of_range.py:10: ranker: GradientBoosting(learning_rate=5): learning_rate is a number above 0, at most 1"""

from video import Video, finished

from millrace import GradientBoosting, Model

ranker = Model(
    finished,
    features=[Video.topic],
    learner=GradientBoosting(trees=200, learning_rate=5),
)
