"""balanced_interleaving_of_three.py:10: compared: Interleave(by='balanced'): it merges two arms, not 3; write by='team-draft'"""

from video import Refresh, Video, Watch

from millrace import Fresh, Interleave, Pipeline, System, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
newest = Pipeline(Fresh(Video.uploaded_at), Top(20))
few = Pipeline(Fresh(Video.uploaded_at), Top(5))
compared = Interleave({"popular": popular, "newest": newest, "few": few}, by="balanced")

feed = System(Refresh, candidate=Video, policy=compared)
