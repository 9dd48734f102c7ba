"""key_an_attribute_away.py:7: following: Watch has no reference to Creator: write per=Video.creator"""

from video import Creator, Refresh, Video, Watch

from millrace import Pipeline, Rules, System, Top, Trending, count

following = count(Watch, per=Creator, over="30d")

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), Rules(following), Top(20)))
