"""Retrieval: was what was chosen later among what would have been proposed?"""

from dataclasses import dataclass, field

import numpy as np

from millrace.testing.scorers import Weighted
from millrace.training.retrieval import hits
from millrace.types import Array, Columns, objects


@dataclass
class Fixed:
    """Recalls the same for everybody, and keeps what it was asked."""

    ids: tuple[str, ...]
    asked: list[tuple[list[str], int]] = field(default_factory=list)

    def recall(self, queries: Array, take: int) -> Columns:
        self.asked.append((queries.tolist(), take))
        ids = self.ids[:take]
        return {"request": np.repeat(np.arange(len(queries)), len(ids)), "candidate": objects(ids * len(queries))}


def test_hit_is_a_candidate_among_the_first_recalled_for_its_own_query() -> None:
    version = Weighted("w", (), ids=tuple("abcdefgh"))
    query, candidate = objects(["u", "v", "u", "v"] * 8), objects(one for one in "abcdefgh" for _ in range(4))
    found = hits(version, query, candidate, 3)
    for asker, one, hit in zip(query, candidate, found, strict=True):
        assert hit == (one in version.recall(objects([asker]), 3)["candidate"].tolist())
    assert found.sum() == 2 * 2 * 3
    assert hits(version, query, candidate, 100).all()


def test_every_query_is_asked_once() -> None:
    version = Fixed(("a", "b"))
    assert hits(version, objects(["v", "u", "v"]), objects(["a", "b", "z"]), 2).tolist() == [True, True, False]
    assert version.asked == [(["u", "v"], 2)]


def test_no_later_events_are_no_hits_and_ask_nothing() -> None:
    version = Fixed(("a",))
    assert hits(version, objects([]), objects([]), 5).tolist() == []
    assert version.asked == []
