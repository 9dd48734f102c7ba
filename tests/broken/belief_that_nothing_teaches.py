"""belief_that_nothing_teaches.py:7: belief: nothing ever teaches it: write Model(..., learner=BetaBelief(...), updates="1m")"""

from video import Refresh, Video, Watch, finished

from millrace import BetaBelief, Model, Pipeline, System, Thompson, Trending

belief = Model(finished, features=[Video.id], learner=BetaBelief())
artful = Pipeline(Trending(Watch.video), belief, Thompson())

feed = System(Refresh, candidate=Video, policy=artful)
