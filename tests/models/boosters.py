"""LightGBM's models as an oracle: trained on what is missing, tiny, huge or a category, and rows beyond what they learned from."""

import lightgbm as lgb
import numpy as np


def trained(objective="binary", rows=600, features=4, missing=0.1, trees=12, seed=0, leaves=31, noisy=False):
    """Return a booster and what it learned from: labels that are nearly clear, or noise, which grows all the leaves there may be."""
    g = np.random.default_rng(seed)
    matrix = g.normal(size=(rows, features)) * 10.0 ** g.integers(-3, 9, features)
    matrix[g.random(matrix.shape) < missing] = np.nan
    matrix[g.random(matrix.shape) < 0.1] = 0.0
    value = g.normal(size=rows) if noisy else np.nan_to_num(matrix[:, 0])
    label = (value > 0).astype(float) if objective != "regression" else value
    options = {"objective": objective, "verbosity": -1, "min_data_in_leaf": 5, "num_threads": 1, "num_leaves": leaves}
    return lgb.train(options, lgb.Dataset(matrix, label, group=[rows] if objective == "lambdarank" else None), trees), matrix


def strange(matrix, seed=1):
    """Return rows that are like those learned from, and beyond: missing, infinite, tiny, exactly on a split."""
    g = np.random.default_rng(seed)
    rows = matrix[g.integers(0, len(matrix), 400)].copy()
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 1e300, -1e300])
    put = g.random(rows.shape) < 0.3
    rows[put] = values[g.integers(0, len(values), put.sum())]
    return rows


def by_category(categories=40, rows=2000, trees=12, missing=0.1, seed=0, objective="binary"):
    """Return a booster that splits by two columns of categories and one of numbers, and what it learned from."""
    g = np.random.default_rng(seed)
    matrix = np.column_stack([g.integers(0, categories, rows), g.integers(0, 5, rows), g.normal(size=rows)]).astype(float)
    taste = g.normal(size=categories)[matrix[:, 0].astype(int)] + g.normal(size=5)[matrix[:, 1].astype(int)] + matrix[:, 2]
    matrix[g.random(matrix.shape) < missing] = np.nan
    data = lgb.Dataset(matrix, (taste > 0).astype(float), categorical_feature=[0, 1], params={"min_data_per_group": 5, "cat_smooth": 1})
    options = {"objective": objective, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1}
    return lgb.train(options, data, trees), matrix


def beyond(matrix, categories, seed=1):
    """Return rows as `strange`, with categories that are none: unknown, below 0, between two, missing, beyond all integers."""
    rows = strange(matrix, seed)
    g = np.random.default_rng(seed)
    values = np.array([-1.0, -0.5, 0.5, 1.999, categories, categories + 1, 31, 32, 63.5, 64, 1e6, 2.0**31, 2.0**32, 2.0**63, -(2.0**31)])
    put = g.random((len(rows), 2)) < 0.3
    rows[:, :2][put] = values[g.integers(0, len(values), put.sum())]
    return rows
