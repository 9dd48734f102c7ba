"""Rows scored in parts on several threads give what the version gives for all of them, and nobody waits for a thread that hangs."""

import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.serve.facts import Installed, LiveFacts
from millrace.serve.pools import Pools
from millrace.serve.scoring import LEAST_S, MOST_CORES, Scoring, cores

ROW_S = LEAST_S / 100
"""How long a row takes here: a hundred are worth a part."""


class Doubled:
    """Scores a row by itself, in a time that it counts itself, and remembers on which threads."""

    def __init__(self):
        self.spent = Counter()
        self.sizes = []

    @property
    def threads(self):
        return set(self.spent)

    def now(self):
        """How long the calling thread has scored."""
        return self.spent[threading.get_ident()] * ROW_S

    def score(self, rows):
        self.spent[threading.get_ident()] += len(rows["x"])
        self.sizes.append(len(rows["x"]))
        return {"y": rows["x"] * 2, "spread": np.stack([rows["x"], -rows["x"]], axis=1)}


@pytest.fixture
def pools():
    made = Pools()
    yield made
    made.close()


def scoring(parts, version, pools):
    """Return what scores as a version does, that has scored some rows already and told of its time."""
    made = Scoring(parts, lambda call: pools.submit(-1, call), version.now).of(version)
    made.score({"x": np.zeros(100)})
    version.sizes.clear()
    version.spent.clear()
    return made


@given(st.integers(0, 500), st.integers(1, 6))
def test_parts_are_the_whole(n, parts):
    pools, version = Pools(), Doubled()
    rows = {"x": np.arange(n, dtype=np.float64)}
    found = scoring(parts, version, pools).score(rows)
    expected = Doubled().score(rows)
    assert {name: column.tolist() for name, column in found.items()} == {name: column.tolist() for name, column in expected.items()}
    assert sum(version.sizes) == n
    assert abs(len(version.sizes) - max(1, min(parts, MOST_CORES, n // 100))) <= (n % 100 == 0)  # a time is no exact number
    pools.close()


def test_rows_that_take_little_time_stay_on_the_callers_thread(pools):
    version = Doubled()
    scoring(2, version, pools).score({"x": np.zeros(199)})
    assert version.threads == {threading.get_ident()}


def test_first_rows_stay_on_the_callers_thread_for_nobody_knows_what_they_take(pools):
    version = Doubled()
    Scoring(2, lambda call: pools.submit(-1, call), version.now).of(version).score({"x": np.zeros(1000)})
    assert version.threads == {threading.get_ident()}


def test_few_rows_do_not_tell_what_one_takes(pools):
    version = Doubled()
    made = Scoring(2, lambda call: pools.submit(-1, call), version.now).of(version)
    made.score({"x": np.zeros(3)})
    made.score({"x": np.zeros(1000)})
    assert version.threads == {threading.get_ident()}


def test_part_that_no_thread_takes_is_scored_by_who_waits_for_it(pools):
    hung, version = threading.Event(), Doubled()
    for _ in range(64):  # more than there are threads
        pools.submit(-1, hung.wait)
    found = scoring(2, version, pools).score({"x": np.ones(300)})
    hung.set()
    assert found["y"].tolist() == [2.0] * 300
    assert version.threads == {threading.get_ident()}
    assert version.sizes == [150, 150]


def test_error_of_any_part_is_that_of_the_whole(pools):
    class Broken(Doubled):
        def score(self, rows):
            if rows["x"][-1] > 1:
                raise ValueError("bad row")
            return super().score(rows)

    made = scoring(2, Broken(), pools)
    with pytest.raises(ValueError, match="bad row"):
        made.score({"x": np.arange(300) / 150})


def test_what_retrieves_is_asked_as_it_is(pools):
    class Retriever(Doubled):
        def recall(self, queries, take):
            return queries

    one = Retriever()
    assert pools.scoring.of(one) is one


def test_cores_shared_among_many_processes_are_one_each():
    pools, version = Pools(share=10 * cores()), Doubled()
    assert pools.scoring.of(version) is version
    pools.close()


def test_live_facts_have_the_installed_version_score_in_parts_and_patient_ones_do_not(pools):
    model, version = object(), Doubled()
    pools.scoring = Scoring(2, lambda call: pools.submit(-1, call), version.now)
    pools.scoring.of(version).score({"x": np.zeros(100)})
    version.sizes.clear()
    known = {
        "view": None,
        "as_of": 10,
        "names": {id(model): "ranker"},
        "installed": Installed("r1", {"ranker": "v1"}),
        "load": lambda _: version,
    }
    rows = {"x": np.arange(300, dtype=np.float64)}
    assert LiveFacts(**known, pools=pools).version(model).score(rows)["y"].tolist() == (2 * rows["x"]).tolist()
    assert version.sizes == [150, 150]
    assert LiveFacts(**known).version(model) is version
