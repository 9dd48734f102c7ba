"""no_repeats_of_another_class.py:7: popular.NoRepeats: it leaves out each Creator that was shown, but the system chooses among Video: write NoRepeats(Refresh.viewer, Video)"""

from video import Creator, Refresh, Video, Watch

from millrace import NoRepeats, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), NoRepeats(Refresh.viewer, Creator), Top(20))

feed = System(Refresh, candidate=Video, policy=popular)
