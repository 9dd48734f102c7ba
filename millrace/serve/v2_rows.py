"""Tensors as rows that a version can score, and the rows of several callers as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace.errors import BadInput
from millrace.models.declare import POSITION
from millrace.serve.v2_signature import Input, Signature
from millrace.serve.v2_tensors import BOOLEAN, TEXT
from millrace.serve.v2_wire import Tensor
from millrace.types import Array

MATRIX = ("features", "input-0")
"""What the one tensor may be called that holds all features side by side, where all are numbers."""


@dataclass(frozen=True)
class Rows:
    """What one caller wants scored.

    Attributes:
        numbers: The inputs that are numbers, in the order of the signature. float64, NaN where missing, shape (n, numbers).
        others: The other inputs, in the order of the signature: objects of str or None, or booleans. Shape (n,) each.
    """

    numbers: Array
    others: tuple[Array, ...]

    def __len__(self) -> int:
        return len(self.numbers)


def rows_of(signature: Signature, tensors: Sequence[Tensor], most: int) -> Rows:
    """Return the rows in tensors: one per feature by name, of the shape [n] or [n, 1], or one matrix [n, features] of numbers.

    Args:
        signature: What the version takes.
        tensors: What was sent.
        most: How many rows are taken at once.

    Raises:
        BadInput: An input is missing, unknown, there twice or of another datatype or shape, or there are too many rows or none.
    """
    if len(tensors) == 1 and tensors[0].name in MATRIX and tensors[0].name not in signature.places:
        return Rows(_matrix(signature, tensors[0], most), ())
    given = _by_place(signature, tensors)
    n = _count(tensors[0], most)
    numbers = np.empty((n, len(signature.numbers)))
    for at, place in enumerate(signature.numbers):
        numbers[:, at] = _column(signature.inputs[place], given[place], n)
    return Rows(numbers, tuple(_column(signature.inputs[place], given[place], n) for place in signature.others))


def columns_of(signature: Signature, batch: Sequence[Rows]) -> dict[str, Array]:
    """Return the rows of several callers, one after another, as columns of a version."""
    numbers = batch[0].numbers if len(batch) == 1 else np.concatenate([rows.numbers for rows in batch])
    found = {signature.inputs[place].column: numbers[:, at] for at, place in enumerate(signature.numbers)}
    for at, place in enumerate(signature.others):
        found[signature.inputs[place].column] = np.concatenate([rows.others[at] for rows in batch])
    return found | ({POSITION: np.zeros(len(numbers))} if signature.positioned else {})


def _matrix(signature: Signature, tensor: Tensor, most: int) -> Array:
    width = len(signature.inputs)
    if signature.others:
        name = signature.inputs[signature.others[0]].name
        raise BadInput(f"{tensor.name}: {name} is not a number, so each input is a tensor of its own", tensor.name)
    if len(tensor.shape) != 2 or tensor.shape[1] != width:
        raise BadInput(f"{tensor.name}: its shape is {tensor.shape}, and the {width} features of n rows have [n, {width}]", tensor.name)
    n = _rows(tensor, most)
    _check_numbers(tensor)
    return tensor.values.astype(np.float64, copy=False).reshape(n, width)


def _by_place(signature: Signature, tensors: Sequence[Tensor]) -> dict[int, Tensor]:
    given: dict[int, Tensor] = {}
    for tensor in tensors:
        place = signature.places.get(tensor.name)
        if place is None:
            raise BadInput(f"there is no input {tensor.name!r:.100}: the inputs are {_listed(signature.inputs)}", tensor.name)
        if place in given:
            raise BadInput(f"the input {tensor.name!r} is there twice: send it once", tensor.name)
        given[place] = tensor
    if len(given) < len(signature.inputs):
        missing = [one for place, one in enumerate(signature.inputs) if place not in given]
        raise BadInput(f"{len(missing)} inputs are missing, {_listed(missing)}: send NaN or null where a value is not known")
    return given


def _listed(inputs: Sequence[Input]) -> str:
    named = ", ".join(one.name for one in inputs[:10])
    return named if len(inputs) <= 10 else f"{named} and {len(inputs) - 10} more"


def _count(tensor: Tensor, most: int) -> int:
    if len(tensor.shape) != 1 and tensor.shape[1:] != [1]:
        raise BadInput(f"{tensor.name}: its shape is {tensor.shape}, and one value for each of n rows is [n] or [n, 1]", tensor.name)
    return _rows(tensor, most)


def _rows(tensor: Tensor, most: int) -> int:
    n = tensor.shape[0]
    if not 1 <= n <= most:
        raise BadInput(f"{tensor.name}: it has {n} rows: send at least 1 and at most {most:,}", tensor.name)
    return n


def _column(wanted: Input, tensor: Tensor, n: int) -> Array:
    if tensor.shape != [n] and tensor.shape != [n, 1]:
        raise BadInput(
            f"{tensor.name}: its shape is {tensor.shape}, and the first input has {n} rows: one value for each is [{n}]", wanted.name
        )
    if wanted.is_number:
        _check_numbers(tensor)
    elif tensor.datatype != wanted.datatype:
        raise BadInput(f"{tensor.name}: it is {wanted.datatype}, not {tensor.datatype}", wanted.name)
    return tensor.values


def _check_numbers(tensor: Tensor) -> None:
    if tensor.datatype in (TEXT, BOOLEAN):
        raise BadInput(f"{tensor.name}: it takes numbers, such as FP64, not {tensor.datatype}", tensor.name)
