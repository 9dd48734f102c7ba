"""A net's graph, run block by block: a row gets the same bits alone as among others.

Public: `runner`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from millrace.errors import BadInput
from millrace.models.net_graph import BLOCK
from millrace.types import Array

Run: TypeAlias = "Callable[[Array], Array]"

_OPERATORS = {"Gemm", "Relu", "Mul", "QuantizeLinear", "MatMulInteger", "Cast", "Add"}
"""All that our graphs are made of."""


def runner(model: bytes, inputs: int) -> Run:
    """Return what runs a graph that `net_graph` made.

    How many rows a product has decides which kernel computes it, and kernels round differently; so rows always go through in blocks of
    one size, the last one filled up with zeros.

    Args:
        model: The ONNX model.
        inputs: How many columns a row has.

    Returns:
        A function from float32 rows, shape (n, inputs), to float64 scores, shape (n,). It is safe to call from several threads, and runs
        on the caller's.

    Raises:
        BadInput: It is no such graph.
    """
    session = _session(model, inputs)

    def run(rows: Array) -> Array:
        out = np.empty(-(-len(rows) // BLOCK) * BLOCK, np.float32)
        for start in range(0, len(rows), BLOCK):
            out[start : start + BLOCK] = session.run(None, {"rows": _filled(rows[start : start + BLOCK])})[0][:, 0]
        return out[: len(rows)].astype(np.float64)

    return run


def _filled(rows: Array) -> Array:
    if len(rows) == BLOCK:
        return rows
    out = np.zeros((BLOCK, rows.shape[1]), np.float32)
    out[: len(rows)] = rows
    return out


def _session(model: bytes, inputs: int) -> Any:
    import onnxruntime

    if not _is_net(model):
        raise BadInput("it is not the graph of a net that this learner saves: restore the version or train it again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    if shape != [BLOCK, inputs]:
        raise BadInput(f"the graph takes {shape}, and rows have {inputs} columns: restore the version or train it again")
    return session


def _is_net(model: bytes) -> bool:
    """Return whether a graph is made of our operators alone, and holds all its numbers itself."""
    from onnx import TensorProto, load_model_from_string

    try:
        read = load_model_from_string(model)
    except Exception:  # protobuf's own, which is not ours to name
        return False
    held = all(one.data_location != TensorProto.EXTERNAL for one in read.graph.initializer)
    known = all(one.op_type in _OPERATORS and not one.domain for one in read.graph.node)
    return bool(read.graph.node) and held and known and not read.functions
