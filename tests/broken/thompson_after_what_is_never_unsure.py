"""thompson_after_what_is_never_unsure.py:8: artful: Thompson() weighs how sure a model is, and Logistic() does not say it: give it BetaBelief() or another, or end with EpsilonGreedy()"""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, Pipeline, Retrain, System, Thompson, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())
artful = Pipeline(Trending(Watch.video), ranker, Thompson())

feed = System(Refresh, candidate=Video, policy=artful, retrain=Retrain())
