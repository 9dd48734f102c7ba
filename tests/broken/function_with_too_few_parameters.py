"""function_with_too_few_parameters.py:10: heat: heat() takes 1 of the 2 values that @feature passes: add a parameter for each"""

from video import Video, Watch

from millrace import count, feature

plays = count(Watch, per=Video, over=["1h", "7d"])


@feature(plays)
def heat(hour):
    return hour * 168
