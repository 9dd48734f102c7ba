"""What small models are worth and cost: LightGBM's own prediction beside ours, and nets and a distilled student beside both.

Ours is twice: ONNX Runtime, which runs few rows, and with Numba for many. The ratio is of the latter.

One binary outcome of 30 numbers, a part of them missing: sums, products, waves and steps, whose true probability is known. LightGBM learns
300 trees; its `Booster.predict` on one thread and ours run in turns on the same trees, and equal bits are asserted. Then other learners of
the same rows: how near each is to the outcomes of rows that none has seen, its bytes, its time. Time is that of the thread that works, so
that what else the machine does counts less; the ratio is the median over pairs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from millrace.evaluation.metrics import metric
from millrace.models.compiled_trees import compiled
from millrace.models.distilled import Distilled
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.learner import Examples, Learner, Version
from millrace.models.logistic import Logistic
from millrace.models.perceptron import Perceptron
from millrace.models.quick_trees import quick
from millrace.types import Array, Columns, take

FEATURES, TREES = 30, 300
SIZES = (1, 64, 500)
FEW = {"trees": 40, "learning_rate": 0.2, "patience": None}
TEACHER = GradientBoosting(trees=TREES, patience=None)
LEARNERS: dict[str, Learner] = {
    "GradientBoosting(trees=300)": TEACHER,
    "GradientBoosting(trees=40)": GradientBoosting(**FEW),
    "300 trees distilled into 40": Distilled(TEACHER, into=GradientBoosting(loss="squared", **FEW)),
    "300 trees distilled into a net": Distilled(TEACHER, into=Perceptron(loss="squared")),
    "Perceptron, float32": Perceptron(),
    "Perceptron, int8": Perceptron(weights="int8"),
    "Perceptron(512, 256), float32": Perceptron(hidden=(512, 256), epochs=5),
    "Perceptron(512, 256), int8": Perceptron(hidden=(512, 256), epochs=5, weights="int8"),
    "Logistic": Logistic(),
}


def world(n: int, seed: int) -> tuple[Examples, Array]:
    """Return rows with an outcome, and the probability it had."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(n, FEATURES))
    wave, product, step = 1.5 * np.sin(2 * x[:, 0]), x[:, 1] * x[:, 2], (x[:, 4] > 0.5) * x[:, 5]
    odds = wave + product + 0.7 * np.abs(x[:, 3]) + 0.5 * step + x[:, 6:12] @ np.linspace(0.1, 0.5, 6) - 1.5
    truth = 1 / (1 + np.exp(-odds))
    x[chance.random(x.shape) < 0.02] = np.nan
    rows = {f"x{i}": x[:, i] for i in range(FEATURES)}
    order = np.arange(n)
    return Examples(rows, {"y": (chance.random(n) < truth).astype(float)}, np.ones(n), order, order * 1_000_000), truth


def took(run: Callable[[], Any]) -> float:
    """Return the milliseconds this thread worked on something."""
    began = time.thread_time_ns()
    run()
    return (time.thread_time_ns() - began) / 1e6


def in_turns(one: Callable[[], Any], other: Callable[[], Any], pairs: int) -> tuple[float, float, float]:
    """Return the median milliseconds of both, run in turns, and the median of the first's over the second's by pair."""
    _ = one(), other()
    runs = [(took(one), took(other)) for _ in range(pairs)]
    mine, theirs = (statistics.median(side) for side in zip(*runs, strict=True))
    return mine, theirs, statistics.median(first / second for first, second in runs)


def beside_lightgbm(version: Any, rows: Columns, pairs: int) -> float:
    """Print LightGBM's own prediction beside ours by number of rows, from the same matrix; return the ratio at the most."""
    booster, text = version.boosters["y"], version.texts["y"]
    ratio = float("nan")
    for name, ours in (("ONNX Runtime", compiled(text, FEATURES)), ("with Numba", quick(text, FEATURES))):
        assert ours is not None
        for n in SIZES:
            matrix = version.encoding.matrix(take(rows, slice(n)))
            np.testing.assert_array_equal(booster.predict(matrix, num_threads=1), ours(matrix))
            sides = lambda m=matrix: booster.predict(m, num_threads=1), lambda m=matrix, ours=ours: ours(m)
            before, after, ratio = in_turns(*sides, pairs)
            print(f"{name:13} {n:4} rows: Booster.predict {before:7.3f} ms, ours {after:7.3f} ms, ratio {ratio:5.2f}")
    return ratio


def told(name: str, version: Version, later: Examples, truth: Array, pairs: int) -> None:
    """Print what a version is worth and what it costs."""
    score, label = version.score(later.rows)["y"], later.labels["y"]
    worth = [metric(one).of({"score": score, "label": label}) for one in ("auc", "log_loss")]
    with tempfile.TemporaryDirectory() as folder:
        version.save(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    times = [statistics.median(took(lambda n=n: version.score(take(later.rows, slice(n)))) for _ in range(pairs)) for n in SIZES]
    off = np.abs(score - truth).mean()
    print(
        f"{name:32} {worth[0]:7.4f} {worth[1]:9.4f} {off:8.4f} {size / 1000:9.1f} {times[0]:9.3f} {times[1]:9.3f} {times[2]:9.3f}",
        flush=True,
    )


def main(
    rows: Annotated[int, typer.Option(help="How many rows are learned from.")] = 20_000,
    pairs: Annotated[int, typer.Option(help="How many times each is timed.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the rows and of the learners.")] = 0,
) -> None:
    """Measure LightGBM beside ours, and small models beside large; the last line is `models ratio=<its time / ours at 500 rows>`."""
    (examples, _), (later, truth) = world(rows, seed), world(20_000, seed + 1)
    print(f"{rows:,} rows to learn from, {FEATURES} features, {TREES} trees, one thread; milliseconds of that thread, medians of {pairs}")
    version = TEACHER.fit(examples, seed)
    ratio = beside_lightgbm(version, later.rows, pairs)
    print("equal: every prediction, to the last bit\n")
    best = [metric(one).of({"score": truth, "label": later.labels["y"]}) for one in ("auc", "log_loss")]
    print(f"{'20,000 unseen rows':32} {'auc':>7} {'log loss':>9} {'off by':>8} {'kB':>9} " + " ".join(f"{f'{n} ms':>9}" for n in SIZES))
    print(f"{'the truth itself':32} {best[0]:7.4f} {best[1]:9.4f} {0:8.4f}")
    for name, learner in LEARNERS.items():
        told(name, version if learner is TEACHER else learner.fit(examples, seed), later, truth, pairs)
    print(f"models ratio={ratio:.2f}")


if __name__ == "__main__":
    typer.run(main)
