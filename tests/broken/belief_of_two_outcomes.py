"""belief_of_two_outcomes.py:7: belief: BetaBelief() believes something of one outcome: declare a model for each of them"""

from video import Refresh, Video, Watch, finished, liked

from millrace import BetaBelief, Model, Pipeline, System, Thompson, Trending

belief = Model(finished, liked, features=[Video.id], learner=BetaBelief(), updates="1m")
artful = Pipeline(Trending(Watch.video), belief, Thompson())

feed = System(Refresh, candidate=Video, policy=artful)
