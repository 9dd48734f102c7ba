"""How long LightGBM alone takes for the rows of one answer of `decide-http`: 500 rows, 30 features, 300 trees, one thread. Prints ms."""

from __future__ import annotations

import time

import numpy as np
from lightgbm import Dataset, train

ROWS, FEATURES, TREES, TIMES = 500, 30, 300, 60

if __name__ == "__main__":
    g = np.random.default_rng(0)
    rows = g.normal(size=(20_000, FEATURES))
    label = (rows[:, 0] + rows[:, 1] * rows[:, 2] + g.normal(size=len(rows)) > 0).astype(float)
    booster = train({"objective": "binary", "verbosity": -1, "num_threads": 1}, Dataset(rows, label), TREES)
    asked, took = rows[:ROWS], []
    for _ in range(TIMES):
        began = time.perf_counter()
        booster.predict(asked, num_threads=1)
        took.append(time.perf_counter() - began)
    print(np.median(took) * 1e3)
