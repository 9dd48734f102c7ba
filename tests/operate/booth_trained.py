"""The booth with two models: one is trained, the other follows the log."""

from millrace import Experiment, Logistic, Model, Pipeline, Retrain, System, Top, count
from tests.operate.booth import Banner, Stop, Visit, shown, stopped

stops = count(Stop, per=Banner, over="1d")
ranker = Model(stopped, features=[stops], learner=Logistic())
ranked = Pipeline(shown.source, ranker, Top(1, explore=0.2))

booth = System(
    Visit,
    candidate=Banner,
    policy=Experiment(
        {"bandit": shown, "ranked": Pipeline(shown.source, Top(1, explore=1.0)), "model": ranked}, unit=Visit.person, shares=(0.5, 0.5, 0.0)
    ),
    retrain=Retrain(every="1h", rest="5m", warmup="10m"),
)
