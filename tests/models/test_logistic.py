import numpy as np
import pytest

from millrace.errors import TrainingError
from millrace.models.logistic import Logistic
from millrace.models.odds import log_odds
from millrace.types import objects
from tests.models.learner_laws import LearnerLaws, mixed, plain


class TestLaws(LearnerLaws):
    def make(self):
        return Logistic(min_rows=5)


def test_what_is_plain_is_learnt():
    x = np.linspace(-1, 1, 200)
    version = Logistic().fit(plain({"x": x}, up=x > 0), seed=0)
    assert (version.score({"x": np.array([-0.5, 0.5])})["up"] > 0.5).tolist() == [False, True]


def test_scores_are_those_of_the_written_out_design():
    """Every column written by hand; the weights are right because no step from them would lower the penalised loss."""
    examples = mixed(240)
    version = Logistic(reg=2.0, min_rows=5).fit(examples, seed=0)
    rows, label = examples.rows, examples.labels["clicked"]
    columns = []
    for name in ("price", "count", "is_new"):
        x = rows[name].astype(float)
        columns.append(np.where(np.isnan(x), 0, (x - np.nanmean(x)) / np.nanstd(x)))
    columns += [np.isnan(rows[name].astype(float)).astype(float) for name in ("price", "count", "is_new")]
    known = version.design.encoding.features[3].categories
    columns += [(rows["colour"] == colour).astype(float) for colour in known]
    columns.append(np.array([colour not in known for colour in rows["colour"]], dtype=float))
    design = np.column_stack(columns)
    np.testing.assert_allclose(version.design.columns(rows).toarray(), design, atol=1e-12)
    chance = 1 / (1 + np.exp(-(design @ version.weights[0] + version.base[0])))
    np.testing.assert_allclose(version.score(rows)["clicked"], chance, atol=1e-12)
    slope = design.T @ (examples.weight * (chance - label)) + 2.0 * version.weights[0]
    assert np.abs(slope).max() < 0.01
    assert abs((examples.weight * (chance - label)).sum()) < 0.01


def test_contributions_add_up_to_the_log_odds_and_average_to_nothing():
    examples = mixed(240)
    version = Logistic(min_rows=5).fit(examples, seed=0)
    shares = version.contributions(examples.rows)
    for head, score in version.score(examples.rows).items():
        np.testing.assert_allclose(shares[head].sum(axis=1), log_odds(score), atol=1e-9)
        np.testing.assert_allclose(shares[head][:, :-1].mean(axis=0), 0, atol=1e-9)
    assert version.features == ("price", "count", "is_new", "colour")


def test_column_that_never_varies_does_not_matter():
    x = np.linspace(-1, 1, 200)
    version = Logistic().fit(plain({"x": x, "same": np.full(200, 0.1)}, up=x > 0), seed=0)
    near, far = version.score({"x": np.array([0.3, 0.3]), "same": np.array([0.1, 1e9])})["up"]
    assert near == far


def test_missing_has_a_weight_of_its_own():
    x = np.where(np.arange(200) % 2, np.nan, np.arange(200))
    version = Logistic().fit(plain({"x": x}, gone=np.isnan(x)), seed=0)
    known, missing, infinite = version.score({"x": np.array([100.0, np.nan, np.inf])})["gone"]
    assert known < 0.2 < 0.8 < missing == infinite


def test_huge_values_neither_overflow_nor_warn():
    x = np.concatenate([np.linspace(-1, 1, 198), [1e308, -1e308]])
    version = Logistic().fit(plain({"x": x, "z": np.linspace(-1, 1, 200)}, up=np.arange(200) % 3 == 0), seed=0)
    assert np.isfinite(version.score({"x": np.array([1e308, -1e308]), "z": np.array([1e308, -1e308])})["up"]).all()


def test_every_frequent_category_has_a_weight():
    names = objects([f"c{i % 12:02d}" for i in range(960)])
    examples = plain({"name": names}, odd=[i % 2 for i in range(960)])
    score = Logistic().fit(examples, seed=0).score(examples.rows)["odd"]
    assert ((score > 0.5) == (examples.labels["odd"] == 1)).all()


def test_stronger_penalty_draws_scores_together():
    loose, tight = (np.ptp(Logistic(reg=reg).fit(mixed(240), seed=0).score(mixed(240).rows)["clicked"]) for reg in (0.1, 1000.0))
    assert tight < loose / 2


def test_quantities_are_refused():
    with pytest.raises(TrainingError, match=r"the labels of 'y' are 0 or 1: 3 of 4 are not, such as 2\.5"):
        Logistic().fit(plain({"x": np.arange(4.0)}, y=[0, 2.5, 3, 9]), seed=0)
