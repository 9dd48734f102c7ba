"""retriever_without_pairs.py:7: nearby: ALS() learns who takes what: give it examples=Pairs(...), the events in which a candidate is taken"""

from video import Refresh, Video, finished

from millrace import ALS, Factorized, Model, Pipeline, System, Top

nearby = Model(finished, learner=ALS())

feed = System(Refresh, candidate=Video, policy=Pipeline(Factorized(nearby, by=Refresh.viewer), Top(20)))
