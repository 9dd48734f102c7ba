"""function_that_reads_a_setting.py:16: ranker: heat() reads the global 'weights', whose value is not part of its code: make it a constant inside the function or a function of its own"""

from video import Video, Watch, finished

from millrace import Logistic, Model, count, feature

weights = {"hour": 168.0}
plays = count(Watch, per=Video, over=["1h", "7d"])


@feature(plays["1h"], plays["7d"])
def heat(hour, week):
    return hour * weights["hour"] / (week + 1)


ranker = Model(finished, features=[heat], learner=Logistic())
