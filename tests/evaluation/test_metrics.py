import numpy as np
import pytest

from millrace.errors import BadInput, NotFound
from millrace.evaluation import calibration, catalogue, classification, ranking, regression
from millrace.evaluation.metrics import metric, names

RNG = np.random.default_rng(0)
SCORE, LABEL, GROUP = RNG.random(60), (RNG.random(60) < 0.4).astype(float), np.arange(60) // 6
ROWS = {"score": SCORE, "label": LABEL, "group": GROUP}
SHOWN = {
    "shown": ["a", "b", "a"],
    "candidates": ["a", "b", "c"],
    "category": ["x", "y", "x"],
    "group": [0, 0, 0],
    "popularity": [0.5, 0.25, 0.5],
    "exposure": [2, 1, 0],
    "embedding": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auc", classification.auc(SCORE, LABEL)),
        ("pr_auc", classification.pr_auc(SCORE, LABEL)),
        ("log_loss", classification.log_loss(SCORE, LABEL)),
        ("brier", classification.brier(SCORE, LABEL)),
        ("accuracy", classification.confusion(SCORE, LABEL).accuracy),
        ("accuracy@0.3", classification.confusion(SCORE, LABEL, threshold=0.3).accuracy),
        ("f1", classification.confusion(SCORE, LABEL).f1),
        ("f1@0.3", classification.confusion(SCORE, LABEL, threshold=0.3).f1),
        ("calibration_error", calibration.calibration_error(SCORE, LABEL)),
        ("ece", calibration.expected_calibration_error(SCORE, LABEL)),
        ("mae", regression.mae(SCORE, LABEL)),
        ("pinball@0.9", regression.pinball(SCORE, LABEL, quantile=0.9)),
        ("ndcg", ranking.ndcg(SCORE, LABEL, GROUP).value),
        ("ndcg@10", ranking.ndcg(SCORE, LABEL, GROUP, 10).value),
        ("mrr", ranking.mrr(SCORE, LABEL, GROUP).value),
        ("map@3", ranking.mean_average_precision(SCORE, LABEL, GROUP, 3).value),
        ("recall@2", ranking.recall(SCORE, LABEL, GROUP, 2).value),
        ("precision@2", ranking.precision(SCORE, LABEL, GROUP, 2).value),
        ("hit@1", ranking.hit_rate(SCORE, LABEL, GROUP, 1).value),
    ],
)
def test_name_says_which_function_and_setting(name, value):
    assert metric(name).name == name
    assert metric(name).of(ROWS) == value


def test_metrics_of_what_is_shown_go_by_name_too():
    assert metric("coverage").of(SHOWN) == catalogue.coverage(SHOWN["shown"], SHOWN["candidates"])
    assert metric("diversity").of(SHOWN) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", names())
def test_every_metric_listed_can_be_asked_for_and_computed(name):
    written = name.replace("[@k]", "@10").replace("[@threshold]", "@0.5")
    found = metric(written)
    rows = ROWS | {"label": LABEL + 1} if written == "mape" else ROWS if "score" in found.needs else SHOWN
    assert np.isfinite(found.of(rows))


def test_each_metric_knows_which_direction_is_better():
    larger = {name for name in ("auc", "pr_auc", "ndcg@10", "r2", "coverage", "log_loss", "rmse", "gini") if metric(name).larger_is_better}
    assert larger == {"auc", "pr_auc", "ndcg@10", "r2", "coverage"}


@pytest.mark.parametrize("name", [one.split("[")[0].split("@")[0] for one in names() if "score" in metric(one.split("[")[0]).needs])
def test_the_better_of_two_scorers_has_the_better_value(name):
    of = metric(name + {"pinball": "@0.9", "recall": "@2", "precision": "@2", "hit": "@2"}.get(name, ""))
    label = LABEL + 1 if name == "mape" else LABEL
    opposite = label.max() + label.min() - label
    good, bad = (of.of({"score": score, "label": label, "group": GROUP}) for score in (label, opposite))
    assert (good > bad) == of.larger_is_better


def test_weight_is_used_where_rows_have_weights():
    weight = RNG.random(60)
    assert metric("auc").of({**ROWS, "weight": weight}) == classification.auc(SCORE, LABEL, weight)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acu", "there is no metric 'acu': use one of auc, pr_auc, log_loss, "),
        ("", "there is no metric '': use one of auc"),
        (3, "there is no metric 3: use one of auc"),
        ("auc@10", "there is no metric 'auc@10': auc takes nothing after its name; write 'auc'"),
        ("auc@", "there is no metric 'auc@': auc takes nothing after its name; write 'auc'"),
        ("recall", "there is no metric 'recall': write how many places count, such as recall@20"),
        ("ndcg@", "there is no metric 'ndcg@': write how many places count, such as ndcg@10"),
        ("ndcg@0", "there is no metric 'ndcg@0': write how many places count, such as ndcg@10"),
        ("ndcg@-1", "there is no metric 'ndcg@-1': write how many places count"),
        ("ndcg@2.5", "there is no metric 'ndcg@2.5': write how many places count"),
        ("pinball", "there is no metric 'pinball': write a quantile between 0 and 1, such as pinball@0.9"),
        ("f1@2", "there is no metric 'f1@2': write a threshold between 0 and 1, such as f1@0.5"),
    ],
)
def test_unknown_name_gets_what_there_is(name, said):
    with pytest.raises(NotFound) as refused:
        metric(name)
    assert str(refused.value).startswith(said)


def test_column_that_is_needed_and_absent_is_named():
    with pytest.raises(BadInput, match="ndcg@10 is computed from score, label, group: pass group"):
        metric("ndcg@10").of({"score": SCORE, "label": LABEL})
