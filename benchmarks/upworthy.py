"""What choosing by belief would have saved the magazine: regret of bandits against uniform tests, on the arms of real headline tests.

The archive holds no single impressions, so each arm's share of clicks is taken for its truth and impressions are drawn anew: as many for
each test as it had, in fifty turns, after each of which beliefs are brought up to date (outcomes come late, in batches). Regret is the
clicks lost to the best arm. As the best arm is partly luck, that is more than could have been gained in truth; the luck is the same for all
choosers. The prior of the last line is fitted to the other half of the tests.

    .venv/bin/python benchmarks/upworthy.py                          # 400 tests, from MILLRACE_DATA or the folder given
    .venv/bin/python benchmarks/upworthy.py --arms other.parquet     # any file with clickability_test_id, impressions, clicks, test_week
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from millrace.datasets.loading import read
from millrace.datasets.shares import shares
from millrace.datasets.table import Table, read_parquet
from millrace.datasets.upworthy import UPWORTHY, Arms, arms
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.policy.bandits import UCB1, EpsilonGreedy, Thompson
from millrace.policy.choosing import Chooser
from millrace.types import Array

Prior = tuple[float, float]
NEEDED = ("clickability_test_id", "impressions", "clicks", "test_week")


class Regret(NamedTuple):
    """What a chooser lost on one test: clicks, and the share of the impressions that the best arm got."""

    clicks: float
    best: float


def replay(rates: Array, impressions: int, chooser: Chooser | None, prior: Prior, turns: int, rng: np.random.Generator) -> Regret:
    """Return what a chooser loses on one test; None is the uniform test.

    Args:
        rates: The arms' shares of clicks. Shape (arms,).
        impressions: How many there are.
        chooser: Who chooses.
        prior: Clicks and misses taken for seen of each arm.
        turns: After how many parts of the impressions beliefs are brought up to date.
        rng: What is drawn from.
    """
    k = len(rates)
    clicks, shown = np.zeros(k), np.zeros(k, dtype=np.int64)
    for part in np.diff(np.linspace(0, impressions, turns + 1).astype(np.int64)):
        a, b = prior[0] + clicks, prior[1] + shown - clicks
        mean = a / (a + b)
        spread = np.sqrt(mean * (1 - mean) / (a + b + 1))
        believed = {"score": mean, SPREAD: spread, SEEN: shown.astype(float), IS_SHARE: np.ones(k, dtype=bool)}
        chance = np.full(k, 1 / k) if chooser is None else chooser.chances(believed, 1)
        drawn = rng.multinomial(part, chance / chance.sum())
        clicks += rng.binomial(drawn, rates)
        shown += drawn
    return Regret(float(impressions * rates.max() - shown @ rates), float(shown[rates.argmax()] / impressions))


def fitted(found: Arms, tests: Array) -> Prior:
    """Return the beta distribution of the arms' shares of clicks over some tests, by moments, without the noise of each share."""
    mine = np.isin(found.test, tests)
    rates = found.rates[mine]
    mean = rates.mean()
    true = max(rates.var() - (rates * (1 - rates) / found.impressions[mine]).mean(), 1e-9)
    total = mean * (1 - mean) / true - 1
    return float(mean * total), float((1 - mean) * total)


def table_of(file: Path | None, folder: Path | None) -> Table:
    """Return the table of arms: of a file of the same columns, or of the folder of data sets."""
    if file is None:
        return read(UPWORTHY, folder)["arms"]
    return read_parquet(file, {name: UPWORTHY.tables["arms"][name] for name in NEEDED})


def main(
    file: Annotated[Path | None, typer.Option("--arms", help="A Parquet file of arms; else the archive's.")] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of data sets; else MILLRACE_DATA.")] = None,
    tests: Annotated[int, typer.Option(help="How many tests, drawn by digest; 0 is all.")] = 400,
    turns: Annotated[int, typer.Option(help="How often beliefs are brought up to date in a test.")] = 50,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
) -> None:
    found = arms({"arms": table_of(file, data)}, doubtful=file is not None)
    names = shares((str(one) for one in range(int(found.test.max()) + 1)), "replayed")
    order = np.argsort(names)
    judged, rest = order[: len(order) // 2], order[len(order) // 2 :]
    judged = judged[:tests] if tests else judged
    prior = fitted(found, rest)
    choosers: dict[str, tuple[Chooser | None, Prior]] = {
        "uniform": (None, (1, 1)),
        "EpsilonGreedy(epsilon=0.1)": (EpsilonGreedy(epsilon=0.1), (1, 1)),
        "UCB1()": (UCB1(), (1, 1)),
        "Thompson()": (Thompson(), (1, 1)),
        f"Thompson(), prior {prior[0]:.1f}, {prior[1]:.0f}": (Thompson(), prior),
    }
    which = [np.flatnonzero(found.test == one) for one in judged]
    sizes = np.mean([(len(one), found.impressions[one].sum()) for one in which], axis=0)
    print(f"{len(judged)} tests of {sizes[0]:.1f} arms and {sizes[1]:,.0f} impressions")
    print(f"{'':38} clicks lost a test   of uniform   to the best arm   seconds")
    lost: dict[str, float] = {}
    for name, (chooser, believed) in choosers.items():
        rng, began = np.random.default_rng(seed), time.thread_time()
        each = [replay(found.rates[one], int(found.impressions[one].sum()), chooser, believed, turns, rng) for one in which]
        lost[name] = float(np.mean([one.clicks for one in each]))
        error = np.std([one.clicks for one in each]) / np.sqrt(len(each))
        best, took = np.mean([one.best for one in each]), time.thread_time() - began
        print(f"{name:38} {lost[name]:9.1f} ± {error:4.1f} {lost[name] / lost['uniform']:12.2f} {best:17.1%} {took:9.1f}")
    print(f"upworthy ratio={lost['uniform'] / lost['Thompson()']:.2f}")


if __name__ == "__main__":
    typer.run(main)
