"""misspelled_name.py:7: ranker: name 'finishd' is not defined: did you mean finished?"""

from video import Video, finished

from millrace import Logistic, Model

ranker = Model(finishd, features=[Video.topic], learner=Logistic())
