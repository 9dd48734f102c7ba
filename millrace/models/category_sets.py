"""Splits by category turned into splits by number, with the same rows on each side.

Each set of categories that a split asks about becomes a column: 0 where the row's category is in the set, else 1, split at 0.5. LightGBM
sends right whatever is in no set: a category it does not know, one below 0, and what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeAlias

import numpy as np

from millrace.models.tree_text import IS_CATEGORY, WORD, categories, wholes
from millrace.types import Array

_Asked: TypeAlias = "tuple[int, tuple[int, ...]]"
"""What a split by category asks: of which feature, and the words whose bits are the categories that go left."""


class CategorySets:
    """The sets of categories that trees ask about, each a column after those of the features.

    Args:
        trees: The trees, as settings by name.
        features: How many columns a row has.

    Attributes:
        columns: How many columns a widened row has.
    """

    def __init__(self, trees: Sequence[dict[str, str]], features: int) -> None:
        asked = sorted({one for tree in trees for _, one in _splits(tree)})  # those of a feature side by side
        self._features = features
        self._place = {one: features + place for place, one in enumerate(asked)}
        self.columns = features + len(asked)

    @property
    def cells(self) -> int:
        """How many numbers the tables of `widening` hold."""
        return sum(len(of) * (_last([words for _, words in of]) + 1) for of in self._by_feature())

    def by_number(self, tree: dict[str, str]) -> dict[str, str]:
        """Return a tree with splits by number on the columns of its sets."""
        found = list(_splits(tree))
        if not found:
            return tree
        kind, feature, split = (tree[name].split() for name in ("decision_type", "split_feature", "threshold"))
        for node, asked in found:
            kind[node], feature[node], split[node] = "0", str(self._place[asked]), "0.5"
        return {**tree, "decision_type": " ".join(kind), "split_feature": " ".join(feature), "threshold": " ".join(split)}

    def widening(self) -> Callable[[Array], Array]:
        """Return what adds the columns of the sets to a float64 matrix, shape (n, features) to (n, columns)."""
        blocks = [_Block.of(found[0][0], [words for _, words in found]) for found in self._by_feature()]
        ends = np.cumsum([self._features, *(block.table.shape[1] for block in blocks)]).tolist()

        def widened(matrix: Array) -> Array:
            out = np.empty((len(matrix), self.columns))
            out[:, : self._features] = matrix
            for block, (first, end) in zip(blocks, pairwise(ends), strict=True):
                out[:, first:end] = block.columns(matrix)
            return out

        return widened

    def _by_feature(self) -> list[list[_Asked]]:
        return [list(found) for _, found in groupby(self._place, key=lambda one: one[0])]


def _splits(tree: dict[str, str]) -> Iterator[tuple[int, _Asked]]:
    """Yield the node of each split by category, and what it asks."""
    if "cat_threshold" not in tree:
        return
    words, ends = wholes(tree["cat_threshold"]), list(pairwise(wholes(tree["cat_boundaries"])))
    nodes = zip(wholes(tree["decision_type"]), wholes(tree["split_feature"]), tree["threshold"].split(), strict=True)
    for node, (kind, feature, which) in enumerate(nodes):
        if kind & IS_CATEGORY:
            first, end = ends[int(float(which))]
            yield node, (feature, tuple(words[first:end]))


def _last(sets: Sequence[tuple[int, ...]]) -> int:
    """Return a category that is in no set, nor is any after it."""
    return WORD * max(map(len, sets))


@dataclass(frozen=True)
class _Block:
    """The columns of one feature's sets: a row of the table for each category, the last for all that are in none."""

    feature: int
    table: Array

    @staticmethod
    def of(feature: int, sets: Sequence[tuple[int, ...]]) -> _Block:
        table = np.ones((_last(sets) + 1, len(sets)), dtype=bool)
        for column, words in enumerate(sets):
            table[categories(words), column] = False
        return _Block(feature, table)

    def columns(self, matrix: Array) -> Array:
        category, last = matrix[:, self.feature], len(self.table) - 1
        is_known = (category > -1) & (category < last)  # LightGBM cuts off what is behind the point; NaN is neither
        return self.table[np.where(is_known, category, last).astype(np.int64)]
