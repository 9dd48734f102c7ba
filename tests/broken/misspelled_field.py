"""misspelled_field.py:7: usual: Watch has no field second: it has at, id, viewer, video, seconds, completed"""

from video import Video, Watch

from millrace import mean

usual = mean(Watch.second, per=Video, over="7d")
