"""Rows scored in parts on several threads give what the version gives for all of them, and nobody waits for a thread that hangs."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.serve.facts import Installed, LiveFacts
from millrace.serve.pools import Pools
from millrace.serve.scoring import LEAST, MOST_CORES, Scoring, cores


class Doubled:
    """Scores a row by itself, and remembers on which threads."""

    def __init__(self):
        self.threads = set()
        self.sizes = []

    def score(self, rows):
        self.threads.add(threading.get_ident())
        self.sizes.append(len(rows["x"]))
        return {"y": rows["x"] * 2, "spread": np.stack([rows["x"], -rows["x"]], axis=1)}


@pytest.fixture
def pools():
    made = Pools()
    yield made
    made.close()


@given(st.integers(0, 5 * LEAST), st.integers(1, 6))
def test_parts_are_the_whole(n, parts):
    pools, version = Pools(), Doubled()
    rows = {"x": np.arange(n, dtype=np.float64)}
    found = Scoring(parts, lambda call: pools.submit(0, call)).of(version).score(rows)
    expected = Doubled().score(rows)
    assert {name: column.tolist() for name, column in found.items()} == {name: column.tolist() for name, column in expected.items()}
    assert sum(version.sizes) == n
    assert len(version.sizes) == max(1, min(parts, MOST_CORES, n // LEAST))
    pools.close()


def test_few_rows_stay_on_the_callers_thread(pools):
    version = Doubled()
    pools.scoring.of(version).score({"x": np.zeros(2 * LEAST - 1)})
    assert version.threads == {threading.get_ident()}


def test_part_that_no_thread_takes_is_scored_by_who_waits_for_it(pools):
    hung, version = threading.Event(), Doubled()
    for _ in range(64):  # more than there are threads
        pools.submit(-1, hung.wait)
    found = Scoring(2, lambda call: pools.submit(-1, call)).of(version).score({"x": np.ones(2 * LEAST)})
    hung.set()
    assert found["y"].tolist() == [2.0] * 2 * LEAST
    assert version.threads == {threading.get_ident()}


def test_error_of_any_part_is_that_of_the_whole(pools):
    class Broken:
        def score(self, rows):
            if rows["x"][-1] > 1:
                raise ValueError("bad row")
            return {"y": rows["x"]}

    rows = {"x": np.arange(2 * LEAST) / LEAST}
    with pytest.raises(ValueError, match="bad row"):
        Scoring(2, lambda call: pools.submit(0, call)).of(Broken()).score(rows)


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
    pools.scoring = Scoring(2, lambda call: pools.submit(-1, call))
    known = {
        "view": None,
        "as_of": 10,
        "names": {id(model): "ranker"},
        "installed": Installed("r1", {"ranker": "v1"}),
        "load": lambda _: version,
    }
    rows = {"x": np.arange(2 * LEAST, dtype=np.float64)}
    assert LiveFacts(**known, pools=pools).version(model).score(rows)["y"].tolist() == (2 * rows["x"]).tolist()
    assert version.sizes == [LEAST, LEAST]
    assert LiveFacts(**known).version(model) is version
