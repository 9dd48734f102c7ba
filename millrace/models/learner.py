"""The contract between training and the models: examples in, an immutable version out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from millrace.errors import BadInput
from millrace.models.grouping import group_starts
from millrace.types import Array, Columns, take

QUERY = "query"
"""The column of retrieval examples that holds who or what is asked for: ids."""

CANDIDATE = "candidate"
"""The column of retrieval examples that holds what may answer: ids."""


@dataclass(frozen=True)
class Examples:
    """Rows to learn from: what was known, what came of it, and how much each row counts.

    Rows are in the order of the log. Rows of one decision share a `group` and lie together, so that a ranking loss can compare them
    and a split in time never cuts a decision in two.

    Args:
        rows: The features by column name, shape (n,) each: float64, int64 or bool, or object arrays of str for categories. Missing is
            NaN or None. For retrieval, the two id columns `query` and `candidate`.
        labels: A float64 column per outcome, shape (n,) each; NaN where the outcome is not known.
        weight: How many times the row counts, at least 0. Shape (n,).
        group: The decision the row belongs to, int64. Shape (n,).
        at: When the row happened, int64 microseconds since 1970 UTC. Shape (n,).

    Raises:
        BadInput: The columns differ in length, a weight is negative or not finite, or the rows of a group do not lie together.
    """

    rows: Columns
    labels: Columns
    weight: Array
    group: Array
    at: Array

    def __post_init__(self) -> None:
        n = len(self.weight)
        for name, column in [*self.rows.items(), *self.labels.items(), ("group", self.group), ("at", self.at)]:
            if len(column) != n:
                raise BadInput(f"examples are columns of one length: {name!r} has {len(column)} rows, `weight` has {n}", field=name)
        if n and not (np.isfinite(self.weight).all() and self.weight.min() >= 0):
            raise BadInput("the weights of examples are finite and at least 0: give a row that must not count the weight 0", field="weight")
        if len(group_starts(self.group)) != len(np.unique(self.group)):
            raise BadInput("the rows of one group lie together: sort the examples by decision", field="group")

    def __len__(self) -> int:
        return len(self.weight)

    def part(self, index: Array) -> Examples:
        """Return the examples at `index`, positions in rising order or a boolean mask. Shape (k,) or (n,)."""
        return Examples(take(self.rows, index), take(self.labels, index), self.weight[index], self.group[index], self.at[index])


class Version(Protocol):
    """A trained model: immutable, stored as data, the same answer for a row whatever else is in the batch."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The label columns it predicts, in the order of the examples it was fitted on."""
        ...

    def score(self, rows: Columns) -> Columns:
        """Predict every row: a float64 column per head, shape (n,), and whatever other columns the learner documents.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the version into `folder`, made if need be, as JSON, LightGBM text and arrays: nothing that can be executed."""
        ...


@runtime_checkable
class Retriever(Version, Protocol):
    """A version that can also find the best candidates of all it has learnt about."""

    def recall(self, queries: Array, take: int) -> Columns:
        """Find the `take` best candidates for each query id, best first.

        Returns:
            `request`, the position of the query in `queries` (int64), `candidate` (ids) and `score` (float64), grouped by request.
        """
        ...


@runtime_checkable
class Explained(Version, Protocol):
    """A version whose scores are a sum with one term per feature."""

    @property
    def features(self) -> tuple[str, ...]:
        """The feature columns, in the order of the contributions."""
        ...

    def contributions(self, rows: Columns) -> Columns:
        """Split every raw score over the features: a float64 column per head, shape (n, features + 1), the base value last.

        A row of contributions adds up to the raw score: the log-odds where the head is a probability, the score itself elsewhere.
        """
        ...


class Learner(Hashable, Protocol):
    """An algorithm with its settings: a frozen value that fits versions and reads them back."""

    def fit(self, examples: Examples, seed: int) -> Version:
        """Learn a version. Equal examples and seed give the same version, byte for byte.

        Raises:
            TrainingError: The examples cannot teach what is asked; the message names the outcome and the counts.
        """
        ...

    def load(self, folder: Path) -> Version:
        """Read a version that a learner of this kind saved.

        Raises:
            NotFound: The folder does not hold a version.
            BadInput: It holds one of another learner, or a damaged one.
        """
        ...
