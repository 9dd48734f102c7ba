"""lifetime_of_events_that_are_dropped.py:12: taps: count(Tap) per (Video) over ever reads every Tap there ever was, and Tap is kept 400d: give it a window, or drop retain="""

from video import Refresh, Video

from millrace import Event, Pipeline, Ref, Rules, System, Top, Trending, count


class Tap(Event, retain="400d"):
    video: Ref[Video]


taps = count(Tap, per=Video, over="ever")

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Tap.video), Rules(taps), Top(20)))
