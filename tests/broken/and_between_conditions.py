"""and_between_conditions.py:7: liked_it: Watch.completed is neither true nor false while the module is read: join conditions as in (a > 1) & (b < 2), with & | ~, instead of `and`, `or`, `not`, `in` or a < b < c"""

from video import Video, Watch

from millrace import count

liked_it = count(Watch, per=Video, over="1d", where=Watch.completed and Watch.seconds > 3)
