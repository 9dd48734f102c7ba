"""Trees by masks over their leaves beside LightGBM itself: the same numbers, bit for bit."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.models.leaf_masks import leaf_masks
from millrace.models.masked_trees import FEWEST_ROWS, masked
from millrace.models.quick_trees import quick
from millrace.models.tree_text import trees
from tests.models.boosters import beyond, by_category, strange, trained


def same(booster, rows):
    predict = masked(booster.model_to_string(), rows.shape[1])
    assert predict is not None
    np.testing.assert_array_equal(predict(rows), booster.predict(rows))


@pytest.mark.parametrize("objective", ["binary", "lambdarank", "regression"])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_same_bits_as_lightgbm(objective, missing):
    booster, matrix = trained(objective, missing=missing)
    same(booster, matrix)
    same(booster, strange(matrix))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(20, 600),
    features=st.integers(1, 6),
    count=st.integers(1, 20),
    leaves=st.sampled_from([2, 3, 31, 32, 33, 63, 64]),
    missing=st.sampled_from([0.0, 0.02, 0.5, 0.99]),
    seed=st.integers(0, 10_000),
)
def test_any_model_gives_the_same_bits(rows, features, count, leaves, missing, seed):
    booster, matrix = trained(rows=rows, features=features, trees=count, missing=missing, seed=seed, leaves=leaves, noisy=True)
    same(booster, strange(matrix, seed))


@settings(max_examples=25, deadline=None)
@given(
    categories=st.sampled_from([2, 5, 31, 32, 33, 64, 100]),
    count=st.integers(1, 30),
    missing=st.sampled_from([0.0, 0.1, 0.9]),
    objective=st.sampled_from(["binary", "regression"]),
    seed=st.integers(0, 10_000),
)
def test_splits_by_category_give_the_same_bits(categories, count, missing, objective, seed):
    booster, matrix = by_category(categories, 600, count, missing, seed, objective)
    same(booster, matrix)
    same(booster, beyond(matrix, categories, seed))


def test_values_exactly_on_a_split():
    booster, matrix = trained(missing=0.0)
    splits = [float(v) for line in booster.model_to_string().splitlines() if line.startswith("threshold=") for v in line[10:].split()]
    rows = np.repeat(np.array(splits)[:, None], matrix.shape[1], axis=1)
    same(booster, np.vstack([rows, np.nextafter(rows, np.inf), np.nextafter(rows, -np.inf)]))


def test_more_trees_than_are_taken_together_are_added_up_in_their_order():
    booster, matrix = trained(trees=1100, rows=300, noisy=True)
    same(booster, strange(matrix))


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 400])
def test_a_row_is_scored_alike_whatever_is_beside_it(rows):
    booster, matrix = trained(trees=40)
    predict, many = masked(booster.model_to_string(), matrix.shape[1]), strange(matrix)
    np.testing.assert_array_equal(predict(many[:rows]), np.concatenate([predict(row[None]) for row in many[:rows]]))


def test_trees_without_a_split():
    booster, matrix = trained(rows=6, trees=3)
    assert all(tree["num_leaves"] == 1 for tree in booster.dump_model()["tree_info"])
    same(booster, matrix)


def test_rows_in_any_layout():
    booster, matrix = trained()
    predict = masked(booster.model_to_string(), matrix.shape[1])
    np.testing.assert_array_equal(predict(np.asfortranarray(matrix)[::2]), booster.predict(matrix[::2]))


def test_threads_do_not_disturb_each_other():
    booster, matrix = trained(trees=60)
    predict, rows = masked(booster.model_to_string(), matrix.shape[1]), strange(matrix)
    expected = booster.predict(rows)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: predict(rows), range(40)):
            np.testing.assert_array_equal(found, expected)


def test_trees_of_more_leaves_zero_as_missing_and_other_objectives_are_left_to_others():
    large, matrix = trained(rows=3000, leaves=65, noisy=True)
    assert max(tree["num_leaves"] for tree in large.dump_model()["tree_info"]) == 65
    assert masked(large.model_to_string(), matrix.shape[1]) is None
    label = (np.nan_to_num(matrix[:, 0]) > 0).astype(float)
    data = lgb.Dataset(matrix, label, params={"zero_as_missing": True})
    assert masked(lgb.train({"verbosity": -1, "zero_as_missing": True}, data, 3).model_to_string(), matrix.shape[1]) is None
    poisson = lgb.train({"objective": "poisson", "verbosity": -1}, lgb.Dataset(matrix, label), 3)
    assert masked(poisson.model_to_string(), matrix.shape[1]) is None


def test_very_large_categories_are_left_to_others():
    g = np.random.default_rng(0)
    matrix = g.integers(0, 100_000, (20_000, 1)).astype(float)
    options = {
        "objective": "regression",
        "verbosity": -1,
        "min_data_per_group": 1,
        "cat_smooth": 1,
        "min_data_in_leaf": 1,
        "max_bin": 60_000,
    }
    booster = lgb.train(options, lgb.Dataset(matrix, g.normal(size=20_000), categorical_feature=[0], params=options), 60)
    assert masked(booster.model_to_string(), 1) is None


def test_few_rows_and_many_are_the_same_bits_whoever_scores_them():
    booster, matrix = by_category(trees=50)
    predict, rows = quick(booster.model_to_string(), 3), beyond(matrix, 40)
    for n in (1, FEWEST_ROWS - 1, FEWEST_ROWS, len(rows)):
        np.testing.assert_array_equal(predict(rows[:n]), booster.predict(rows[:n]))


def test_masks_leave_each_row_the_leaf_that_walking_down_finds():
    booster, matrix = trained(rows=400, trees=5, leaves=12, noisy=True)
    part = leaf_masks(list(trees(booster.model_to_string())))
    reached = booster.predict(strange(matrix), raw_score=True)
    for row, expected in zip(strange(matrix), reached, strict=True):
        left = [(1 << part.leaves.shape[1]) - 1] * len(part.leaves)
        for group, column in enumerate(part.column):
            for node in range(part.starts[group], part.starts[group + 1]):
                value = row[column]
                goes_left = part.missing_left[group] if np.isnan(value) else value <= part.split[node]
                left[part.tree[node]] &= -1 if goes_left else int(part.mask[node])
        leaves = [values[(mask & -mask).bit_length() - 1] for values, mask in zip(part.leaves, left, strict=True)]
        assert sum(leaves) == expected


def test_without_numba_trees_are_left_to_others(pytestconfig):
    asked = "import sys; sys.modules['numba'] = None; from tests.models.test_masked_trees import told_without; told_without()"
    told = subprocess.run([sys.executable, "-c", asked], cwd=pytestconfig.rootpath, capture_output=True, text=True)
    assert told.stdout == "left to others, and predicted all the same\n", told.stderr


def told_without():
    booster, matrix = trained()
    assert masked(booster.model_to_string(), matrix.shape[1]) is None
    np.testing.assert_array_equal(quick(booster.model_to_string(), matrix.shape[1])(matrix), booster.predict(matrix))
    print("left to others, and predicted all the same")
