"""The simple answers, beside loops that say what they mean."""

from collections import Counter

import numpy as np

from millrace.datasets.floors import Taken, popularity, recall, together
from millrace.types import objects


def drawn(seed: int) -> tuple[dict[str, set[str]], Taken, list[str]]:
    """Return who took what, at random and some of it twice, and whom to ask about, a stranger among them."""
    rng = np.random.default_rng(seed)
    query, candidate = rng.integers(0, 12, 80), rng.integers(0, 9, 80)
    rows = [(f"q{one:02}", f"c{other}") for one, other in zip(query.tolist(), candidate.tolist(), strict=True)]
    took = {one: {other for who, other in rows if who == one} for one, _ in rows}
    asked = [*sorted(took)[:7], "stranger"]
    return took, Taken.of(objects(one for one, _ in rows), objects(one for _, one in rows), objects(asked)), asked


def lists(rows: dict, n: int) -> list[list[str]]:
    return [rows["candidate"][rows["request"] == one].tolist() for one in range(n)]


def best(score: dict[str, float], without: set[str], k: int) -> list[str]:
    return sorted((one for one in score if one not in without), key=lambda one: (-round(score[one], 9), one))[:k]


def test_popularity_is_how_many_took_it():
    for seed in range(20):
        took, taken, asked = drawn(seed)
        times = Counter(one for some in took.values() for one in some)
        assert lists(popularity(taken, 3), len(asked)) == [best(times, took.get(one, set()), 3) for one in asked]


def test_together_sums_the_cosines_to_what_was_taken():
    for seed in range(20):
        took, taken, asked = drawn(seed)
        by = {one: {who for who, some in took.items() if one in some} for some in took.values() for one in some}
        near = {(a, b): len(by[a] & by[b]) / (len(by[a]) * len(by[b])) ** 0.5 for a in by for b in by if a != b}
        for one, found in zip(asked, lists(together(taken, 3), len(asked)), strict=True):
            score = {other: sum(near.get((mine, other), 0.0) for mine in took.get(one, set())) for other in by}
            expected = best(score, took.get(one, set()), 3)
            assert [round(score[c], 9) for c in found] == [round(score[c], 9) for c in expected]


def test_recall_is_of_what_can_be_found_in_k_places():
    proposed = {"request": np.array([0, 0, 0, 1]), "candidate": objects(["a", "b", "c", "x"])}
    held = {"request": np.array([0, 0, 0, 1, 2]), "candidate": objects(["b", "c", "d", "x", "y"])}
    assert recall(proposed, held, 3, 2).tolist() == [0.5, 1.0, 0.0]
    assert recall(proposed, held, 3, 3).tolist() == [2 / 3, 1.0, 0.0]
