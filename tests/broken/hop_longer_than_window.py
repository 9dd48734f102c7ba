"""hop_longer_than_window.py:7: plays: a hop of 2h does not fit a window of 1h: write a shorter hop"""

from video import Video, Watch

from millrace import count

plays = count(Watch, per=Video, over="1h", hop="2h")
