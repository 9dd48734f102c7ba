"""scorecard_over_before_it_begins.py:11: compared: mean of Watch.seconds: within='1d' is over before after='2d' begins: make it longer"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending
from millrace.experiments.metrics import Mean
from millrace.experiments.scorecard import Scorecard

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment(
    {"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=Scorecard(Mean(Watch.seconds, after="2d", within="1d"))
)

feed = System(Refresh, candidate=Video, policy=compared)
