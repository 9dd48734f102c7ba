"""mean_of_an_event.py:7: usual: mean(): Watch is an event, not a value: name one of its fields, such as Watch.seconds"""

from video import Video, Watch

from millrace import mean

usual = mean(Watch, per=Video, over="7d")
