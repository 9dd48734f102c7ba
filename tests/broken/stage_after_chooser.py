"""stage_after_chooser.py:7: popular: Pipeline(...): NoRepeats comes after Top, which draws: the stated propensities would be wrong; put NoRepeats before it, or make it a constraint of Top"""

from video import Refresh, Video, Watch

from millrace import NoRepeats, Pipeline, System, Top, Trending

popular = Pipeline(
    Trending(Watch.video, take=100),
    Top(20, explore=0.1),
    NoRepeats(Refresh.viewer, Video),
)

feed = System(Refresh, candidate=Video, policy=popular)
