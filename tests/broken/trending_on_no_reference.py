"""trending_on_no_reference.py:7: trending: Trending(Watch.seconds): not a reference; name the field that refers to the candidate, such as Watch.video"""

from video import Watch

from millrace import Trending

trending = Trending(Watch.seconds, over="6h")
