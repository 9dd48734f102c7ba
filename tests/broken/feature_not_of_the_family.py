"""feature_not_of_the_family.py:8: popular: this family has no ['1d']: pick among [Video, '1h'], [Video, '7d']"""

from video import Video, Watch

from millrace import Rules, count

plays = count(Watch, per=Video, over=["1h", "7d"])
popular = Rules(plays["1d"])
