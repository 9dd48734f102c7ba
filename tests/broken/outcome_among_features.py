"""outcome_among_features.py:7: ranker: Model(features=[any(Like) within 1h]): not a feature; use aggregates, ratios, @feature functions and attributes"""

from video import Video, finished, liked

from millrace import Logistic, Model

ranker = Model(finished, features=[Video.topic, liked], learner=Logistic())
