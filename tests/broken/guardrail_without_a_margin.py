"""guardrail_without_a_margin.py:9: card: Scorecard: guardrails=[Mean(...)] does not say how much worse would be too much: write NonInferior(Mean(Watch.seconds), margin=5.0)"""

from video import Refresh, Video, Watch

from millrace import Experiment, Fresh, Mean, Pipeline, Scorecard, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
card = Scorecard(Mean(Watch.seconds), guardrails=[Mean(Watch.completed)])
compared = Experiment({"popular": popular, "newest": newest}, unit=Refresh.viewer, scorecard=card)

feed = System(Refresh, candidate=Video, policy=compared)
