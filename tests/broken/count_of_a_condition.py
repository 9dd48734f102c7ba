"""count_of_a_condition.py:7: finishes: count(): counts events: write count(Watch, where=Watch.completed) or total(Watch.completed)"""

from video import Video, Watch

from millrace import count

finishes = count(Watch.completed, per=Video, over="7d")
