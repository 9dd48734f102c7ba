import pytest

from millrace.errors import DeclarationError
from millrace.models.calibrated import Calibrated
from millrace.models.factorization import ALS
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.logistic import Logistic
from millrace.models.perceptron import Perceptron


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientBoosting(trees=0), "GradientBoosting(trees=0): trees is a whole number from 1 to 10000"),
        (lambda: GradientBoosting(trees=10.0), "GradientBoosting(trees=10.0): trees is a whole number from 1 to 10000"),
        (lambda: GradientBoosting(leaves=1), "GradientBoosting(leaves=1): leaves is a whole number from 2 to 4096"),
        (lambda: GradientBoosting(learning_rate=0), "GradientBoosting(learning_rate=0): learning_rate is a number above 0, at most 1"),
        (lambda: GradientBoosting(reg=-1), "GradientBoosting(reg=-1): reg is a number from 0 to 1e+09"),
        (lambda: GradientBoosting(threads=True), "GradientBoosting(threads=True): threads is a whole number from 1 to 256"),
        (lambda: GradientBoosting(patience=0), "GradientBoosting(patience=0): patience is a whole number from 1 to 10000"),
        (lambda: GradientBoosting(min_rows=0), "GradientBoosting(min_rows=0): min_rows is a whole number from 1 to 1000000"),
        (
            lambda: GradientBoosting(positive_weight=float("nan")),
            "GradientBoosting(positive_weight=nan): positive_weight is a number above 0, at most 1e+06",
        ),
        (lambda: GradientBoosting(loss="focal"), 'GradientBoosting(loss=\'focal\'): loss is one of "logistic", "ranking", "squared"'),
        (lambda: Logistic(reg=0), "Logistic(reg=0): reg is a number above 0, at most 1e+09"),
        (lambda: Logistic(min_rows=-3), "Logistic(min_rows=-3): min_rows is a whole number from 1 to 1000000"),
        (lambda: Perceptron(hidden=()), "Perceptron(hidden=()): hidden is a tuple of 1 to 4 whole numbers from 1 to 1024"),
        (lambda: Perceptron(hidden=64), "Perceptron(hidden=64): hidden is a tuple of 1 to 4 whole numbers from 1 to 1024"),
        (lambda: Perceptron(hidden=(8, 0)), "Perceptron(hidden=(8, 0)): hidden is a tuple of 1 to 4 whole numbers from 1 to 1024"),
        (lambda: Perceptron(epochs=0), "Perceptron(epochs=0): epochs is a whole number from 1 to 1000"),
        (lambda: Perceptron(learning_rate=1), "Perceptron(learning_rate=1): learning_rate is a number above 0, at most 0.1"),
        (lambda: Perceptron(loss="ranking"), 'Perceptron(loss=\'ranking\'): loss is one of "logistic", "squared"'),
        (lambda: Perceptron(weights="int4"), 'Perceptron(weights=\'int4\'): weights is one of "float32", "int8"'),
        (lambda: ALS(embedding_size="64"), "ALS(embedding_size='64'): embedding_size is a whole number from 1 to 1024"),
        (lambda: ALS(epochs=0), "ALS(epochs=0): epochs is a whole number from 1 to 1000"),
        (lambda: ALS(reg=0), "ALS(reg=0): reg is a number above 0, at most 1e+06"),
        (lambda: ALS(confidence=-1), "ALS(confidence=-1): confidence is a number above 0, at most 1e+06"),
        (lambda: Calibrated(Logistic(), by="beta"), 'Calibrated(by=\'beta\'): by is one of "isotonic", "sigmoid"'),
        (lambda: Calibrated(Logistic(), held_out=0.9), "Calibrated(held_out=0.9): held_out is a number above 0, at most 0.5"),
        (lambda: Calibrated("logistic"), "Calibrated('logistic'): it wraps a learner, as in Calibrated(GradientBoosting())"),
    ],
)
def test_setting_out_of_range_is_refused_with_its_range(make, message):
    with pytest.raises(DeclarationError) as refused:
        make()
    assert str(refused.value) == message


def test_class_in_place_of_a_learner_is_refused():
    with pytest.raises(DeclarationError, match="it wraps a learner"):
        Calibrated(Logistic)


@pytest.mark.parametrize("learner", [GradientBoosting, Logistic, ALS, Perceptron])
def test_settings_are_given_by_name(learner):
    with pytest.raises(TypeError):
        learner(1)
