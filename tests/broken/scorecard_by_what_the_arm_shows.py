"""scorecard_by_what_the_arm_shows.py:11: compared: covariates=video.finished: a ranking predicts it of what the arm has shown: use what was known before"""

from video import Refresh, Video, Watch, finished

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending
from millrace.experiments.metrics import Mean
from millrace.experiments.scorecard import Scorecard

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment(
    {"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=Scorecard(Mean(Watch.seconds, covariates=(finished,)))
)

feed = System(Refresh, candidate=Video, policy=compared)
