"""gate_by_what_is_no_skill.py:8: daily.NotWorse: coverage does not say how good scores are: use a metric of scores and outcomes, such as auc or ndcg@10"""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, NotWorse, Pipeline, Retrain, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())
daily = Retrain(every="1d", gate=NotWorse("coverage"))

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)), retrain=daily)
