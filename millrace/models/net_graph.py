"""A small net as an ONNX graph, in float32 or in whole numbers of 8 bits.

Public: `Layer`, `in_float32`, `in_int8`, `BLOCK`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace.types import Array

BLOCK = 64
"""How many rows a graph takes: always as many, so that the same kernel runs whatever is asked."""

_MIDDLE, _MOST, _FARTHEST = 128, 255, 127
"""What stands for 0 where numbers have both signs; the largest whole number; how far from the middle the others lie."""
_FLOAT = 1
"""ONNX's number for float32."""
_TINY = np.finfo(np.float32).tiny
_COMMON = 0.999
"""The share of the training rows whose numbers are told apart; the few beyond would take the steps away from all others."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What a layer does to its inputs: a product and a sum, float32. Shapes (inputs, outputs) and (outputs,)."""

    weights: Array
    bias: Array


def in_float32(layers: Sequence[Layer]) -> bytes:
    """Return the graph of a net: every layer but the last cuts its outputs off below 0.

    Args:
        layers: The first takes the rows, the last has one output.

    Returns:
        An ONNX model from `rows`, float32, shape (BLOCK, inputs), to scores, float32, shape (BLOCK, 1).
    """
    graph, name = _Graph(), "rows"
    for i, layer in enumerate(layers):
        name = graph.node("Gemm", name, graph.constant(layer.weights), graph.constant(layer.bias))
        name = name if _is_last(i, layers) else graph.node("Relu", name)
    return graph.model(len(layers[0].weights), name)


def in_int8(layers: Sequence[Layer], rows: Array) -> bytes:
    """Return the graph of the same net, its products of whole numbers of 8 bits.

    Every input of a layer is counted in steps of its own, learnt on the training rows and the same for all batches; what lies beyond the
    rows' 99.9 % is cut off. The steps are in the weights that multiply them, which are then counted in steps per output; what their
    rounding takes from an output on average is added to its bias. Sums of whole numbers are exact, on every processor: both factors are
    unsigned, since some processors cut the sums of mixed ones off.

    Args:
        layers: As for `in_float32`.
        rows: Training rows. float32, shape (n, inputs), n at least 1.

    Returns:
        As for `in_float32`.
    """
    graph, values, steps = _Graph(), rows, _steps(rows, _FARTHEST)
    name = graph.node("Mul", "rows", graph.constant(1 / steps))
    for i, layer in enumerate(layers):
        middle = graph.constant(np.uint8(_MIDDLE if i == 0 else 0))  # after a cut-off at 0 nothing is negative
        whole = graph.node("QuantizeLinear", name, graph.constant(np.float32(1)), middle)
        folded = layer.weights * steps[:, None]
        weights, unit = _whole(folded)
        lost = (values / steps).mean(axis=0) @ (folded - _restored(weights, unit))  # the same for every row, so it can be given back
        product = graph.node("MatMulInteger", whole, graph.constant(weights), middle, graph.constant(np.uint8(_MIDDLE)))
        values = np.maximum(values @ layer.weights + layer.bias, 0)
        # What the next layer counts in is divided by here already: a cut-off at 0 does not mind.
        steps = np.ones(1, np.float32) if _is_last(i, layers) else _steps(values, _MOST)
        scaled = graph.node("Mul", graph.node("Cast", product, to=_FLOAT), graph.constant(unit / steps))
        name = graph.node("Add", scaled, graph.constant((layer.bias + lost) / steps))
        name = name if _is_last(i, layers) else graph.node("Relu", name)
    return graph.model(len(layers[0].weights), name)


def _whole(weights: Array) -> tuple[Array, Array]:
    """Return weights as whole numbers around the middle, and the unit that each output's are counted in. Shape (outputs,)."""
    unit = np.maximum(np.abs(weights).max(axis=0), _TINY) / np.float32(_FARTHEST)
    return (np.rint(weights / unit) + _MIDDLE).astype(np.uint8), unit


def _restored(weights: Array, unit: Array) -> Array:
    return (weights.astype(np.float32) - _MIDDLE) * unit


def _steps(values: Array, most: int) -> Array:
    """Return the step in which each column is counted, so that what it commonly holds is `most` steps at most. Shape (columns,)."""
    found = np.ones(values.shape[1], np.float32)
    for i, column in enumerate(values.T):
        there = np.abs(column[column != 0])  # the zeros are exact in any step, and many where a column tells of something rare
        if len(there):
            found[i] = max(np.quantile(there, _COMMON), _TINY) / most
    return found


def _is_last(i: int, layers: Sequence[Layer]) -> bool:
    return i == len(layers) - 1


@dataclass
class _Graph:
    """Nodes and constants as they are added, each named by its number."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, **settings: Any) -> str:
        from onnx import helper

        name = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **settings))
        return name

    def model(self, inputs: int, scores: str) -> bytes:
        from onnx import helper

        given = helper.make_tensor_value_info("rows", _FLOAT, [BLOCK, inputs])
        returned = helper.make_tensor_value_info(scores, _FLOAT, [BLOCK, 1])
        graph = helper.make_graph(self.nodes, "net", [given], [returned], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
