"""model_after_the_chooser.py:8: ranked: Pipeline(...): the Model comes after Top, which draws: the stated propensities would be wrong; put the Model before it"""

from video import Video, Watch, finished

from millrace import Logistic, Model, Pipeline, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())
ranked = Pipeline(Trending(Watch.video), Top(20), ranker)
