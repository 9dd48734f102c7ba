"""affinity_to_an_unnamed_model.py:9: near: its model has no name for its versions to be kept under: bind it first, as in nearby = Model(...)"""

from video import Refresh, Video, Watch, finished

from millrace import ALS, Fresh, Model, Pairs, Pipeline, Rules, System, Top, affinity

latest = Fresh(Video.uploaded_at)

near = affinity(Model(finished, learner=ALS(), examples=Pairs(Watch.completed)), by=Refresh.viewer)

feed = System(Refresh, candidate=Video, policy=Pipeline(latest, Rules(near), Top(20)))
