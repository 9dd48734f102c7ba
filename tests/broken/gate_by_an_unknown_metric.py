"""gate_by_an_unknown_metric.py:8: daily.NotWorse: there is no metric 'nddcg@10': use one of auc, pr_auc, log_loss, brier, accuracy[@threshold], f1[@threshold], calibration_error, ece, mae, rmse, r2, mape, smape, wape, pinball@0.9, ndcg[@k], mrr[@k], map[@k], recall@20, precision@10, hit@10, coverage, diversity, embedding_diversity, novelty, gini, entropy"""

from video import Refresh, Video, Watch, finished

from millrace import Logistic, Model, NotWorse, Pipeline, Retrain, System, Top, Trending

ranker = Model(finished, features=[Video.topic], learner=Logistic())
daily = Retrain(every="1d", gate=NotWorse("nddcg@10"))

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)), retrain=daily)
