"""weights_per_what_is_not_read.py:7: belief: LinearBelief(per=Video.id) tells its rows apart by what it does not read: add Video.id to features="""

from video import Refresh, Video, Watch, finished

from millrace import LinearBelief, Model, Pipeline, System, Thompson, Trending

belief = Model(finished, features=[Video.topic], learner=LinearBelief(per=Video.id), updates="1m")
artful = Pipeline(Trending(Watch.video), belief, Thompson())

feed = System(Refresh, candidate=Video, policy=artful)
