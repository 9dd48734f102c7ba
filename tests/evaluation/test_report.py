import msgspec
import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.evaluation.bootstrap import estimate
from millrace.evaluation.calibration import calibration_table
from millrace.evaluation.report import Report, evaluate
from millrace.evaluation.slices import by_slice
from millrace.types import objects

RNG = np.random.default_rng(5)
N = 200
LABEL = (RNG.random(N) < 0.3).astype(float)
SCORE = RNG.random(N)
GROUP = np.arange(N) // 5
COUNTRY = objects(RNG.choice(["no", "se"], N))


def test_report_holds_what_each_part_says_alone():
    found = evaluate(["auc", "ndcg@3"], SCORE, LABEL, GROUP, seed=1, slice_by={"country": COUNTRY}, resamples=50)
    assert (found.rows, found.decisions, found.label_mean) == (N, 40, LABEL.mean())
    assert found.metrics == {name: estimate(name, SCORE, LABEL, GROUP, seed=1, resamples=50) for name in ("auc", "ndcg@3")}
    assert found.slices == {"country": by_slice("auc", COUNTRY, SCORE, LABEL, GROUP, seed=1)}
    assert [one.observed for one in found.calibration] == calibration_table(SCORE, LABEL)["observed"].tolist()


def test_report_goes_to_json_and_back_with_what_could_not_be_said():
    found = evaluate(["auc", "log_loss"], SCORE, np.zeros(N), seed=0, slice_by={"country": COUNTRY}, resamples=20)
    assert found.metrics["auc"].value is None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found


def test_scores_that_are_no_probabilities_have_no_calibration():
    assert evaluate(["rmse"], 10 * SCORE, LABEL, seed=0, resamples=20).calibration == ()
    assert evaluate(["rmse"], SCORE, 10 * LABEL, seed=0, resamples=20).calibration == ()


def test_report_of_no_metric_is_refused():
    with pytest.raises(BadInput, match="metrics is empty: name at least one"):
        evaluate([], SCORE, LABEL, seed=0)
