"""misspelled_import.py:5: millrace has no GradientBosting: did you mean GradientBoosting?"""

from video import Video, Watch

from millrace import GradientBosting, Model, count
