from dataclasses import replace

import numpy as np
import pytest

from millrace.errors import BadInput, TrainingError
from millrace.models.factorization import ALS
from millrace.models.learner import Retriever
from millrace.types import objects, take
from tests.models.learner_laws import LearnerLaws, contents, plain


def pairs(*taken, label=None):
    queries, candidates = zip(*taken, strict=True)
    rows = {"query": objects(queries), "candidate": objects(candidates)}
    return plain(rows, played=np.ones(len(taken)) if label is None else label)


def checkerboard(n=12):
    """Even queries take even candidates and odd ones odd, but for the diagonal: what each should be offered next."""
    return pairs(*((f"q{i:02d}", f"c{j:02d}") for i in range(n) for j in range(n) if (i + j) % 2 == 0 and i != j))


def scattered(seed=0, n=300):
    rng = np.random.default_rng(seed)
    return pairs(*((f"q{i}", f"c{j}") for i, j in zip(rng.integers(0, 25, n), np.minimum(rng.geometric(0.1, n), 30), strict=True)))


class TestLaws(LearnerLaws):
    def make(self):
        return ALS(embedding_size=8, epochs=4)

    def examples(self):
        return scattered()

    def strange(self):
        return {"query": objects(["q1", "new", None, "new"]), "candidate": objects(["c1", "c1", "new", None])}


def test_checkerboard_is_completed():
    version = ALS(embedding_size=4).fit(checkerboard(), seed=0)
    queries = objects([f"q{i:02d}" for i in range(12)])
    found = version.recall(queries, take=6)
    for i in range(12):
        offered = set(found["candidate"][found["request"] == i])
        assert offered == {f"c{j:02d}" for j in range(i % 2, 12, 2)}


def test_recall_is_what_scoring_every_pair_and_sorting_gives():
    version = ALS(embedding_size=8, epochs=4).fit(scattered(), seed=0)
    queries = objects(["q3", "new", "q3", "q20"])
    found = version.recall(queries, take=7)
    assert found["request"].tolist() == [i for i in range(4) for _ in range(7)]
    for i, query in enumerate(queries):
        rows = {"query": objects([query] * len(version.candidates)), "candidate": version.candidates}
        score = version.score(rows)["played"]
        best = sorted(range(len(score)), key=lambda j, score=score: (-score[j], version.candidates[j]))[:7]
        mine = take(found, found["request"] == i)
        assert mine["candidate"].tolist() == [version.candidates[j] for j in best]
        np.testing.assert_array_equal(mine["score"], score[best])


def test_recall_is_the_same_alone_as_in_a_batch():
    version = ALS(embedding_size=8, epochs=4).fit(scattered(), seed=0)
    together = version.recall(version.queries, take=5)
    for i, query in enumerate(version.queries):
        alone = version.recall(objects([query]), take=5)
        mine = take(together, together["request"] == i)
        assert alone["candidate"].tolist() == mine["candidate"].tolist()
        np.testing.assert_array_equal(alone["score"], mine["score"])


def test_large_batch_is_recalled_whole():
    version = ALS(embedding_size=2, epochs=1).fit(pairs(*((f"q{i % 7}", f"c{i:04d}") for i in range(3000))), seed=0)
    queries = objects([f"q{i % 7}" for i in range(2000)])  # more scores than are held at once
    found, seven = version.recall(queries, take=2), version.recall(queries[:7], take=2)
    assert found["request"].tolist() == [i for i in range(2000) for _ in range(2)]
    assert found["candidate"].tolist() == [seven["candidate"][2 * (i % 7) + place] for i in range(2000) for place in range(2)]


def test_equal_candidates_come_in_the_order_of_their_ids():
    version = ALS(embedding_size=2).fit(pairs(("q", "b"), ("q", "d"), ("q", "a"), ("q", "c")), seed=0)
    alike = replace(version, candidate_vectors=np.ones((4, 2)))
    assert alike.recall(objects(["q"]), take=3)["candidate"].tolist() == ["a", "b", "c"]


def test_unknown_query_is_offered_what_is_popular():
    version = ALS(embedding_size=8).fit(scattered(), seed=0)
    ids, counts = np.unique(scattered().rows["candidate"].astype(str), return_counts=True)
    popular = set(ids[np.argsort(-counts)[:5]])
    offered = version.recall(objects(["new"]), take=5)["candidate"].tolist()
    assert len(popular & set(offered)) >= 4
    assert offered == version.recall(objects([None]), take=5)["candidate"].tolist()


def test_unknown_candidate_scores_nothing():
    version = ALS(embedding_size=8).fit(scattered(), seed=0)
    assert version.score({"query": objects(["q1", "new"]), "candidate": objects(["new", None])})["played"].tolist() == [0, 0]


def test_fewer_candidates_than_asked_for_are_all_recalled():
    version = ALS(embedding_size=2).fit(pairs(("q", "a"), ("p", "b")), seed=0)
    found = version.recall(objects(["q", "p"]), take=50)
    assert found["request"].tolist() == [0, 0, 1, 1]
    assert found["candidate"].tolist() == ["a", "b", "b", "a"]


def test_no_queries_recall_nothing():
    found = ALS(embedding_size=2).fit(pairs(("q", "a"), ("p", "b")), seed=0).recall(objects([]), take=3)
    assert {name: (column.dtype.kind, len(column)) for name, column in found.items()} == {
        "request": ("i", 0),
        "candidate": ("O", 0),
        "score": ("f", 0),
    }


def test_order_of_the_examples_does_not_matter(tmp_path):
    examples = scattered()
    examples.weight[:] = np.random.default_rng(1).random(len(examples))
    order = np.random.default_rng(2).permutation(len(examples))
    shuffled = plain(take(examples.rows, order), played=examples.labels["played"])
    shuffled.weight[:] = examples.weight[order]
    for name, part in (("first", examples), ("second", shuffled)):
        ALS(embedding_size=8).fit(part, seed=0).save(tmp_path / name)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_pair_taken_twice_is_a_pair_of_twice_the_weight():
    twice = pairs(("q", "a"), ("q", "a"), ("p", "b"), ("q", "b"))
    once = pairs(("q", "a"), ("p", "b"), ("q", "b"))
    once.weight[0] = 2
    mine, theirs = (ALS(embedding_size=3).fit(part, seed=0) for part in (twice, once))
    np.testing.assert_array_equal(mine.candidate_vectors, theirs.candidate_vectors)


def test_pairs_not_taken_need_no_rows():
    taken = [("q", "a"), ("p", "b"), ("q", "b")]
    mine = ALS(embedding_size=3).fit(pairs(*taken, ("p", "a"), ("r", "a"), label=[1, 1, 1, 0, np.nan]), seed=0)
    theirs = ALS(embedding_size=3).fit(pairs(*taken), seed=0)
    assert mine.queries.tolist() == ["p", "q"]
    np.testing.assert_array_equal(mine.query_vectors, theirs.query_vectors)


def test_version_is_a_retriever():
    assert isinstance(ALS(embedding_size=2).fit(pairs(("q", "a"), ("p", "b")), seed=0), Retriever)


def test_second_outcome_is_refused():
    examples = plain(scattered().rows, played=np.ones(300), liked=np.ones(300))
    with pytest.raises(TrainingError, match="ALS learns one outcome and the model has more, played, liked: declare a model for each"):
        ALS().fit(examples, seed=0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"query": objects(["q"])}, "'candidate' is not one of ids"),
        ({"query": np.array([1]), "candidate": objects(["c"])}, "'query' is not one of ids"),
        ({"query": objects([None]), "candidate": objects(["c"])}, "a row has none in 'query': leave such rows out"),
    ],
)
def test_rows_that_are_no_pairs_of_ids_are_refused(rows, message):
    with pytest.raises(BadInput, match=message):
        ALS().fit(plain(rows, played=[1]), seed=0)


def test_nothing_to_take_is_refused():
    with pytest.raises(BadInput, match="recall at least 1 candidate"):
        ALS(embedding_size=2).fit(pairs(("q", "a")), seed=0).recall(objects(["q"]), take=0)
