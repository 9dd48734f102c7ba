"""scorecard_that_is_a_metric.py:10: compared: scorecard=Mean(...) is none: write Scorecard(Mean(...), guardrails=[...])"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending
from millrace.experiments.metrics import Mean

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=Mean(Watch.seconds))

feed = System(Refresh, candidate=Video, policy=compared)
