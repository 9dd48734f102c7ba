"""retraining_of_what_follows_the_log.py:10: feed: Retrain(...) has nothing to train, its models follow the log by themselves: drop retrain=, or their updates="""

from video import Refresh, Video, Watch, finished

from millrace import BetaBelief, Model, Pipeline, Retrain, System, Thompson, Trending

belief = Model(finished, features=[Video.id], learner=BetaBelief(), updates="1m")
artful = Pipeline(Trending(Watch.video), belief, Thompson())

feed = System(Refresh, candidate=Video, policy=artful, retrain=Retrain())
