"""chained_comparison.py:7: glances: (Watch.seconds > 1) is neither true nor false while the module is read: join conditions as in (a > 1) & (b < 2), with & | ~, instead of `and`, `or`, `not`, `in` or a < b < c"""

from video import Viewer, Watch

from millrace import count

glances = count(Watch, per=Viewer, over="1h", where=1 < Watch.seconds < 5)
