"""feature_listed_twice.py:8: ranker: Model(): features= lists count(Watch) per (Video) over 7d by 3h twice; list it once"""

from video import Video, Watch, finished

from millrace import Logistic, Model, count

plays = count(Watch, per=Video, over=["1h", "7d"])
ranker = Model(finished, features=[plays, Video.topic, plays["7d"]], learner=Logistic())
