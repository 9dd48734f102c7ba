"""experiment_within_its_layer.py:10: outer: inner within it is of the same layer 'feed', so shares are not kept: make both arms of a third one"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
inner = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, layer="feed", part=(0.5, 1.0))
outer = Experiment({"inner": inner, "newest": newest}, unit=Refresh.viewer, layer="feed", part=(0.0, 0.5))

feed = System(Refresh, candidate=Video, policy=outer)
