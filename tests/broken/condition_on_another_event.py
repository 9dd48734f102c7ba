"""condition_on_another_event.py:7: likes: count(): where=Watch.completed reads Watch, but Like is aggregated: filter by its own fields"""

from video import Like, Video, Watch

from millrace import count

likes = count(Like, per=Video, over="7d", where=Watch.completed)
