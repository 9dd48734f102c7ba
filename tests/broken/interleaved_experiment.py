"""interleaved_experiment.py:9: compared: its arm 'both' holds Experiment(...), whose record would be lost: put Experiment(...) around Interleave(...)"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Interleave, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Interleave({"both": Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer), "newest": newest})

feed = System(Refresh, candidate=Video, policy=compared)
