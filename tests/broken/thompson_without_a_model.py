"""thompson_without_a_model.py:7: artful: Thompson() weighs what a model believes, and no model is before it: put one with BetaBelief() or another there"""

from video import Refresh, Video, Watch

from millrace import Pipeline, System, Thompson, Trending

artful = Pipeline(Trending(Watch.video), Thompson())

feed = System(Refresh, candidate=Video, policy=artful)
