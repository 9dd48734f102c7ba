"""ratio_of_a_family.py:9: loved: ratio(): Family(...) is not a count or a total; divide one by another, and pick one member of a family with [...]"""

from video import Like, Video, Watch

from millrace import count, ratio

plays = count(Watch, per=Video, over=["1d", "7d"])
likes = count(Like, per=Video, over=["1d", "7d"])
loved = ratio(likes, plays)
