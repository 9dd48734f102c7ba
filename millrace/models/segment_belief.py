"""Beliefs that each combination of the features' values has of its own: what is learned of it, and what is known of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from millrace.models.belief import taught
from millrace.models.learner import Examples
from millrace.models.resets import kept_since
from millrace.models.segments import Segments
from millrace.types import Array, Columns, size, take


class Apart(NamedTuple):
    """The rows that teach a learner, told apart. Shape (k,) each.

    Attributes:
        head: The one outcome.
        segments: The combinations that were seen.
        number: That of each row.
        label: The outcome of each.
        weight: How much each still counts.
    """

    head: str
    segments: Segments
    number: Array
    label: Array
    weight: Array

    def added(self, *values: Array) -> Array:
        """Return the weighted sums of values by segment. Shape (segments, len(values))."""
        n = len(self.segments.keys)
        return np.column_stack([np.bincount(self.number, weights=self.weight * one, minlength=n) for one in values])


def told_apart(learner: Any, examples: Examples) -> Apart:
    """Return the rows that teach a learner with `decay`, `window` and `reset`.

    Raises:
        TrainingError: There is not one outcome, or no row has a label.
        BadInput: A feature is not one number, boolean or text per row.
    """
    head, index, label, weight = taught(learner, examples)
    rows = take(examples.rows, index)
    segments = Segments.of(rows, list(rows))
    number = segments.numbers(rows)
    return Apart(head, segments, number, label, weight * kept_since(number, label) if learner.reset else weight)


def known_of(rows: Columns, segments: Segments, sums: Array) -> Array:
    """Return the sums of each row's segment, zeros for one that was never seen. Shape (len(sums[0]), rows).

    Raises:
        BadInput: A feature of the training examples is missing.
    """
    number = segments.numbers(rows) if len(sums) else np.full(size(rows), -1)
    return np.vstack([sums, np.zeros((1, sums.shape[1]))])[number].T  # -1, which was never seen, is the last
