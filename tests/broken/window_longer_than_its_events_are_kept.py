"""window_longer_than_its_events_are_kept.py:12: taps: count(Tap) per (Video) over 30d by 12h reads Tap as far back as 30d and a step of its window, and Tap is kept 30d: keep it longer, retain="31d" at least, or shorten the window"""

from video import Refresh, Video

from millrace import Event, Pipeline, Ref, Rules, System, Top, Trending, count


class Tap(Event, retain="30d"):
    video: Ref[Video]


taps = count(Tap, per=Video, over="30d")

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Tap.video), Rules(taps), Top(20)))
