"""ucb_of_a_weighed_score.py:8: artful: UCB() weighs what a model believes, and Weigh(...) leaves a bare number of it: put the model right before UCB(), or end with EpsilonGreedy()"""

from video import Refresh, Video, Watch, finished

from millrace import UCB, LinearBelief, Model, Pipeline, System, Trending, Weigh

belief = Model(finished, features=[Video.topic], learner=LinearBelief(), updates="1m")
artful = Pipeline(Trending(Watch.video), belief, Weigh({finished: 2}), UCB())

feed = System(Refresh, candidate=Video, policy=artful)
