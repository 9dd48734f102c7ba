"""scorecard_of_a_text.py:11: compared: Refresh.viewer is text: metrics are of numbers, so compare it with something"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending
from millrace.experiments.metrics import Mean
from millrace.experiments.scorecard import Scorecard

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=Scorecard(Mean(Refresh.viewer)))

feed = System(Refresh, candidate=Video, policy=compared)
