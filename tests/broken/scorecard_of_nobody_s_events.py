"""scorecard_of_nobody_s_events.py:17: compared: Upload has 0 fields that refer to Viewer: what is counted per unit needs one, of type Ref[Viewer]"""

from video import Refresh, Creator, Video, Watch

from millrace import Entity, Event, Experiment, Fresh, Pipeline, Ref, System, Top, Trending
from millrace.experiments.metrics import Mean
from millrace.experiments.scorecard import Scorecard


class Upload(Event):
    creator: Ref[Creator]
    bytes: float


popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=Scorecard(Mean(Upload.bytes)))

feed = System(Refresh, candidate=Video, policy=compared)
