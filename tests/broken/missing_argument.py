"""missing_argument.py:7: plays: count() missing 1 required keyword-only argument: 'per'"""

from video import Watch

from millrace import count

plays = count(Watch, over="7d")
