"""LightGBM's trees by masks over their leaves, in code that Numba makes for this machine: the same sums, bit for bit, of many rows at once.

Public: `masked`, `FEWEST_ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from millrace.models.leaf_masks import LeafMasks, leaf_masks
from millrace.models.tree_text import link, trees
from millrace.types import Array

FEWEST_ROWS = 32
"""Fewer rows are scored in less time tree by tree: here each comparison is of many rows at once."""
_TREES, _ROWS = 512, 128
"""How many trees and rows are taken together: what is left of their leaves stays in a processor's cache."""


def masked(text: str, features: int) -> Callable[[Array], Array] | None:
    """Return what predicts as a model does, or None where it cannot.

    It takes trees of up to 64 leaves. The first call in a process compiles, which takes some seconds.

    Args:
        text: LightGBM's model text, of a model with one output.
        features: How many columns a row has.

    Returns:
        A function from a float64 matrix, shape (n, features), n at least 1, to what `Booster.predict` returns for it: float64, shape
        (n,). It is safe to call from several threads, runs on the caller's, and lets others run meanwhile.
    """
    made, found = link(text), list(trees(text))
    parts = [leaf_masks(found[first : first + _TREES]) for first in range(0, len(found), _TREES)]
    given = [_arguments(part) for part in parts if part is not None]
    if made is None or len(given) < len(parts):
        return None
    try:
        add = _compiled()
    except ImportError:  # Numba does not go with every newer NumPy
        return None

    def predict(matrix: Array) -> Array:
        rows, out = np.ascontiguousarray(matrix, np.float64), np.zeros(len(matrix))
        for part in given:
            add(rows, out, *part)
        return made(out)

    predict(np.zeros((1, features)))  # compiled now, and not while the first who asks waits
    return predict


def _arguments(part: LeafMasks) -> tuple[Any, ...]:
    by_number = part.column, part.missing_left, part.starts, part.split, part.tree, part.mask
    by_category = part.category_column, part.category_end, part.category_starts, part.category_tree, part.categories
    return by_number, by_category, part.mask.dtype.type(np.iinfo(part.mask.dtype).max), part.leaves


@cache
def _compiled() -> Callable[..., None]:
    """Return what adds the sums of trees to those of the trees before them."""
    from numba import njit

    compiled = njit(nogil=True, error_model="numpy")
    go_by_number, go_by_category, leftmost = _going_by_number(compiled), _going_by_category(compiled), _leftmost()

    @compiled
    def add(matrix: Array, out: Array, by_number: Any, by_category: Any, every: Any, leaves: Array) -> None:
        left = np.empty((len(leaves), _ROWS), by_number[-1].dtype)
        for start in range(0, len(matrix), _ROWS):
            values = matrix[start : start + _ROWS]
            left[:] = every
            go_by_number(left, every, values, len(values), by_number)
            go_by_category(left, values, len(values), by_category)
            for tree in range(len(leaves)):
                for row in range(len(values)):
                    out[start + row] += leaves[tree, leftmost(left[tree, row])]

    return add


def _leftmost() -> Any:
    """Return what finds the lowest bit that is set, by the machine's own instruction."""
    from numba import types
    from numba.extending import intrinsic

    def lowest_bit(_context: Any, word: Any) -> Any:
        def place(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            return builder.cttz(given[0], context.get_constant(types.boolean, True))

        return word(word), place

    return intrinsic(lowest_bit)


def _going_by_number(compiled: Any) -> Any:
    """Return what takes away the leaves that rows cannot reach for their numbers."""

    @compiled
    def go(left: Array, every: Any, values: Array, n: int, nodes: Any) -> None:
        column, missing_left, starts, split, tree, mask = nodes
        x = np.empty(left.shape[1])
        for group in range(len(column)):
            greatest, is_missing = -np.inf, False
            for row in range(n):
                x[row] = values[row, column[group]]
                is_missing |= x[row] != x[row]
                greatest = max(greatest, x[row]) if x[row] == x[row] else greatest
            x[n:] = -np.inf
            for node in range(starts[group], starts[group + 1]):
                most, mine, right = split[node], left[tree[node]], mask[node]
                if missing_left[group]:
                    if most >= greatest:
                        break
                    for row in range(len(x)):
                        mine[row] &= right if x[row] > most else every
                else:
                    if most >= greatest and not is_missing:
                        break
                    for row in range(len(x)):
                        mine[row] &= every if x[row] <= most else right

    return go


def _going_by_category(compiled: Any) -> Any:
    """Return what takes away the leaves that rows cannot reach for their categories."""

    @compiled
    def go(left: Array, values: Array, n: int, nodes: Any) -> None:
        column, end, starts, tree, cells = nodes
        category = np.zeros(left.shape[1], np.int64)
        first = 0
        for group in range(len(column)):
            for row in range(n):
                value = values[row, column[group]]  # LightGBM cuts off what is behind the point; NaN is neither
                category[row] = np.int64(value) if -1 < value < end[group] else end[group]
            for node in range(starts[group], starts[group + 1]):
                mine = left[tree[node]]
                for row in range(len(category)):
                    mine[row] &= cells[first + category[row]]
                first += end[group] + 1

    return go
