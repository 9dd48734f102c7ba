"""ramp_that_shrinks.py:9: compared: Experiment(ramp=...): shares must grow with time, up to 1, such as {"2026-05-01": 0.1, "2026-05-04": 1.0}"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, ramp={"2026-05-01": 0.5, "2026-05-04": 0.1})

feed = System(Refresh, candidate=Video, policy=compared)
