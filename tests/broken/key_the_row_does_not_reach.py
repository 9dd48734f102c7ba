"""key_the_row_does_not_reach.py:18: listed: a row of Refresh and Video cannot reach Playlist: add a Ref[Playlist] to one of them, or use another key"""

from video import Like, Refresh, Video, Watch, finished

from millrace import Entity, Event, Logistic, Model, Pipeline, Ref, System, Top, Trending, count


class Playlist(Entity):
    title: str


class Added(Event):
    playlist: Ref[Playlist]
    video: Ref[Video]


plays = count(Watch, per=Video, over="7d")
listed = count(Added, per=Playlist, over="7d")
ranker = Model(finished, features=[plays, listed], learner=Logistic())

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Like.video), ranker, Top(20)))
