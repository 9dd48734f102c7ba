"""Normal beliefs in the weights of a linear model: the columns they belong to, and what they say of rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from millrace.models.design import Design
from millrace.models.encoding import Encoding
from millrace.models.folder import read_array, write_array
from millrace.types import Array, Columns

_MOST_CATEGORIES = 200
"""A column has no more categories of its own: a belief holds a number for every pair of weights."""


def design_of(rows: Columns) -> Design:
    """Return the design of rows, with a weight for every category: one that is new shares what is known of no category, nothing."""
    return Design.fit(Encoding.fit(rows, rarest=1, most=_MOST_CATEGORIES), rows)


def width(design: Design | None) -> int:
    """Return how many weights belong to a design: one for each column, after the first, which every row has."""
    return 1 if design is None else 1 + design.width


def written(design: Design | None, rows: Columns, n: int) -> Array:
    """Return rows written out: a 1, then the columns of the design, if there is one yet. float64, shape (n, width)."""
    out = np.ones((n, width(design)))
    if design is not None:
        out[:, 1:] = design.columns(rows).toarray()
    return out


def said(x: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
    """Return the mean and the variance of each row's sum. Shape (n,) each.

    Args:
        x: The rows. Shape (n, width).
        mean: Of the weights. Shape (width,).
        covariance: Of the weights. Shape (width, width).
    """
    # Row by row: a matrix product would round differently as the batch grows.
    bent = np.vecdot(x[:, None, :], covariance)
    return np.vecdot(x, mean), np.maximum(np.vecdot(bent, x), 0.0)


def save_design(folder: Path, design: Design | None, arrays: Mapping[str, Array]) -> None:
    """Write the arrays of a design, if there is one, and others."""
    scales = {} if design is None else {"mean": design.mean, "scale": design.scale}
    for name, array in {**scales, **arrays}.items():
        write_array(folder, f"{name}.npy", array)


def load_design(folder: Path, encoding: Encoding | None) -> Design | None:
    """Read the arrays of a design whose encoding was read; None where there was none yet."""
    if encoding is None:
        return None
    numbers = (len(encoding.positions("number", "boolean")),)
    return Design(encoding, read_array(folder, "mean.npy", numbers), read_array(folder, "scale.npy", numbers))
