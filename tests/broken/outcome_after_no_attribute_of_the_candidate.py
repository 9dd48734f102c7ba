"""outcome_after_no_attribute_of_the_candidate.py:14: finished: after=Season.starts is no attribute of the candidate, and the system chooses among Video: name an attribute of Video"""

from datetime import datetime

from video import Refresh, Video, Watch

from millrace import Entity, Logistic, Model, Pipeline, System, Top, Trending, outcome


class Season(Entity):
    starts: datetime


finished = outcome(Watch.completed, within="30d", after=Season.starts)
ranker = Model(finished, features=[Video.topic], learner=Logistic())

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)))
