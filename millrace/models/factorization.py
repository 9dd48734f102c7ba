"""Matrix factorization of what was taken by whom: a retriever that needs no features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from millrace.decision import FORGOTTEN
from millrace.errors import BadInput, TrainingError
from millrace.models.folder import read_array, read_json, write_array, write_json
from millrace.models.labels import heads_of, labelled
from millrace.models.learner import CANDIDATE, QUERY, Examples
from millrace.models.least_squares import factorize
from millrace.models.settings import positive, whole
from millrace.types import Array, Columns, objects

_NAME = "ALS"
_CELLS = 1 << 21
"""Scores held at once while recalling: 16 MiB."""


@dataclass(frozen=True, kw_only=True)
class ALS:
    """Implicit-feedback matrix factorization by alternating least squares.

    It learns from pairs of a `query` and a `candidate`: a label above 0 says that the pair was taken, and label × weight how strongly.
    Other pairs need no rows: each counts as a weak "not taken". It knows only ids: an id that came after training has no vector, and
    gets the average query's answer.

    Args:
        embedding_size: The length of the vectors, 1 to 1024.
        epochs: How many times both sides are solved, 1 to 1000.
        reg: The penalty on long vectors, per unit of the confidence they are in, in (0, 1e6]. Too little and the few pairs of a small
            query are learnt by heart.
        confidence: How much more a pair taken once counts than one never taken, in (0, 1e6].

    Source: Hu, Koren & Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets.
    """

    embedding_size: int = 64
    epochs: int = 10
    reg: float = 0.03
    confidence: float = 30.0
    recalls: ClassVar[bool] = True
    """Its versions are retrievers: they can propose candidates."""

    def __post_init__(self) -> None:
        whole(self, "embedding_size", 1, 1024)
        whole(self, "epochs", 1, 1000)
        positive(self, "reg", 1e6)
        positive(self, "confidence", 1e6)

    def fit(self, examples: Examples, seed: int) -> ALSVersion:
        """Learn a vector per query and per candidate. The order of the examples does not matter.

        Raises:
            TrainingError: There is not exactly one outcome, or no pair was taken.
            BadInput: The rows have no column of ids `query` or `candidate`, or an id is missing.
        """
        from scipy.sparse import csr_array
        from threadpoolctl import threadpool_limits

        head = _only_head(examples)
        taken = _taken(examples, head)
        queries, row = _numbered(examples, QUERY, taken)
        candidates, column = _numbered(examples, CANDIDATE, taken)
        strength = self.confidence * examples.labels[head][taken] * examples.weight[taken]
        order = np.lexsort((strength, column, row))  # so that sums of repeated pairs round alike whatever the order
        extra = csr_array((strength[order], (row[order], column[order])), shape=(len(queries), len(candidates)))
        extra.sum_duplicates()
        with threadpool_limits(1):  # sums would differ in the last digit with the number of cores
            left, right = factorize(extra, self.embedding_size, self.epochs, self.reg, np.random.default_rng(seed))
        return ALSVersion(head, queries, candidates, np.vstack([left, left.mean(axis=0)]), right)

    def load(self, folder: Path) -> ALSVersion:
        """Read a version that an `ALS` of any settings saved."""
        saved = read_json(folder, "als.json", _Saved)
        queries, candidates = objects(saved.queries), objects(saved.candidates)
        left = read_array(folder, "queries.npy", (len(queries) + 1, saved.embedding_size))
        right = read_array(folder, "candidates.npy", (len(candidates), left.shape[1]))
        known, there = queries != FORGOTTEN, candidates != FORGOTTEN  # nobody is scored or recalled as who was forgotten
        return ALSVersion(saved.head, queries[known], candidates[there], left[[*known, True]], right[there])


@dataclass(frozen=True, eq=False)
class ALSVersion:
    """Vectors of queries and candidates; a score is their product, near 1 for what is taken and near 0 for what is not.

    An unknown query has the average of all query vectors, so it is offered what is popular among all. An unknown candidate has no
    vector: its score is 0, and it is never recalled.

    Args:
        head: The outcome it predicts.
        queries: The known query ids, sorted. Shape (n,).
        candidates: The known candidate ids, sorted. Shape (m,).
        query_vectors: A vector per query, that of the unknown ones last. Shape (n + 1, embedding_size).
        candidate_vectors: A vector per candidate. Shape (m, embedding_size).
    """

    head: str
    queries: Array
    candidates: Array
    query_vectors: Array
    candidate_vectors: Array

    @property
    def heads(self) -> tuple[str, ...]:
        """The one outcome it predicts."""
        return (self.head,)

    def score(self, rows: Columns) -> Columns:
        """Return the product of the vectors of each row's `query` and `candidate` as a float64 column, shape (n,).

        Raises:
            BadInput: The rows have no column of ids `query` or `candidate`.
        """
        left = self.query_vectors[_places(_ids(rows, QUERY), self._query_places)]
        column = _places(_ids(rows, CANDIDATE), self._candidate_places)
        unknown = column == len(self.candidates)
        right = self.candidate_vectors[np.where(unknown, 0, column)]
        return {self.head: np.where(unknown, 0.0, np.vecdot(left, right))}

    def recall(self, queries: Array, take: int) -> Columns:
        """Find the `take` best candidates for each query, exactly; of equal ones, the one whose id sorts first.

        Args:
            queries: Query ids; an unknown one gets what the average query would. Shape (n,).
            take: How many to find, at least 1; fewer are found when there are fewer.

        Returns:
            `request` (position in `queries`, int64), `candidate` (id) and `score` (the same number as `score` gives), by request and
            best first.

        Raises:
            BadInput: `take` is less than 1.
        """
        if take < 1:
            raise BadInput(f"take={take}: recall at least 1 candidate per query", field="take")
        left = self.query_vectors[_places(queries, self._query_places)]
        chunk = max(1, _CELLS // len(self.candidates))
        parts = [self._best(left[start : start + chunk], start, take) for start in range(0, max(len(left), 1), chunk)]
        request, column, score = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return {"request": request, "candidate": self.candidates[column], "score": score}

    def save(self, folder: Path) -> None:
        """Write `als.json` and the vectors as arrays."""
        size = self.query_vectors.shape[1]
        write_json(folder, "als.json", _Saved(self.head, size, self.queries.tolist(), self.candidates.tolist()))
        write_array(folder, "queries.npy", self.query_vectors)
        write_array(folder, "candidates.npy", self.candidate_vectors)

    def _best(self, left: Array, first: int, take: int) -> tuple[Array, Array, Array]:
        # One product per pair: a matrix product would round differently as the batch grows, and not agree with `score`.
        scores = np.vecdot(left[:, None, :], self.candidate_vectors)
        take = min(take, len(self.candidates))
        last_in = np.partition(scores, -take, axis=1)[:, [-take]]
        row, column = np.nonzero(scores >= last_in)  # more than `take` where several equal the last one
        score = scores[row, column]
        order = np.lexsort((column, -score, row))
        place = np.arange(len(row)) - np.searchsorted(row, row)
        order = order[place < take]
        return row[order] + first, column[order], score[order]

    @cached_property
    def _query_places(self) -> dict[str, int]:
        return {query: place for place, query in enumerate(self.queries.tolist())}

    @cached_property
    def _candidate_places(self) -> dict[str, int]:
        return {candidate: place for place, candidate in enumerate(self.candidates.tolist())}


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    head: str
    embedding_size: int
    queries: list[str]
    candidates: list[str]


def _only_head(examples: Examples) -> str:
    head, *more = heads_of(examples, _NAME)
    if more:
        raise TrainingError(f"{_NAME} learns one outcome and the model has more, {', '.join([head, *more])}: declare a model for each")
    return head


def _taken(examples: Examples, head: str) -> Array:
    index = labelled(examples, head, _NAME)
    taken = index[examples.labels[head][index] > 0]
    if len(taken) == 0:
        raise TrainingError(
            f"{_NAME} cannot learn {head!r}: its labelled rows hold 0 positives and {len(index)} others, and it learns from "
            f"the pairs that were taken; take a longer history or check the outcome's window"
        )
    return taken


def _numbered(examples: Examples, name: str, index: Array) -> tuple[Array, Array]:
    """Return the ids in a column, sorted, and the place of each row's among them."""
    ids = _ids(examples.rows, name)[index].tolist()
    if not all(isinstance(found, str) for found in ids):
        raise BadInput(f"{_NAME} learns from pairs of ids, and a row has none in {name!r}: leave such rows out", field=name)
    known = sorted(set(ids))
    places = {found: place for place, found in enumerate(known)}
    return objects(known), np.fromiter(map(places.__getitem__, ids), dtype=np.int64, count=len(ids))


def _ids(rows: Columns, name: str) -> Array:
    column = rows.get(name)
    if column is None or column.dtype.kind != "O":
        raise BadInput(f'{_NAME} reads ids from the columns "{QUERY}" and "{CANDIDATE}", and {name!r} is not one of ids', field=name)
    return column


def _places(ids: Array, known: dict[str, int]) -> Array:
    """Return the place of each id, that after the last for an unknown one."""
    return np.fromiter(map(known.get, ids.tolist(), repeat(len(known))), dtype=np.int64, count=len(ids))
