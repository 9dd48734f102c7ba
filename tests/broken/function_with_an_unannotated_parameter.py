"""function_with_an_unannotated_parameter.py:10: per_minute: per_minute(video): annotate it with an Entity or the Request, call it `at`, or pass its feature to @feature(...)"""

from video import Video, Watch

from millrace import count, feature

plays = count(Watch, per=Video, over="7d")


@feature(plays)
def per_minute(plays, video):
    return plays / video.minutes
