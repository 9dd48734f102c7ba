"""scorecard_of_a_column.py:11: compared: mean of watched: 'watched' is nothing that happens: name an event, an expression over one, or an outcome"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending
from millrace.experiments.metrics import Mean
from millrace.experiments.scorecard import Scorecard

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=Scorecard(Mean("watched")))

feed = System(Refresh, candidate=Video, policy=compared)
