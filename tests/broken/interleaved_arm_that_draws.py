"""interleaved_arm_that_draws.py:9: compared: its arm 'ranked' draws (explore=0.1), and so does Interleave(...): the propensities would be wrong; use Top(n)"""

from video import Refresh, Video, Watch

from millrace import Fresh, Interleave, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
ranked = Pipeline(Fresh(Video.uploaded_at), Top(20, explore=0.1))
compared = Interleave({"ranked": ranked, "popular": popular})

feed = System(Refresh, candidate=Video, policy=compared)
