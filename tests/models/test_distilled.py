"""Distillation: laws, what a student takes over from its teacher, and what is refused."""

import numpy as np
import pytest

from millrace.errors import DeclarationError
from millrace.models.calibrated import Calibrated
from millrace.models.distilled import Distilled
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.logistic import Logistic
from millrace.models.perceptron import Perceptron
from millrace.types import objects
from tests.models.learner_laws import LearnerLaws, contents, mixed, plain

TEACHER = GradientBoosting(trees=30, leaves=6, min_rows=5, learning_rate=0.2)
TREES = GradientBoosting(trees=8, leaves=4, min_rows=5, learning_rate=0.4, loss="squared")


class TestIntoTrees(LearnerLaws):
    def make(self):
        return Distilled(TEACHER, into=TREES)


class TestIntoNet(LearnerLaws):
    def make(self):
        return Distilled(TEACHER, into=Perceptron(hidden=(8,), epochs=3, min_rows=5, loss="squared"))


class TestOfCalibrated(LearnerLaws):
    def make(self):
        return Distilled(Calibrated(TEACHER, by="sigmoid"), into=TREES)


class TestInsideCalibrated(LearnerLaws):
    def make(self):
        return Calibrated(Distilled(TEACHER, into=TREES), by="sigmoid")


class TestOfRanking(LearnerLaws):
    def make(self):
        return Distilled(GradientBoosting(trees=20, leaves=4, min_rows=5, loss="ranking"), into=TREES)


def test_student_of_a_line_is_the_line():
    x = np.linspace(-2, 2, 4000)
    examples = plain({"x": x}, y=np.random.default_rng(0).random(4000) < 1 / (1 + np.exp(-2 * x)))
    teacher = Logistic().fit(examples, seed=0).score(examples.rows)["y"]
    student = Distilled(Logistic(), into=Perceptron(loss="squared", hidden=(16,), reg=0.1)).fit(examples, seed=0)
    np.testing.assert_allclose(student.score(examples.rows)["y"], teacher, atol=0.04)
    assert student.links == {"y": "logistic"}


def test_student_learns_rows_whose_outcome_is_not_known():
    """A kind of row that was never labelled: the teacher has a word on it by another column, and the student repeats it."""
    x = np.tile(np.linspace(-1, 1, 400), 2)
    kind = objects(["seen"] * 400 + ["unseen"] * 400)
    label = np.where(kind == "seen", x > 0, np.nan)
    examples = plain({"x": x, "kind": kind}, y=label)
    student = Distilled(TEACHER, into=TREES).fit(examples, seed=0)
    assert "unseen" in student.inner.encoding.features[1].categories
    score = student.score(examples.rows)["y"]
    np.testing.assert_allclose(score[400:], score[:400], atol=0.05)
    assert (score[400:][x[400:] > 0.1] > 0.9).all()


def test_quantities_are_learnt_as_they_are():
    x = np.linspace(0, 1, 1000)
    examples = plain({"x": x}, y=5 + 10 * x)
    teacher = GradientBoosting(loss="squared")
    student = Distilled(teacher, into=Perceptron(loss="squared", reg=0.1)).fit(examples, seed=0)
    assert student.links == {"y": "identity"}
    np.testing.assert_allclose(student.score(examples.rows)["y"], 5 + 10 * x, atol=0.5)


def test_quantities_between_0_and_1_are_no_probabilities():
    x = np.linspace(0.2, 0.8, 1000)
    student = Distilled(GradientBoosting(loss="squared"), into=TREES).fit(plain({"x": x}, y=x), seed=0)
    assert student.links == {"y": "identity"}


def test_only_the_student_is_saved(tmp_path):
    version = Distilled(TEACHER, into=TREES).fit(mixed(240), seed=0)
    version.save(tmp_path / "whole")
    version.inner.save(tmp_path / "student")
    assert contents(tmp_path / "whole" / "student") == contents(tmp_path / "student")
    assert set(contents(tmp_path / "whole")) == {"distilled.json", *(f"student/{name}" for name in contents(tmp_path / "student"))}


def test_few_trees_come_nearer_to_the_truth_by_a_teacher():
    g = np.random.default_rng(0)
    rows, later = ({name: g.normal(size=n) for name in "abcdef"} for n in (3000, 3000))
    chance, truth = (1 / (1 + np.exp(-(r["a"] * r["b"] + np.sin(3 * r["c"]) + r["d"]))) for r in (rows, later))
    examples = plain(rows, y=g.random(3000) < chance)
    few = {"trees": 40, "learning_rate": 0.2, "patience": None}
    alone = GradientBoosting(**few).fit(examples, seed=0).score(later)["y"]
    taught = Distilled(GradientBoosting(), into=GradientBoosting(loss="squared", **few)).fit(examples, seed=0).score(later)["y"]
    assert np.abs(taught - truth).mean() < np.abs(alone - truth).mean()


@pytest.mark.parametrize("into", [Logistic(), GradientBoosting(), Perceptron()])
def test_student_of_probabilities_is_refused(into):
    with pytest.raises(
        DeclarationError, match=r'the student learns the teacher.s scores, which are quantities: use a learner with loss="squared"'
    ):
        Distilled(TEACHER, into=into)


@pytest.mark.parametrize("wrong", ["trees", GradientBoosting])
def test_what_is_no_learner_is_refused(wrong):
    for teacher, into in ((wrong, TREES), (TEACHER, wrong)):
        with pytest.raises(DeclarationError, match="it is a learner, such as"):
            Distilled(teacher, into=into)
