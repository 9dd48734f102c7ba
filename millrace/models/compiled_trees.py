"""LightGBM's trees run by ONNX Runtime: the same sums, bit for bit, in less time.

Public: `compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from millrace.models.category_sets import CategorySets
from millrace.models.tree_text import DEFAULT_LEFT, MISSING, NAN, link, trees, wholes
from millrace.types import Array

_MOST_LEAVES = 1_000_000
"""Larger ensembles stay with LightGBM: to turn them would take gigabytes."""
_MOST_COLUMNS, _MOST_CELLS = 2_000, 1_000_000
"""Up to as many columns the operator was measured to be quicker; the tables that make them take 8 MB at most."""
_TOGETHER = 200_000
"""How many numbers of widened rows are scored together: 1.6 MB, which stays in a processor's cache."""
_LEQ, _SUM, _NO_TRANSFORM = 0, 1, 0
"""How the operator says "at most", "the sum of the trees", and "as it is"."""

Predict: TypeAlias = "Callable[[Array], Array]"


def compiled(text: str, features: int) -> Predict | None:
    """Return what predicts as a model does, or None where LightGBM itself is the better choice.

    That is where splits are by very many different sets of categories, and where there are very many leaves.

    Args:
        text: LightGBM's model text, of a model with one output.
        features: How many columns a row has.

    Returns:
        A function from a float64 matrix, shape (n, features), n at least 1, to what `Booster.predict` returns for it: float64, shape
        (n,). It is safe to call from several threads, and runs on the caller's.
    """
    made = link(text)
    if made is None:
        return None
    nodes, found = _Nodes(), list(trees(text))
    sets = CategorySets(found, features)
    if sets.columns > max(features, _MOST_COLUMNS) or sets.cells > _MOST_CELLS:
        return None
    for tree in found:
        if not nodes.add(sets.by_number(tree)) or len(nodes.leaves) > _MOST_LEAVES:
            return None
    session = _session(nodes, sets.columns)

    def run(rows: Array) -> Array:
        return session.run(None, {"rows": rows})[0][:, 0]

    score = run if sets.columns == features else _in_parts(run, sets)
    return lambda matrix: made(score(np.ascontiguousarray(matrix, np.float64)))


def _in_parts(run: Predict, sets: CategorySets) -> Predict:
    """Return what widens rows and scores them, as many together as is quickest."""
    widened, most = sets.widening(), max(16, _TOGETHER // sets.columns)

    def score(matrix: Array) -> Array:
        return np.concatenate([run(widened(matrix[first : first + most])) for first in range(0, len(matrix), most)])

    return score


@dataclass
class _Nodes:
    """The inner nodes and leaves of all trees, one after the other, as the operator takes them."""

    feature: list[int] = field(default_factory=list)
    split: list[float] = field(default_factory=list)
    missing_left: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    left_is_leaf: list[int] = field(default_factory=list)
    right_is_leaf: list[int] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def add(self, tree: dict[str, str]) -> bool:
        """Add a tree that splits by number, and return True; False, with nothing added, if it takes zero for missing."""
        kinds = wholes(tree.get("decision_type", ""))
        if any(kind & MISSING not in (0, NAN) for kind in kinds):
            return False
        first, leaf = len(self.feature), len(self.leaves)
        self.roots.append(first)
        self.leaves += map(float, tree["leaf_value"].split())
        if not kinds:  # a tree of one leaf; the operator wants a node above it
            self._inner([0], [0.0], [0], [-1], [-1], first, leaf)
            return True
        splits = list(map(float, tree["threshold"].split()))
        # Where nothing was missing in training, LightGBM takes a NaN for 0.
        missing = [kind & DEFAULT_LEFT > 0 if kind & NAN else split >= 0 for kind, split in zip(kinds, splits, strict=True)]
        children = wholes(tree["left_child"]), wholes(tree["right_child"])
        self._inner(wholes(tree["split_feature"]), splits, list(map(int, missing)), *children, first, leaf)
        return True

    def _inner(
        self, feature: list[int], split: list[float], missing: list[int], left: list[int], right: list[int], first: int, leaf: int
    ) -> None:
        """Add inner nodes; a child below 0 is a leaf, -1 the first."""
        self.feature += feature
        self.split += split
        self.missing_left += missing
        for children, places, are_leaves in ((left, self.left, self.left_is_leaf), (right, self.right, self.right_is_leaf)):
            places += [leaf + ~child if child < 0 else first + child for child in children]
            are_leaves += [int(child < 0) for child in children]


def _session(nodes: _Nodes, features: int) -> Any:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node(
        "TreeEnsemble",
        ["rows"],
        ["scores"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=_SUM,
        post_transform=_NO_TRANSFORM,
        tree_roots=nodes.roots,
        nodes_featureids=nodes.feature,
        nodes_modes=numpy_helper.from_array(np.full(len(nodes.feature), _LEQ, np.uint8), "modes"),
        nodes_splits=numpy_helper.from_array(np.array(nodes.split, np.float64), "splits"),
        nodes_truenodeids=nodes.left,
        nodes_trueleafs=nodes.left_is_leaf,
        nodes_falsenodeids=nodes.right,
        nodes_falseleafs=nodes.right_is_leaf,
        nodes_missing_value_tracks_true=nodes.missing_left,
        leaf_targetids=[0] * len(nodes.leaves),
        leaf_weights=numpy_helper.from_array(np.array(nodes.leaves, np.float64), "weights"),
    )
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, features])
    scores = helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None, 1])
    graph = helper.make_graph([node], "trees", [rows], [scores])
    opsets = [helper.make_opsetid("ai.onnx.ml", 5), helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
