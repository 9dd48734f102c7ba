"""Trees run by others than LightGBM beside itself: the same numbers, bit for bit, one row at a time or together."""

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.models.compiled_trees import compiled
from tests.models.boosters import beyond, by_category, strange, trained


@pytest.mark.parametrize("objective", ["binary", "lambdarank", "regression"])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_same_bits_as_lightgbm(objective, missing):
    booster, matrix = trained(objective, missing=missing)
    predict = compiled(booster.model_to_string(), matrix.shape[1])
    assert predict is not None
    for rows in (matrix, strange(matrix)):
        np.testing.assert_array_equal(predict(rows), booster.predict(rows))


def test_values_exactly_on_a_split():
    booster, matrix = trained(missing=0.0)
    predict = compiled(booster.model_to_string(), matrix.shape[1])
    splits = [float(v) for line in booster.model_to_string().splitlines() if line.startswith("threshold=") for v in line[10:].split()]
    rows = np.repeat(np.array(splits)[:, None], matrix.shape[1], axis=1)
    rows = np.vstack([rows, np.nextafter(rows, np.inf), np.nextafter(rows, -np.inf)])
    np.testing.assert_array_equal(predict(rows), booster.predict(rows))


def test_one_row_at_a_time_is_as_together():
    booster, matrix = trained(trees=40)
    predict = compiled(booster.model_to_string(), matrix.shape[1])
    rows = strange(matrix)
    np.testing.assert_array_equal(np.concatenate([predict(row[None]) for row in rows]), predict(rows))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(20, 300),
    features=st.integers(1, 6),
    trees=st.integers(1, 20),
    missing=st.sampled_from([0.0, 0.02, 0.5, 0.99]),
    seed=st.integers(0, 10_000),
)
def test_any_model_gives_the_same_bits(rows, features, trees, missing, seed):
    booster, matrix = trained(rows=rows, features=features, trees=trees, missing=missing, seed=seed)
    predict = compiled(booster.model_to_string(), features)
    np.testing.assert_array_equal(predict(strange(matrix, seed)), booster.predict(strange(matrix, seed)))


def test_trees_without_a_split():
    booster, matrix = trained(rows=6, trees=3)  # too few rows to split
    assert all(tree["num_leaves"] == 1 for tree in booster.dump_model()["tree_info"])
    predict = compiled(booster.model_to_string(), matrix.shape[1])
    np.testing.assert_array_equal(predict(matrix), booster.predict(matrix))


def test_rows_in_any_layout():
    booster, matrix = trained()
    predict = compiled(booster.model_to_string(), matrix.shape[1])
    np.testing.assert_array_equal(predict(np.asfortranarray(matrix)[::2]), booster.predict(matrix[::2]))


@pytest.mark.parametrize("objective", ["poisson", "quantile", "cross_entropy"])
def test_objectives_it_does_not_know_stay_with_lightgbm(objective):
    g = np.random.default_rng(0)
    matrix = g.normal(size=(100, 2))
    booster = lgb.train({"objective": objective, "verbosity": -1}, lgb.Dataset(matrix, (matrix[:, 0] > 0).astype(float)), 3)
    assert compiled(booster.model_to_string(), 2) is None


@settings(max_examples=25, deadline=None)
@given(
    categories=st.sampled_from([2, 5, 31, 32, 33, 64, 100]),
    trees=st.integers(1, 30),
    missing=st.sampled_from([0.0, 0.1, 0.9]),
    objective=st.sampled_from(["binary", "regression"]),
    seed=st.integers(0, 10_000),
)
def test_splits_by_category_give_the_same_bits(categories, trees, missing, objective, seed):
    booster, matrix = by_category(categories, 600, trees, missing, seed, objective)
    predict = compiled(booster.model_to_string(), 3)
    assert predict is not None
    for rows in (matrix, beyond(matrix, categories, seed)):
        np.testing.assert_array_equal(predict(rows), booster.predict(rows))


def test_rows_with_categories_one_at_a_time_are_as_many_parts_together():
    booster, matrix = by_category(trees=100)
    assert sum(int(tree["num_cat"]) for tree in booster.dump_model()["tree_info"]) > 100, "hardly a split is by category"
    predict = compiled(booster.model_to_string(), 3)
    rows = beyond(matrix, 40)
    many = np.vstack([rows] * 10)  # more than are scored together
    np.testing.assert_array_equal(np.concatenate([predict(row[None]) for row in rows]), predict(many)[: len(rows)])
    np.testing.assert_array_equal(predict(many), booster.predict(many))


def test_very_many_sets_of_categories_stay_with_lightgbm():
    g = np.random.default_rng(0)
    matrix = g.integers(0, 200, (5000, 4)).astype(float)
    options = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 1}
    booster = lgb.train(options, lgb.Dataset(matrix, g.normal(size=5000), categorical_feature=[0, 1, 2, 3], params=options), 100)
    assert sum(int(tree["num_cat"]) for tree in booster.dump_model()["tree_info"]) > 2_500, "too few splits to have many sets"
    assert compiled(booster.model_to_string(), 4) is None


def test_zero_as_missing_stays_with_lightgbm():
    g = np.random.default_rng(0)
    matrix = g.normal(size=(500, 2))
    matrix[g.random(matrix.shape) < 0.3] = 0.0
    data = lgb.Dataset(matrix, (matrix[:, 0] > 0).astype(float), params={"zero_as_missing": True})
    booster = lgb.train({"objective": "binary", "verbosity": -1, "zero_as_missing": True}, data, 3)
    assert compiled(booster.model_to_string(), 2) is None
