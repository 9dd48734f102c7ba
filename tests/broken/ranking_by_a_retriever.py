"""ranking_by_a_retriever.py:8: ranked: nearby recalls candidates and cannot score rows: propose by it, with Factorized(...)"""

from video import Refresh, Video, Watch, finished

from millrace import ALS, Model, Pairs, Pipeline, System, Top, Trending

nearby = Model(finished, learner=ALS(), examples=Pairs(Watch.completed))
ranked = Pipeline(Trending(Watch.video), nearby, Top(20))

feed = System(Refresh, candidate=Video, policy=ranked)
