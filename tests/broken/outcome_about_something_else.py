"""outcome_about_something_else.py:13: followed: Follow does not say which Video it is about: give Follow a field of type Ref[Video]"""

from video import Creator, Refresh, Video, Viewer, Watch

from millrace import Event, Logistic, Model, Pipeline, Ref, System, Top, Trending, outcome


class Follow(Event):
    viewer: Ref[Viewer]
    creator: Ref[Creator]


followed = outcome(Follow, within="1d")
ranker = Model(followed, features=[Video.topic], learner=Logistic())

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)))
