"""unit_not_of_the_request.py:9: compared: unit=Viewer.country is not a field of Refresh, which the system is asked: use one of Refresh.id, Refresh.viewer, Refresh.limit"""

from video import Refresh, Video, Viewer, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
compared = Experiment({"popular": popular, "newest": newest}, unit=Viewer.country)

feed = System(Refresh, candidate=Video, policy=compared)
