"""missing_module.py:3: there is no module lightgbmm: install it, correct its name, or run from the folder that holds it"""

import lightgbmm
from video import finished

from millrace import Model

ranker = Model(finished, features=[], learner=lightgbmm.Ranker())
