"""comparison_without_brackets.py:7: skips: 5 is no condition: & binds tighter than a comparison, so write (a > 1) & (b > 2)"""

from video import Viewer, Watch

from millrace import count

skips = count(Watch, per=Viewer, over="1h", where=Watch.seconds < 5 & Watch.completed)
