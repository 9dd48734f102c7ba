"""outcome_later_than_its_events_are_kept.py:13: returned: Return is kept 30d, and it may come 60d later: retain="60d" at least"""

from video import Refresh, Video, Viewer, Watch

from millrace import Event, Logistic, Model, Pipeline, Ref, System, Top, Trending, outcome


class Return(Event, retain="30d"):
    viewer: Ref[Viewer]
    video: Ref[Video]


returned = outcome(Return, within="60d")
ranker = Model(returned, features=[Video.topic], learner=Logistic())

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)))
