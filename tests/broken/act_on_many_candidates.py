"""act_on_many_candidates.py:8: shown: Act() acts on one candidate per request: begin the pipeline with Itself(), or end it with Top(...)"""

from video import Refresh, Video, Watch

from millrace import Act, Pipeline, Rules, System, Trending, count

plays = count(Watch, per=Video, over="7d")
shown = Pipeline(Trending(Watch.video), Rules(plays), Act({"show": 100}, otherwise="hide"))

feed = System(Refresh, candidate=Video, policy=shown)
