"""Rows as a scorer orders them, decision by decision, with ties broken by nobody: equal scores share the places they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from millrace.evaluation.inputs import groups, numbers
from millrace.types import Array


@dataclass(frozen=True)
class Ranked:
    """The rows of each decision from best score to worst.

    All arrays but `order`, `starts` and `blocks` have one entry per row in that order, decisions ascending. A block is a run of rows of one
    decision with the same score: any order among them is as likely as any other.

    Attributes:
        order: Where each row stood in the input.
        starts: Where each decision starts. Shape (decisions,).
        blocks: Where each block starts. Shape (blocks,).
        place: The row's place in its decision, 1 the best.
        within: The row's place in its block, 1 the first.
        size: How many rows its block has.
    """

    order: Array
    starts: Array
    blocks: Array
    place: Array
    within: Array
    size: Array

    @cached_property
    def sizes(self) -> Array:
        """How many rows each decision has. Shape (decisions,)."""
        return np.diff(np.append(self.starts, len(self.order)))

    def sums(self, values: Array) -> Array:
        """Return the sum over each decision of values that stand in this order. Shape (decisions,)."""
        return np.add.reduceat(values, self.starts)

    def in_block(self, values: Array) -> Array:
        """Return on each row the sum over its block of values that stand in this order."""
        return np.repeat(np.add.reduceat(values, self.blocks), self.size[self.blocks])

    def before(self, values: Array) -> Array:
        """Return on each row the sum over its decision of values that stand in better blocks than its own."""
        so_far = np.cumsum(values) - values
        return so_far[np.repeat(self.blocks, self.size[self.blocks])] - np.repeat(so_far[self.starts], self.sizes)


def ranked(score: Any, group: Any) -> Ranked:
    """Order rows by decision and, within it, by falling score.

    Args:
        score: What each row is ordered by; infinities are allowed. Shape (n,).
        group: The number of each row's decision, in any order. Shape (n,).

    Raises:
        BadInput: A score is missing, or the shapes differ.
    """
    score = numbers("score", score)
    group = groups(group, len(score))
    order = np.lexsort((-score, group))
    score, group = score[order], group[order]
    new_group = np.append(True, group[1:] != group[:-1])
    new_block = new_group.copy()
    new_block[1:] |= score[1:] != score[:-1]
    starts, blocks = np.flatnonzero(new_group), np.flatnonzero(new_block)
    row = np.arange(len(order))
    place = row - np.repeat(starts, np.diff(np.append(starts, len(row)))) + 1
    size = np.diff(np.append(blocks, len(row)))
    return Ranked(order, starts, blocks, place, row - np.repeat(blocks, size) + 1, np.repeat(size, size))
