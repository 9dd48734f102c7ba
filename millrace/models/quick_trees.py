"""Whoever predicts in LightGBM's place in the least time: masks over leaves where rows are many, ONNX Runtime where they are few.

All return the same bits, so that nobody but a clock can tell who did.
"""

from __future__ import annotations

from collections.abc import Callable

from millrace.models.compiled_trees import compiled
from millrace.models.masked_trees import FEWEST_ROWS, masked
from millrace.types import Array


def quick(text: str, features: int) -> Callable[[Array], Array] | None:
    """Return what predicts as a model does, or None where LightGBM itself is the better choice. See `compiled` and `masked`."""
    few, many = compiled(text, features), masked(text, features)
    if few is None or many is None:
        return few or many
    return lambda matrix: many(matrix) if len(matrix) >= FEWEST_ROWS else few(matrix)
