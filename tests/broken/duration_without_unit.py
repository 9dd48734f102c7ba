"""duration_without_unit.py:7: plays: '24' is not a duration: write a positive number with its unit, such as "10m", "24h" or "7d" """

from video import Video, Watch

from millrace import count

plays = count(Watch, per=Video, over=["1h", "24"])
