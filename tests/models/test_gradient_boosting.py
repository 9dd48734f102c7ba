import numpy as np
import pytest

from millrace.errors import BadInput, TrainingError
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.learner import Examples
from millrace.models.odds import log_odds
from millrace.types import objects, take
from tests.models.learner_laws import LearnerLaws, contents, mixed, plain

SMALL = {"trees": 20, "leaves": 4, "min_rows": 5, "learning_rate": 0.3}


class TestLogisticLoss(LearnerLaws):
    def make(self):
        return GradientBoosting(**SMALL)


class TestRankingLoss(LearnerLaws):
    def make(self):
        return GradientBoosting(loss="ranking", **SMALL)


class TestEarlyStopping(LearnerLaws):
    def make(self):
        return GradientBoosting(**{**SMALL, "trees": 200}, patience=3)

    def examples(self):
        return mixed(800)


def checkerboard(n=400):
    """A label that neither column tells and both together do."""
    rng = np.random.default_rng(0)
    x, colour = rng.uniform(-1, 1, n), rng.choice(["black", "white"], n)
    return plain({"x": x, "colour": objects(colour.tolist())}, right=(x > 0) == (colour == "white"))


def test_checkerboard_is_learnt():
    version = GradientBoosting(**SMALL).fit(checkerboard(), seed=0)
    board = {"x": np.array([0.5, 0.5, -0.5, -0.5]), "colour": objects(["white", "black", "white", "black"])}
    assert (version.score(board)["right"] > 0.5).tolist() == [True, False, False, True]


def test_categories_are_sets_and_not_an_order():
    names = objects([f"c{i % 12:02d}" for i in range(960)])
    examples = plain({"name": names}, odd=[i % 2 for i in range(960)])
    score = GradientBoosting(trees=10, leaves=2, learning_rate=1.0).fit(examples, seed=0).score(examples.rows)["odd"]
    assert ((score > 0.5) == (examples.labels["odd"] == 1)).all()


def test_missing_is_a_value_that_can_be_learnt():
    x = np.where(np.arange(200) % 2, np.nan, np.arange(200))
    version = GradientBoosting(**SMALL).fit(plain({"x": x}, gone=np.isnan(x)), seed=0)
    low, high = version.score({"x": np.array([7.0, np.nan])})["gone"]
    assert low < 0.05 < 0.95 < high


def test_scores_are_those_of_the_bare_booster():
    examples = mixed(240)
    version = GradientBoosting(**SMALL).fit(examples, seed=0)
    ranks = {colour: float(rank) for rank, colour in enumerate(version.encoding.features[3].categories)}
    colours = [ranks.get(colour, np.nan) for colour in examples.rows["colour"]]
    matrix = np.column_stack([*(examples.rows[name].astype(float) for name in ("price", "count", "is_new")), colours])
    np.testing.assert_array_equal(version.score(examples.rows)["liked"], version.boosters["liked"].predict(matrix))


def test_quantities_are_predicted_by_the_squared_loss():
    x = np.repeat([0.0, 1.0], 100)
    version = GradientBoosting(loss="squared", **{**SMALL, "trees": 60}).fit(plain({"x": x}, seconds=3 + 40 * x), seed=0)
    np.testing.assert_allclose(version.score({"x": np.array([0.0, 1.0])})["seconds"], [3, 43], atol=0.01)


def test_ranking_orders_the_candidates_of_a_decision():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(100), 5)
    level, merit = 10 * rng.normal(size=100)[group], rng.normal(size=500)  # the level of a decision says nothing about its candidates
    examples = plain({"level": level, "merit": merit}, group=group, grade=np.digitize(merit, [-1, 0, 1]))
    version = GradientBoosting(loss="ranking", **SMALL).fit(examples, seed=0)
    score = version.score({"level": np.zeros(4), "merit": np.array([-2.0, -0.5, 0.5, 2.0])})["grade"]
    assert (np.diff(score) > 0).all()


@pytest.mark.parametrize("loss", ["logistic", "ranking", "squared"])
def test_contributions_add_up_to_the_raw_score(loss):
    examples = mixed(240)
    version = GradientBoosting(loss=loss, **SMALL).fit(examples, seed=0)
    shares, scores = version.contributions(examples.rows), version.score(examples.rows)
    for head in version.heads:
        assert shares[head].shape == (240, len(version.features) + 1)
        raw = log_odds(scores[head]) if loss == "logistic" else scores[head]
        np.testing.assert_allclose(shares[head].sum(axis=1), raw, atol=1e-9)


def test_contributions_of_no_rows_are_none():
    version = GradientBoosting(**SMALL).fit(mixed(240), seed=0)
    assert version.contributions(take(mixed(240).rows, slice(0)))["liked"].shape == (0, 5)


def test_rows_without_a_label_or_a_weight_do_not_count():
    everything = mixed(240)
    rows = {name: everything.rows[name] for name in ("price", "count", "is_new")}
    weight = np.where(np.arange(240) % 5, everything.weight, 0)
    examples = Examples(rows, everything.labels, weight, everything.group, everything.at)
    counted = examples.part((weight > 0) & ~np.isnan(examples.labels["liked"]))
    mine, theirs = (GradientBoosting(**SMALL).fit(part, seed=0).texts["liked"] for part in (examples, counted))
    assert mine == theirs


def test_number_of_threads_does_not_change_the_trees():
    one, two = (GradientBoosting(threads=threads, **{**SMALL, "trees": 4}).fit(mixed(400), seed=0).texts["liked"] for threads in (1, 2))
    assert one.replace("[num_threads: 1]", "") == two.replace("[num_threads: 2]", "")


def test_training_stops_where_the_latest_rows_stop_gaining():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 2000))
    noisy = plain({f"x{i}": column for i, column in enumerate(x)}, y=x[0] + 2 * rng.normal(size=2000) > 0)
    stopped = GradientBoosting(trees=200, patience=5).fit(noisy, seed=0).boosters["y"]
    endless = GradientBoosting(trees=200, patience=None).fit(noisy, seed=0).boosters["y"]
    assert stopped.num_trees() < 100
    assert endless.num_trees() == 200


def test_stopping_is_judged_by_time_and_not_by_place():
    examples = mixed(2000)
    decisions = np.random.default_rng(0).permutation(500)
    jumbled = examples.part((decisions[:, None] * 4 + np.arange(4)).ravel())
    in_order, out_of_order = (GradientBoosting().fit(part, seed=0).boosters["clicked"].num_trees() for part in (examples, jumbled))
    assert in_order == out_of_order < 300


def test_positive_weight_raises_the_scores():
    learners = GradientBoosting(**SMALL), GradientBoosting(positive_weight=10.0, **SMALL)
    once, tenfold = (learner.fit(mixed(240), seed=0).score(mixed(240).rows)["liked"].mean() for learner in learners)
    assert tenfold > once + 0.2


def test_features_that_say_nothing_predict_the_rate():
    version = GradientBoosting(**SMALL).fit(plain({"x": np.zeros(100)}, y=np.arange(100) % 4 == 0), seed=0)
    np.testing.assert_allclose(version.score({"x": np.array([0.0, 9.0])})["y"], 0.25)


@pytest.mark.parametrize(
    ("loss", "label", "message"),
    [
        (
            "logistic",
            [1.0, 1, 1, 1],
            "GradientBoosting cannot learn 'y': its labelled rows hold 4 positives and 0 negatives",
        ),
        ("logistic", [0.0, 1, 2, 0.5], "the labels of 'y' are 0 or 1: 2 of 4 are not, such as 2.0; use GradientBoosting"),
        ("logistic", [0.0, 1, np.inf, 1], "cannot learn 'y': 1 of its labels are infinite"),
        ("ranking", [0.0, 1, 2.5, 1], "learns from grades 0, 1, 2, ... 30: 1 labels of 'y' are not, such as 2.5"),
        ("ranking", [0.0, 1, 31, 1], "learns from grades 0, 1, 2, ... 30: 1 labels of 'y' are not, such as 31.0"),
    ],
)
def test_labels_that_do_not_suit_the_loss_are_refused(loss, label, message):
    with pytest.raises(TrainingError) as refused:
        GradientBoosting(loss=loss).fit(plain({"x": np.arange(4.0)}, y=label), seed=0)
    assert message in str(refused.value)


def test_decision_too_long_to_rank_is_refused():
    examples = plain({"x": np.arange(10_001.0)}, group=np.zeros(10_001, dtype=np.int64), y=np.arange(10_001) % 2)
    with pytest.raises(TrainingError, match="compares at most 10000 rows of one decision, and one has 10001 for 'y'"):
        GradientBoosting(loss="ranking").fit(examples, seed=0)


def test_decisions_of_one_row_cannot_be_ranked():
    with pytest.raises(TrainingError, match="compares the rows of one decision, and no decision has different labels of 'y'"):
        GradientBoosting(loss="ranking").fit(plain({"x": np.arange(40.0)}, y=np.arange(40) % 2), seed=0)


def test_feature_of_another_kind_is_refused_when_scoring():
    version = GradientBoosting(**SMALL).fit(mixed(240), seed=0)
    rows = {**mixed(240).rows, "price": mixed(240).rows["colour"]}
    with pytest.raises(BadInput, match="feature 'price' is a column of category values"):
        version.score(rows)


def test_damaged_trees_are_refused_before_lightgbm_sees_them(tmp_path):
    GradientBoosting(**SMALL).fit(mixed(240), seed=0).save(tmp_path)
    text = (tmp_path / "head-1.txt").read_text()
    (tmp_path / "head-1.txt").write_text(text[: len(text) // 3])  # LightGBM would abort the process
    with pytest.raises(BadInput, match="damaged: its trees are not those that were saved"):
        GradientBoosting().load(tmp_path)


def test_saved_folder_is_one_text_per_head(tmp_path):
    GradientBoosting(**SMALL).fit(mixed(240), seed=0).save(tmp_path)
    assert list(contents(tmp_path)) == ["gradient_boosting.json", "head-0.txt", "head-1.txt"]
