"""class_among_features.py:7: ranker: Model(features=[Viewer]): not a feature; use aggregates, ratios, @feature functions and attributes"""

from video import Viewer, finished

from millrace import Logistic, Model

ranker = Model(finished, features=[Viewer], learner=Logistic())
