"""ratio_of_a_mean.py:9: pull: ratio(): mean(Watch.completed) per (Video) over 7d by 3h is not a count or a total; divide one by another, and pick one member of a family with [...]"""

from video import Video, Watch

from millrace import count, mean, ratio

plays = count(Watch, per=Video, over="7d")
finishing = mean(Watch.completed, per=Video, over="7d")
pull = ratio(finishing, plays)
