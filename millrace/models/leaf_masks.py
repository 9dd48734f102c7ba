"""Trees as masks over their leaves: which leaves of a tree are out of reach for a row that does not go left at one of its nodes.

A row that goes right at a node reaches no leaf of its left branch. Of the leaves that no such node takes away, the leftmost is the row's.
So nodes need not be visited in the order of their trees: those of a column are taken by their thresholds, and once a threshold is at least
the row's value none after it matters.

Source: Lucchese et al. (2015), QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from millrace.models.tree_text import DEFAULT_LEFT, IS_CATEGORY, MISSING, NAN, WORD, categories, wholes
from millrace.types import Array

_HALF, _MOST_LEAVES = 32, 64
_MOST_CELLS = 4_000_000
"""The tables of categories take 32 MB at most."""


@dataclass(frozen=True)
class LeafMasks:
    """All nodes of some trees: those that split by number in groups of one column, then those that split by category.

    Attributes:
        column: Which column each group asks about.
        missing_left: Whether what is missing goes left in it.
        starts: Where each group's nodes start, with the end after the last. Shape (groups + 1,).
        split: The greatest number that goes left at each node, ascending in a group.
        tree: Each node's tree.
        mask: The leaves that are left to a row that goes right: bit i is the i-th leaf from the left. uint32 or uint64.
        category_column: Which column each group of splits by category asks about.
        category_end: The first category that no node of the group knows: it goes right, as do all after it.
        category_starts: Where each such group's nodes start, with the end after the last.
        category_tree: Each such node's tree.
        categories: The leaves that are left to a row, by node and category: end + 1 cells each, the last for what it does not know.
        leaves: The value of each leaf from left to right. Shape (trees, leaves).
    """

    column: Array
    missing_left: Array
    starts: Array
    split: Array
    tree: Array
    mask: Array
    category_column: Array
    category_end: Array
    category_starts: Array
    category_tree: Array
    categories: Array
    leaves: Array


def leaf_masks(trees: Sequence[Mapping[str, str]]) -> LeafMasks | None:
    """Return trees as masks; None where one has more than 64 leaves or takes zero for missing, or where categories would take too much."""
    values = [list(map(float, tree["leaf_value"].split())) for tree in trees]
    kinds = {kind for tree in trees for kind in wholes(tree.get("decision_type", ""))}
    most = max(map(len, values))
    if most > _MOST_LEAVES or any(not kind & IS_CATEGORY and kind & MISSING not in (0, NAN) for kind in kinds):
        return None
    word = np.uint32 if most <= _HALF else np.uint64
    splits: list[_Split] = []
    choices: list[_Choice] = []
    leaves = np.zeros((len(trees), most))
    for place, tree in enumerate(trees):
        order, masks = _from_left(tree)
        leaves[place, : len(order)] = [values[place][leaf] for leaf in order]
        for node in _nodes(tree, place, masks):
            splits.append(node) if isinstance(node, _Split) else choices.append(node)
    ends = {column: max(one.end for one in choices if one.column == column) for column in {one.column for one in choices}}
    if sum(ends[one.column] + 1 for one in choices) > _MOST_CELLS:
        return None
    return LeafMasks(**_by_number(sorted(splits, key=_Split.place), word), **_by_category(choices, ends, word), leaves=leaves)


@dataclass(frozen=True)
class _Split:
    """A node that splits by number: at most `most` goes left."""

    column: int
    missing_left: bool
    most: float
    tree: int
    mask: int

    def place(self) -> tuple[int, bool, float]:
        return self.column, self.missing_left, self.most


@dataclass(frozen=True)
class _Choice:
    """A node that splits by category: those whose bits are set go left."""

    column: int
    words: Sequence[int]
    tree: int
    mask: int

    @property
    def end(self) -> int:
        """The first category that it does not know."""
        return WORD * len(self.words)


def _from_left(tree: Mapping[str, str]) -> tuple[list[int], list[int]]:
    """Return the leaves from left to right, and for each node the mask of all leaves but those of its left branch."""
    left, right = (wholes(tree.get(name, "")) for name in ("left_child", "right_child"))
    order: list[int] = []
    masks = [0] * len(left)

    def enter(node: int) -> None:
        if node < 0:
            order.append(~node)
            return
        first = len(order)
        enter(left[node])
        masks[node] = ~((1 << len(order)) - (1 << first))
        enter(right[node])

    enter(0 if left else ~0)
    return order, masks


def _nodes(tree: Mapping[str, str], place: int, masks: Sequence[int]) -> Iterator[_Split | _Choice]:
    words, ends = wholes(tree.get("cat_threshold", "")), list(pairwise(wholes(tree.get("cat_boundaries", ""))))
    kinds, columns = (wholes(tree.get(name, "")) for name in ("decision_type", "split_feature"))
    for kind, column, said, mask in zip(kinds, columns, tree.get("threshold", "").split(), masks, strict=True):
        if kind & IS_CATEGORY:
            first, end = ends[int(float(said))]
            yield _Choice(column, words[first:end], place, mask)
        else:
            # Where nothing was missing in training, LightGBM takes a NaN for 0.
            yield _Split(column, kind & DEFAULT_LEFT > 0 if kind & NAN else float(said) >= 0, float(said), place, mask)


def _by_number(nodes: Sequence[_Split], word: type) -> dict[str, Array]:
    groups = Counter(node.place()[:2] for node in nodes)  # in the order of the nodes
    return {
        "column": np.array([column for column, _ in groups], np.int64),
        "missing_left": np.array([left for _, left in groups], np.bool_),
        "starts": np.cumsum([0, *groups.values()]),
        "split": np.array([node.most for node in nodes], np.float64),
        "tree": np.array([node.tree for node in nodes], np.int64),
        "mask": _words([node.mask for node in nodes], word),
    }


def _by_category(nodes: Sequence[_Choice], ends: Mapping[int, int], word: type) -> dict[str, Array]:
    nodes = sorted(nodes, key=lambda node: node.column)
    groups = Counter(node.column for node in nodes)
    return {
        "category_column": np.array(list(groups), np.int64),
        "category_end": np.array([ends[column] for column in groups], np.int64),
        "category_starts": np.cumsum([0, *groups.values()]),
        "category_tree": np.array([node.tree for node in nodes], np.int64),
        "categories": np.concatenate([np.zeros(0, word), *(_cells(node, ends[node.column], word) for node in nodes)]),
    }


def _cells(node: _Choice, end: int, word: type) -> Array:
    """Return the leaves that are left to a row by its category; the last cell is for all from `end` on, and for none."""
    cells = np.full(end + 1, _words([node.mask], word)[0])
    cells[categories(node.words)] = np.iinfo(word).max
    return cells


def _words(masks: Sequence[int], word: type) -> Array:
    every = int(np.iinfo(word).max)
    return np.array([mask & every for mask in masks], word)
