"""key_of_another_event.py:7: plays: Like.video is a field of another event than Watch: write per=Watch.video"""

from video import Like, Refresh, Video, Watch

from millrace import Pipeline, Rules, System, Top, Trending, count

plays = count(Watch, per=Like.video, over="30d")

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), Rules(plays), Top(20)))
